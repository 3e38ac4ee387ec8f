"""Random histories over HTTP against a model: whoever does what in whichever order, the service and the model agree."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from service.api import identity
from service.domain.access import Role, ScopeKind
from service.domain.facts import (
    Allocation,
    AllocationRole,
    CareLeaverStatus,
    Eligibility,
    Person,
    Responsibility,
    Source,
)
from service.domain.versions import NewVersion
from service.store import audit, people, record, users
from service.store.engine import writing
from service.store.types import new_id
from tests.village import Village

TENT = {"unacceptable": "tent", "started_on": "2020-07-30"}
FLAT = {"code": "U", "suitable": True, "judged_on": "2020-07-30", "started_on": "2020-07-30"}
THEIRS = ("adviser", "manager")  # whose work these young people are, restricted or not
QUALITY = "senior_manager_safeguarding_qa"
WHY = {"access_reason": "Asked by the court on Friday"}
OUTSIDE = ("northern_adviser", "northern_manager")
NUMBER = count(1)
WHICH = st.integers(0, 1)


@dataclass
class Known:
    """What the model knows of one young person."""

    person_id: str
    keys: dict[str, tuple[str, dict[str, Any], bytes]] = field(default_factory=dict)  # key -> who, body, answer
    contacts: dict[str, str] = field(default_factory=dict)  # fact id -> etag
    stale: dict[str, str] = field(default_factory=dict)  # fact id -> an etag that was current once
    danger: bool = False
    waits: str | None = None  # the flat that nobody has approved yet
    restriction: str | None = None
    asked: bool = False  # whether somebody asked to clear it


def introduce(village: Village) -> Known:
    """A young person of the Exeter team, as a night would have brought them."""
    with writing(village.engine, village.clock) as write:
        at, eclipse_id, person_id = write.now, f"S{next(NUMBER)}", new_id(write.now)
        people.add(write.session, {eclipse_id: person_id}, at=at)
        audit_id = audit.note(write.session, "ingest.apply", by="robot", at=at, person_id=person_id)
        facts = (
            Person(forename="Demo", surname=f"Demo-{eclipse_id}", born_on=date(2001, 2, 14)),
            Responsibility(team_code="exeter_pt", started_on=date(2020, 1, 6)),
            Allocation(role=AllocationRole.PERSONAL_ADVISER, worker_ref="W1", started_on=date(2020, 1, 6)),
            CareLeaverStatus(eligibility=Eligibility.FORMER_RELEVANT, started_on=date(2019, 2, 14)),
        )
        versions = [
            NewVersion(
                fact=fact,
                person_id=person_id,
                fact_id=new_id(at),
                source=Source.ECLIPSE,
                source_ref=f"{fact.kind}/{eclipse_id}",
            )
            for fact in facts
        ]
        record.append(write.session, versions, by="robot", at=at, audit_id=audit_id)
    return Known(person_id)


class Histories(RuleBasedStateMachine):
    """Two young people, those whose work they are, and some whose work they are not."""

    village: ClassVar[Village]

    @initialize()
    def two_young_people(self) -> None:
        self.known = [introduce(self.village), introduce(self.village)]
        self.quality = f"quality-{next(NUMBER)}"
        with writing(self.village.engine, self.village.clock) as write:
            users.add_user(
                write.session, issuer=self.village.settings.oidc_issuer, subject=self.quality, name=self.quality,
                roles={Role(QUALITY)}, scopes={(ScopeKind.COUNTY, "")}, at=write.now,
            )  # fmt: skip
        self.sign_in()

    def sign_in(self) -> None:
        """Anew, by the same accounts: a token is good for an hour."""
        self.village.tokens.clear()
        self.village.tokens[QUALITY] = identity.mint(
            self.village.settings, self.quality, at=self.village.clock(), lifetime=timedelta(hours=1)
        )

    def logs(self, who: str, known: Known, key: str, body: dict[str, Any]) -> Any:
        return self.village.post(who, "/v1/contacts", {"person_id": known.person_id} | body, key=key)

    @rule(which=WHICH, who=st.sampled_from(THEIRS), minutes=st.integers(1, 5000), made=st.booleans())
    def logs_a_contact(self, which: int, who: str, minutes: int, made: bool) -> None:
        known, key = self.known[which], f"s-{next(NUMBER)}"
        at = self.village.clock() - timedelta(minutes=minutes)
        body = {"occurred_at": at.isoformat(), "contact_kind": "phone", "outcome": "made" if made else "attempted"}
        answer = self.logs(who, known, key, body)
        assert answer.status_code == 201, answer.text
        contact = answer.json()["contact"]
        known.contacts[contact["fact_id"]] = contact["etag"]
        known.keys[key] = (who, body, answer.content)

    @precondition(lambda self: any(known.keys for known in self.known))
    @rule(data=st.data(), other_body=st.booleans())
    def sends_it_again(self, data: st.DataObject, other_body: bool) -> None:
        known = data.draw(st.sampled_from([each for each in self.known if each.keys]))
        key, (who, body, answered) = data.draw(st.sampled_from(sorted(known.keys.items())))
        again = self.logs(who, known, key, body | ({"contact_kind": "video"} if other_body else {}))
        if other_body:
            assert (again.status_code, again.json()["code"]) == (422, "idempotency_key_reused")
        else:
            assert (again.status_code, again.content) == (201, answered)

    @rule(which=WHICH, who=st.sampled_from(OUTSIDE), write=st.booleans())
    def is_nobody_outside_the_scope(self, which: int, who: str, write: bool) -> None:
        person_id = self.known[which].person_id
        nobody = self.village.get(who, f"/v1/people/{new_id(self.village.clock())}")
        if write:
            at = (self.village.clock() - timedelta(hours=1)).isoformat()
            body = {"occurred_at": at, "contact_kind": "phone", "outcome": "made"}
            answer = self.logs(who, self.known[which], f"s-{next(NUMBER)}", body)
        else:
            answer = self.village.get(who, f"/v1/people/{person_id}")
        assert (answer.status_code, answer.content) == (404, nobody.content)

    @precondition(lambda self: any(known.contacts for known in self.known))
    @rule(data=st.data(), how=st.sampled_from(["right", "stale", "blind"]))
    def corrects_a_contact(self, data: st.DataObject, how: str) -> None:
        known = data.draw(st.sampled_from([each for each in self.known if each.contacts]))
        fact_id, etag = data.draw(st.sampled_from(sorted(known.contacts.items())))
        at = (self.village.clock() - timedelta(minutes=data.draw(st.integers(1, 5000)))).isoformat()
        body = {"occurred_at": at, "contact_kind": "text", "outcome": "attempted", "reason": "It was a text"}
        headers = {"right": {"if_match": etag}, "stale": {"if_match": known.stale.get(fact_id, "0")}, "blind": {}}[how]
        answer = self.village.put("manager", f"/v1/contacts/{fact_id}", body, **headers)
        if how == "right":
            assert answer.status_code == 200, answer.text
            known.stale[fact_id], known.contacts[fact_id] = etag, answer.json()["etag"]
        else:
            assert answer.status_code == {"stale": 412, "blind": 428}[how], answer.text

    @precondition(lambda self: any(known.contacts for known in self.known))
    @rule(data=st.data())
    def withdraws_a_contact(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from([each for each in self.known if each.contacts]))
        fact_id = data.draw(st.sampled_from(sorted(known.contacts)))
        answer = self.village.post("manager", f"/v1/contacts/{fact_id}/withdraw", {"reason": "Of somebody else"})
        if answer.status_code == 403:
            assert answer.json()["code"] == "own_entry", "danger that the manager had told is taken back by another"
            return
        assert answer.status_code == 200, answer.text
        del known.contacts[fact_id]

    @rule(which=WHICH, who=st.sampled_from(THEIRS))
    def reports_a_tent(self, which: int, who: str) -> None:
        known = self.known[which]
        answer = self.village.post(who, "/v1/accommodation", {"person_id": known.person_id} | TENT)
        assert (answer.status_code, answer.json()["counts"]) == (201, "at_once"), answer.text
        known.danger, known.waits = True, None

    @precondition(lambda self: any(known.danger and not known.waits for known in self.known))
    @rule(data=st.data())
    def reports_a_flat(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from([each for each in self.known if each.danger and not each.waits]))
        answer = self.village.post("adviser", "/v1/accommodation", {"person_id": known.person_id} | FLAT)
        assert (answer.status_code, answer.json()["counts"]) == (201, "when_approved"), answer.text
        known.waits = answer.json()["fact_id"]

    @precondition(lambda self: any(known.waits for known in self.known))
    @rule(data=st.data(), who=st.sampled_from(["adviser", "manager", "northern_manager"]))
    def approves_the_flat(self, data: st.DataObject, who: str) -> None:
        known = data.draw(st.sampled_from([each for each in self.known if each.waits]))
        answer = self.village.post(who, f"/v1/accommodation/{known.waits}/approve", {"reason": "Seen it"})
        assert answer.status_code == {"adviser": 403, "manager": 200, "northern_manager": 404}[who], answer.text
        if who == "manager":
            known.danger, known.waits = False, None

    @precondition(lambda self: any(not known.restriction for known in self.known))
    @rule(data=st.data())
    def restricts(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from([each for each in self.known if not each.restriction]))
        body = {"person_id": known.person_id, "reason": "A parent works in the council", "allow": []}
        answer = self.village.post(QUALITY, "/v1/restrictions", body, **WHY)
        assert answer.status_code == 201, answer.text
        known.restriction, known.asked = answer.json()["restriction_id"], False

    @precondition(lambda self: any(known.restriction for known in self.known))
    @rule(data=st.data())
    def asks_to_clear(self, data: st.DataObject) -> None:
        known = data.draw(st.sampled_from([each for each in self.known if each.restriction]))
        path = f"/v1/restrictions/{known.restriction}/clear"
        answer = self.village.post(QUALITY, path, {"reason": "The parent has left"})
        assert answer.status_code == (409 if known.asked else 200), answer.text
        known.asked = True

    @precondition(lambda self: any(known.restriction for known in self.known))
    @rule(data=st.data(), who=st.sampled_from([QUALITY, "head"]), decision=st.sampled_from(["cleared", "refused"]))
    def decides_on_clearing(self, data: st.DataObject, who: str, decision: str) -> None:
        known = data.draw(st.sampled_from([each for each in self.known if each.restriction]))
        path = f"/v1/restrictions/{known.restriction}/clearing"
        answer = self.village.post(who, path, {"decision": decision, "reason": "Seen the letter"})
        if not known.asked:
            assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_clear")
        elif who == QUALITY:
            assert (answer.status_code, answer.json()["code"]) == (403, "own_request")
        else:
            assert answer.status_code == 200, answer.text
            known.asked = False
            known.restriction = None if decision == "cleared" else known.restriction

    @rule(minutes=st.integers(1, 30))
    def time_goes_by(self, minutes: int) -> None:
        self.village.clock.advance(minutes=minutes)
        self.sign_in()

    @rule(which=WHICH)
    def somebody_looks(self, which: int) -> None:
        """What the service says of one of them is what the model says. As each history ends, of both."""
        known = self.known[which]
        self._opens_to_those_whose_work_it_is(known)
        self._says_what_the_model_says(known)
        self._holds_all_that_was_logged(known)

    def teardown(self) -> None:
        """The end of a history."""
        for which in range(len(getattr(self, "known", ()))):
            self.somebody_looks(which)

    def _opens_to_those_whose_work_it_is(self, known: Known) -> None:
        path, missing = f"/v1/people/{known.person_id}", f"/v1/people/{new_id(self.village.clock())}"
        by_post = self.village.client.get(path, headers=self.village.headers("head"))
        in_sight = self.village.client.get(path, headers=self.village.headers("court", **WHY))
        if known.restriction:
            assert (by_post.status_code, by_post.json()["code"]) == (403, "reason_needed")
            nobody = self.village.client.get(missing, headers=self.village.headers("court", **WHY))
            assert (in_sight.status_code, in_sight.content) == (404, nobody.content)
        else:
            assert (by_post.status_code, in_sight.status_code) == (200, 200)

    def _says_what_the_model_says(self, known: Known) -> None:
        answer = self.village.get("manager", f"/v1/people/{known.person_id}")
        assert answer.status_code == 200, answer.text
        whole = answer.json()
        states = {clock["cohort"]: clock["state"] for clock in whole["clocks"]}
        assert (states.get("unsuitable_accommodation") == "danger") is known.danger
        held = {each["fact_id"]: each["etag"] for each in whole["facts"].get("contact", [])}
        assert held.items() <= known.contacts.items()
        assert len(held) >= min(1, len(known.contacts))

    def _holds_all_that_was_logged(self, known: Known) -> None:
        answer = self.village.get("manager", f"/v1/people/{known.person_id}/contacts", limit=200)
        assert answer.status_code == 200, answer.text
        assert {each["fact_id"]: each["etag"] for each in answer.json()["contacts"]} == known.contacts


def histories(village: Village, examples: int, steps: int, *, random: bool) -> None:
    Histories.village = village
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.reuse, Phase.generate], derandomize=not random, print_blob=True,
        ),
    )  # fmt: skip


def test_random_histories_agree_with_a_model(village: Village) -> None:
    histories(village, examples=3, steps=20, random=False)


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_five_hundred_histories_of_fifty_steps_agree_with_a_model(village: Village, part: int) -> None:
    """Fifty a part, other ones in each and on each day: what fails prints how to see it again."""
    histories(village, examples=50, steps=50, random=True)
