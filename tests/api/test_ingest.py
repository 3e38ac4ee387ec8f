"""A push over HTTP: manifest, datasets, plan, apply, report; what repeats change, and who may."""

from typing import Any

import pytest

from service.domain.access import Role, ScopeKind
from service.domain.facts import KINDS
from service.store.schema import FACTS, batch, batch_dataset, watermark
from tests.village import Village, codes, cohorts_files, manifest, push, sheet, ssd_files

BATCHES = "/v1/ingest/batches"
AT = "2020-07-31T02:00:00Z"
CSV = {"content_type": "text/csv"}


def everything(village: Village) -> dict[str, int]:
    return {kind: village.held(FACTS[kind]) for kind in KINDS}


def opened(village: Village, said: dict[str, Any]) -> str:
    answer = village.client.post(BATCHES, json=said, headers=village.headers("robot"))
    assert answer.status_code == 201, answer.text
    return f"{BATCHES}/{answer.json()['batch_id']}"


def sent(village: Village, here: str, name: str, body: bytes, **headers: str) -> Any:
    return village.client.put(f"{here}/datasets/{name}", content=body, headers=village.headers("robot", **headers))


def call(village: Village, here: str, what: str, who: str = "robot") -> Any:
    return village.client.post(f"{here}/{what}", headers=village.headers(who))


def test_a_night_from_manifest_to_report(empty: Village) -> None:
    files = ssd_files()
    said = manifest("ssd", "ssd-1", AT, files)
    here = opened(empty, said)
    early = call(empty, here, "plan")
    assert (early.status_code, {code for _, code in codes(early)}) == (409, {"not_sent"})
    for name, body in files.items():
        assert sent(empty, here, name, body, **CSV).json()["state"] == "open"
        assert sent(empty, here, f"{name}.csv", body, **CSV).status_code == 200
    plan = call(empty, here, "plan").json()
    assert (plan["state"], plan["people_added"], plan["refused"]) == ("planned", 7, 0)
    assert set(everything(empty).values()) == {0}
    assert empty.client.get(f"{here}/report", headers=empty.headers("robot")).json()["state"] == "open"
    report = call(empty, here, "apply").json()
    assert report["state"] == "applied"
    assert report["datasets"] == plan["datasets"]
    people = next(each for each in report["datasets"] if each["name"] == "ssd_person")
    assert (people["rows"], people["applied"], people["unchanged"], people["facts"]["added"]) == (7, 7, 0, 7)
    assert everything(empty)["person"] == 7
    assert empty.held(batch_dataset) == 0
    for who in ("robot", "administrator", "chief"):
        assert empty.get(who, f"{here}/report").json() == report
    assert plan["cohorts"], "a plan foresees everything"
    assert (report["cohorts_foreseen"], report["cohorts"]) == (False, []), "what only adds is never held"
    assert empty.get("performance_analyst", f"{here}/report").json() == report
    assert "EX1" not in str(report), "nobody else does"
    assert call(empty, here, "apply").json() == report
    assert call(empty, here, "plan").json() == report


def test_the_same_run_is_the_same_batch(village: Village) -> None:
    before, batches = everything(village), village.held(batch)
    report = village.push("ssd", ssd_files(), run_id="ssd-1")
    assert (report["state"], report["people_added"]) == ("applied", 7)
    assert (everything(village), village.held(batch)) == (before, batches)


def test_the_same_run_with_other_content_is_refused(village: Village) -> None:
    said = manifest("ssd", "ssd-1", AT, {"ssd_person": b"pers_person_id\nEX1\n"})
    answer = village.client.post(BATCHES, json=said, headers=village.headers("robot"))
    assert (answer.status_code, answer.json()["code"]) == (409, "run_content_differs")


def test_the_next_night_with_nothing_new_moves_only_the_watermark(village: Village) -> None:
    before, marks = everything(village), village.held(watermark)
    for profile, files in (("ssd", ssd_files()), ("cohorts", cohorts_files())):
        report = village.push(profile, files, run_id=f"{profile}-2", hours_ago=5)
        assert report["only_the_watermark_moved"] is True
        assert {each["applied"] for each in report["datasets"]} == {0}
    assert everything(village) == before
    assert village.held(watermark) == marks + len(ssd_files()) + len(cohorts_files())
    assert village.tracker("chief")["freshness"][0]["age_hours"] == 5


def test_an_older_extract_is_refused(village: Village) -> None:
    said = manifest("ssd", "ssd-0", "2020-07-30T02:00:00Z", {"ssd_person": b"pers_person_id\nEX1\n"})
    answer = village.client.post(BATCHES, json=said, headers=village.headers("robot"))
    assert (answer.status_code, codes(answer)) == (409, [("datasets.ssd_person", "older_extract")])


def test_an_extract_of_tomorrow_is_refused(village: Village) -> None:
    said = manifest("ssd", "ssd-3", "2020-07-31T08:05:01Z", {"ssd_person": b"pers_person_id\n"})
    answer = village.client.post(BATCHES, json=said, headers=village.headers("robot"))
    assert (answer.status_code, codes(answer)) == (422, [("extracted_at", "in_future")])


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"profile": "annex_a"}, "profile"),
        ({"source": "api"}, "source"),
        ({"run_id": ""}, "run_id"),
        ({"run_id": "ssd\nlevel=error"}, "run_id"),
        ({"run_id": "ssd-9\n"}, "run_id"),
        ({"run_id": "\u001b[2J"}, "run_id"),
        ({"run_id": "ssd\u2028"}, "run_id"),
        ({"source": "upload"}, "source"),
        ({"extracted_at": "2020-07-31T02:00:00"}, "extracted_at"),
        ({"extracted_at": "0001-01-01T00:00:00+14:00"}, "extracted_at"),
        ({"datasets": []}, "datasets"),
        ({"datasets": [{"name": "ssd_person", "rows": True, "sha256": "0" * 64}]}, "datasets.0.rows"),
        ({"datasets": [{"name": "ssd_person", "rows": 1, "sha256": "zz-canary"}]}, "datasets.0.sha256"),
        ({"datasets": [{"name": "ssd_person", "rows": 1, "sha256": "0" * 64, "role": 1}]}, "datasets.0.role"),
        ({"datasets": [{"name": n, "rows": 1, "sha256": "0" * 64} for n in ("person", "ssd_person")]}, "datasets"),
        ({"datasets": [{"name": "ssd_canary", "rows": 1, "sha256": "0" * 64}]}, "datasets"),
    ],
)  # fmt: skip
def test_a_manifest_is_read_strictly(village: Village, change: dict[str, Any], path: str) -> None:
    said = manifest("ssd", "ssd-9", AT, {"ssd_person": b"pers_person_id\nEX1\n"}) | change
    answer = village.client.post(BATCHES, json=said, headers=village.headers("robot"))
    assert answer.status_code == 422, answer.text
    assert codes(answer)[0][0].startswith(path)
    assert "canary" not in answer.text


def test_only_what_was_declared_is_taken(village: Village) -> None:
    here = opened(village, manifest("ssd", "ssd-2", "2020-07-31T03:00:00Z", {"ssd_person": b"pers_person_id\nEX1\n"}))
    other_bytes = sent(village, here, "ssd_person", b"pers_person_id\nEX2\n", **CSV)
    assert (other_bytes.status_code, codes(other_bytes)) == (422, [("sha256", "differs")])
    undeclared = sent(village, here, "ssd_missing", b"x", **CSV)
    assert (undeclared.status_code, codes(undeclared)) == (422, [("name", "not_declared")])
    assert sent(village, f"{BATCHES}/none", "ssd_person", b"x", **CSV).status_code == 404


def test_other_rows_than_declared_stop_the_batch(village: Village) -> None:
    body = b"pers_person_id\nEX1\n"
    said = manifest("ssd", "ssd-2", "2020-07-31T03:00:00Z", {"ssd_person": body})
    said["datasets"][0]["rows"] = 2
    here = opened(village, said)
    sent(village, here, "ssd_person", body, **CSV)
    for what in ("plan", "apply"):
        answer = call(village, here, what)
        assert (answer.status_code, codes(answer)) == (422, [("datasets.ssd_person.rows", "differs")])


def test_a_refused_row_is_named_without_its_value(village: Village) -> None:
    body = sheet(
        {"spell_id": "A8", "eclipse_id": "EX2", "code": "U", "started_on": "zz-canary"},
        {"spell_id": "A9", "eclipse_id": "EX2", "unacceptable": "tent", "started_on": "2020-07-30"},
        {"spell_id": "A10", "eclipse_id": "zz-canary-id", "code": "U", "started_on": "2020-07-30"},
    )
    report = push(
        village.client, village.headers("robot"), "cohorts", {"accommodation": body}, run_id="c-2",
        extracted_at="2020-07-31T04:00:00Z",
    )  # fmt: skip
    assert (report["state"], report["refused"], report["datasets"][0]["applied"]) == ("applied", 2, 1)
    assert [(each["row"], each["field"], each["code"]) for each in report["refusals"]] == [
        (2, "started_on", "not_a_date"), (4, "eclipse_id", "person_not_found"),
    ]  # fmt: skip
    assert "canary" not in str(report)
    assert all(each["allowed"] for each in report["refusals"])


def test_a_feed_sets_no_restriction_and_no_account(village: Village) -> None:
    body = sheet({"eclipse_id": "EX1", "restricted": "yes", "role": "administrator", "team_id": "exeter_pt",
                  "responsible_from": "2020-01-06"})  # fmt: skip
    village.push("cohorts", {"people": body}, run_id="c-2", hours_ago=5)
    assert village.whole("manager", "EX1")["person"]["restricted"] is False
    village.tokens["lent"] = village.sign_in(Role.TEAM_MANAGER, scope=ScopeKind.COUNTY, name="Lent")
    for whom, status in (("EX1", 200), ("EX5", 404)):
        assert village.get("lent", f"/v1/people/{village.ids[whom]}").status_code == status


def test_the_integration_account_pushes_and_reads_nobody(village: Village) -> None:
    for path in ("/v1/people", f"/v1/people/{village.ids['EX1']}", "/v1/tracker", "/v1/users"):
        assert village.get("robot", path).status_code == 403
    assert village.post("robot", "/v1/people/lookup", {"eclipse_id": "EX1"}).status_code == 403
    assert village.post("robot", "/v1/accommodation", {"eclipse_id": "EX1", "code": "U"}).status_code == 403


@pytest.mark.parametrize("who", ["chief", "head", "administrator", "performance_analyst", "manager"])
def test_nobody_else_pushes(village: Village, who: str) -> None:
    said = manifest("ssd", "ssd-2", AT, {"ssd_person": b"pers_person_id\n"})
    answer = village.client.post(BATCHES, json=said, headers=village.headers(who))
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    here = opened(village, said)
    assert sent(village, here, "ssd_person", b"pers_person_id\n", **CSV).status_code == 200
    assert call(village, here, "apply", who).status_code == 403
    reads = village.get(who, f"{here}/report").status_code
    assert call(village, here, "plan", who).status_code == reads, "who may read what came of it may read what would"


def test_ndjson_is_taken_as_well(village: Village) -> None:
    body = b'{"pers_person_id":"EX9","pers_forename":"Newly","pers_surname":"Demo-Arrived"}\n'
    said = manifest("ssd", "ssd-2", "2020-07-31T03:00:00Z", {"ssd_person": body})
    said["datasets"][0] |= {"rows": 1, "mode": "delta"}
    here = opened(village, said)
    sent(village, here, "ssd_person", body, content_type="application/x-ndjson")
    report = call(village, here, "apply").json()
    assert (report["people_added"], report["datasets"][0]["facts"]["left_the_extract"]) == (1, 0)


def emptied(village: Village) -> tuple[str, dict[str, Any]]:
    """A night on which the table of places is empty."""
    body = cohorts_files()["accommodation"].splitlines(keepends=True)[0]
    report = village.push("cohorts", {"accommodation": body}, run_id="empty", hours_ago=3)
    return f"{BATCHES}/{report['batch_id']}", report


def test_of_a_restricted_record_that_waits_only_the_table_is_said_and_last(village: Village) -> None:
    """Line, place and change would name the child to whoever has the file."""
    here, _ = emptied(village)
    rows = village.get("performance_analyst", f"{here}/held").json()["rows"]
    named = [each["eclipse_id"] for each in rows]
    assert "EX5" not in named
    blank = {"dataset": "accommodation", "row": None, "kind": None, "change": None, "eclipse_id": None, "would": {}}
    assert [each for each in rows if each["eclipse_id"] is None] == [rows[-1]] == [blank]


def test_an_emptied_table_waits_and_is_approved_by_somebody_else(village: Village) -> None:
    here, report = emptied(village)
    (held,) = report["held"]
    assert (held["dataset"], held["decision"], held["decides"]) == (
        "accommodation", None, ["head_of_service", "performance_analyst"],
    )  # fmt: skip
    assert village.tracker("chief")["held"][0]["batch_id"] == report["batch_id"]
    assert "Held for a decision" in village.get("chief", "/v1/tracker", format="html").text
    (outlined,) = village.tracker("northern_adviser")["held"]
    assert (outlined["dataset"], outlined["decides"]) == ("accommodation", held["decides"])
    untold = {"people": None, "changes": None, "reasons": [], "batch_id": None, "hold_id": None}
    assert untold.items() <= outlined.items(), "how much, of whom and why is the county's"
    page = village.get("northern_adviser", "/v1/tracker", format="html").text
    assert "Held for a decision" in page
    assert "table emptied" not in page
    rows = village.get("performance_analyst", f"{here}/held").json()["rows"]
    assert {(row["eclipse_id"], row["change"], row["row"]) for row in rows} >= {("EX1", "left_the_extract", None)}
    assert village.get("robot", "/v1/ingest/held").json()["held"][0]["hold_id"] == held["hold_id"]
    done = village.post("performance_analyst", f"{here}/approve", {"reason": "A purge, checked with the Eclipse team"})
    assert (done.status_code, done.json()["held"][0]["decision"]) == (200, "approved")
    assert village.tracker("chief")["held"] == []
    again = village.post("head", f"{here}/reject", {"reason": "Too late"})
    assert (again.status_code, again.json()["code"]) == (409, "nothing_held")


def test_a_rejected_part_leaves_everything_as_it_was(village: Village) -> None:
    before = everything(village)
    here, _ = emptied(village)
    done = village.post(
        "head", f"{here}/reject", {"reason": "The script ran on an empty copy", "datasets": ["accommodation"]}
    )
    assert (done.status_code, done.json()["held"][0]["decision"]) == (200, "rejected")
    assert everything(village) == before


@pytest.mark.parametrize("who", ["robot", "chief", "manager", "adviser", "administrator", "information_governance"])
def test_only_analysts_and_heads_of_service_decide(who: str, village: Village) -> None:
    here, _ = emptied(village)
    for what in ("approve", "reject"):
        assert village.post(who, f"{here}/{what}", {"reason": "Because I say so"}).status_code == 403
    assert village.get(who, f"{here}/held").status_code == 403


def test_a_decision_says_why_and_names_what_waits(village: Village) -> None:
    here, _ = emptied(village)
    for body, field in (
        ({}, "reason"),
        ({"reason": ""}, "reason"),
        ({"reason": "yes", "datasets": ["teams"]}, "datasets"),
    ):
        refused = village.post("head", f"{here}/approve", body)
        assert (refused.status_code, [path for path, _ in codes(refused)]) == (422, [field])
    assert village.post("head", f"{BATCHES}/none/approve", {"reason": "Checked"}).status_code == 404


def test_whoever_is_named_in_a_report_or_a_plan_is_in_the_audit(village: Village) -> None:
    better = cohorts_files()["accommodation"].replace(b"2020-05-06,no", b"2020-05-06,yes")
    said = manifest("cohorts", "named", "2020-07-31T04:00:00Z", {"accommodation": better})
    here = opened(village, said)
    sent(village, here, "accommodation", better, **CSV)
    for what in ("plan", "report"):
        before = village.audit()
        answer = call(village, here, what, "performance_analyst") if what == "plan" else village.get(
            "performance_analyst", f"{here}/{what}")  # fmt: skip
        assert answer.status_code == 200, answer.text
        named = {who["eclipse_id"] for cohort in answer.json()["cohorts"] for who in cohort["people"]}
        (entry,) = village.noted(before)
        assert named, answer.text
        assert village.shown_in(entry) == {village.ids[each] for each in named}
        call(village, here, "apply")
    before = village.audit()
    assert "EX1" not in call(village, here, "plan").text
    assert [village.shown_in(entry) for entry in village.noted(before)] == [set()], "the pusher is named nobody"


def test_nobody_outside_the_readers_scope_is_named(village: Village) -> None:
    village.tokens["northern_analyst"] = village.sign_in(
        Role.PERFORMANCE_ANALYST, scope=ScopeKind.LOCALITY, code="north"
    )  # fmt: skip
    here, _ = emptied(village)
    assert "EX1" in village.get("performance_analyst", f"{here}/held").text
    for what in ("held", "report"):
        answer = village.get("northern_analyst", f"{here}/{what}")
        assert (answer.status_code, "EX1" in answer.text) == (200, False)
    assert "NO1" in village.get("northern_analyst", f"{here}/held").text


def test_a_batch_belongs_to_the_account_that_opened_it(village: Village) -> None:
    body = b"pers_person_id\nEX1\n"
    here = opened(village, manifest("ssd", "ssd-2", "2020-07-31T03:00:00Z", {"ssd_person": body}))
    village.tokens["other_robot"] = village.sign_in(Role.INTEGRATION)
    there = village.client.put(
        f"{here}/datasets/ssd_person", content=body, headers=village.headers("other_robot", **CSV)
    )
    assert (there.status_code, there.json()["code"]) == (404, "not_found")
    assert sent(village, here, "ssd_person", body, **CSV).status_code == 200
    assert call(village, here, "apply", "other_robot").status_code == 404
    assert call(village, here, "plan", "other_robot").status_code == 200
    assert village.get("other_robot", f"{here}/report").json()["state"] == "open"
    assert call(village, here, "apply").status_code == 200


def test_a_batch_left_open_for_a_week_lets_its_bytes_go(village: Village) -> None:
    body = b"pers_person_id\nEX1\n"
    here = opened(village, manifest("ssd", "ssd-2", "2020-07-31T03:00:00Z", {"ssd_person": body}))
    sent(village, here, "ssd_person", body, **CSV)
    kept = village.held(batch_dataset)
    village.clock.advance(days=7)
    village.tokens.pop("robot")
    opened(village, manifest("ssd", "ssd-3", "2020-08-07T03:00:00Z", {"ssd_person": body}))
    assert village.held(batch_dataset) == kept, "seven days to the minute are not more than seven"
    village.clock.advance(minutes=1)
    opened(village, manifest("ssd", "ssd-4", "2020-08-07T04:00:00Z", {"ssd_person": body}))
    assert village.held(batch_dataset) == kept - 1
    assert village.get("robot", f"{here}/report").json()["state"] == "expired"
    for answer in (sent(village, here, "ssd_person", body, **CSV), call(village, here, "apply")):
        assert (answer.status_code, answer.json()["code"]) == (409, "expired")


def test_every_step_of_a_push_is_audited(village: Village) -> None:
    before = village.audit()
    village.push("ssd", {"ssd_person": b"pers_person_id,pers_forename\nEX9,New\n"}, run_id="ssd-2", hours_ago=5)
    acts = [entry.act for entry in village.noted(before)]
    assert sorted(acts) == ["ingest.apply", "ingest.dataset", "ingest.open", "ingest.read"]
