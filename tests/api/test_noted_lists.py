"""Who saw this child is answered from the audit: whomever a list tells of stands in the set its entry names."""

import httpx
import pytest

from service.domain.access import Role
from tests.api.test_conflicts import disagree
from tests.api.test_matrix import unpacked
from tests.api.test_uploads import newcomers
from tests.matrix import NOBODY, UNKNOWN, WHY, Asked, Key, Laid, asked, lists
from tests.village import Village, cohorts_files, ids_of, sheet

QA = str(Role.SENIOR_MANAGER_SAFEGUARDING_QA)
WRONG = {"spell_id": "AEX2", "eclipse_id": "EX2", "code": "U", "started_on": "2020-01-06", "ended_on": "2019-12-01"}
# Their figures are of people whom no row of theirs need name.
COUNTS: frozenset[Key] = frozenset({("GET", "/v1/tracker"), ("GET", "/v1/campaigns/{campaign_id}")})
# Accounts, and what one opened oneself.
OF_ACCOUNTS: frozenset[Key] = frozenset({("GET", "/v1/users"), ("GET", "/v1/audit/mine")})
# The lists that have rows of people to tell of once all is laid out.
TELLING: frozenset[Key] = COUNTS | {
    ("GET", path)
    for path in (
        "/v1/people", "/v1/people/merges", "/v1/conflicts", "/v1/ingest/batches/{batch_id}/held", "/v1/forms/{form}",
        "/v1/data-quality/rows", "/v1/referrals", "/v1/restrictions",
    )
}  # fmt: skip


def ok(answer: httpx.Response) -> httpx.Response:
    assert answer.status_code in (200, 201), (str(answer.request.url), answer.text)
    return answer


@pytest.fixture
def laid(village: Village) -> Laid:
    """Something for every list to tell: a conflict, a merge, a referral, restrictions, a campaign, a push that waits.

    EX5 and NO1 are restricted.
    """
    newcomers(village)
    village.ids = ids_of(village.engine)
    village.sign_in(Role.IRO, name="Colleague")
    disagree(village)
    twice = {"keep": {"eclipse_id": "EX3"}, "merge": {"eclipse_id": "EX4"}, "reason": WHY}
    ok(village.post("head", "/v1/people/merge", twice | {"although_births_differ": True}))
    colleagues = ok(village.get("head", "/v1/referrals/colleagues")).json()["colleagues"]
    to = next(each["user_id"] for each in colleagues if each["name"] == "Colleague")
    shown = {"eclipse_id": "EX1", "user_id": to, "ends_on": "2020-08-31", "reason": WHY}
    ok(village.post("head", "/v1/referrals", shown))
    ok(village.post(QA, "/v1/restrictions", {"eclipse_id": "NO1", "reason": WHY}))
    begun = ok(village.post("head", "/v1/campaigns", {"topic": "accommodation", "reason": WHY})).json()
    village.push("cohorts", {"accommodation": sheet(WRONG)}, run_id="wrong", hours_ago=4)
    empty = cohorts_files()["accommodation"].splitlines(keepends=True)[0]
    waiting = village.push("cohorts", {"accommodation": empty}, run_id="empty", hours_ago=3)
    assert waiting["held"]
    return Laid(UNKNOWN, UNKNOWN, UNKNOWN, begun["campaign_id"], waiting["batch_id"], to, NOBODY)


def told_and_noted(village: Village, key: Key, address: str, why: str) -> tuple[set[str], set[str]]:
    """Whom the head of service is told of by their ids, and whom the entry of it names; by their Eclipse ids."""
    before = village.audit()
    answer = ok(asked(village, "head", key[0], Asked(address), f"{address} {why}", why=why))
    (entry,) = village.noted(before)
    assert entry.person_id is None, f"{address} is no look at one record"
    ids = {person_id: eclipse_id for eclipse_id, person_id in village.ids.items()}
    text = unpacked(answer)
    told = {eclipse_id for eclipse_id, person_id in village.ids.items() if eclipse_id in text or person_id in text}
    return told, {ids[person_id] for person_id in village.shown_in(entry)}


def test_whomever_a_list_tells_of_its_entry_names(village: Village, laid: Laid) -> None:
    """And nobody else: but for those whom it counts, or has a blank row for."""
    blank, telling = {"EX5", "NO1"}, set[Key]()
    for key, addresses in lists(laid).items():
        for address in addresses if key not in OF_ACCOUNTS else ():
            for why in ("", WHY):
                told, noted = told_and_noted(village, key, address, why)
                assert told <= noted, f"{address}: told of, and not noted"
                assert noted <= told | blank or key in COUNTS, f"{address}: noted, and not told of"
                telling |= {key} if told else set()
    assert telling == TELLING


def test_one_persons_conflicts_are_a_look_at_one_record(village: Village) -> None:
    """It counts towards the limits on records opened."""
    before = village.audit()
    ok(village.get("manager", "/v1/conflicts", person_id=village.ids["EX2"]))
    assert [entry.person_id for entry in village.noted(before)] == [village.ids["EX2"]]
