"""Spreadsheets over HTTP: the form goes out, comes back with two wrong rows, goes out again, and is all applied."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import httpx
import openpyxl
import pytest

from service.domain.access import Role, ScopeKind
from service.readers.sheets_in import XLSX_TYPE
from service.store.schema import FACTS, batch
from tests.village import FORMULA, HIDDEN, Village, codes

UPLOAD = "/v1/uploads/accommodation"
Row = dict[str, Any]


def begun(village: Village, topic: str = "accommodation") -> str:
    said = {"topic": topic, "reason": "Four spreadsheets"}
    return str(village.post("performance_analyst", "/v1/campaigns", said).json()["campaign_id"])


def form(village: Village, who: str, code: str = "accommodation", **params: Any) -> httpx.Response:
    answer = village.get(who, f"/v1/forms/{code}", **params)
    assert answer.status_code == 200, answer.text
    return answer


def sent(
    village: Village, who: str, content: bytes, kind: str = XLSX_TYPE, path: str = UPLOAD, **params: Any
) -> httpx.Response:
    headers = village.headers(who, content_type=kind)
    return village.client.post(path, content=content, headers=headers, params=params or None)


def rows_of(content: bytes, kind: str, sheet: str = "accommodation") -> list[Row]:
    if kind == "text/csv":
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    lines = [list(line) for line in openpyxl.load_workbook(io.BytesIO(content))[sheet].values]
    return [dict(zip(map(str, lines[0]), line, strict=True)) for line in lines[1:]]


def written(rows: Sequence[Mapping[str, Any]], kind: str, sheet: str = "accommodation") -> bytes:
    """The rows as a worker's Excel would save them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if kind == "text/csv":
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue().encode("utf-8-sig")
    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    page.append(names)
    for row in rows:
        page.append([row.get(name) for name in names])
    out_bytes = io.BytesIO()
    book.save(out_bytes)
    return out_bytes.getvalue()


def place(eclipse_id: str, **more: Any) -> Row:
    said = {"code": "U", "started_on": date(2020, 7, 6), "suitable": "no", "judged_on": date(2020, 7, 7)}
    return {"eclipse_id": eclipse_id} | said | more


def newcomers(village: Village) -> None:
    """Three more care leavers of Exeter, of whose places the feed says nothing."""
    body = "pers_person_id,pers_forename,pers_surname,pers_dob\n"
    body += "".join(f"N{n},Nell{n},Demo-New,2001-05-0{n}\n" for n in (1, 2, 3))
    village.push("ssd", {"ssd_person": body.encode()}, run_id="new-1", hours_ago=5)
    people = "eclipse_id,team_id,responsible_from\n" + "".join(f"N{n},exeter_pt,2020-07-01\n" for n in (1, 2, 3))
    village.push("cohorts", {"people": people.encode()}, run_id="new-2", hours_ago=5)
    status = "clea_table_id,clea_person_id,clea_care_leaver_eligibility\n"
    status += "".join(f"LN{n},N{n},Former relevant\n" for n in (1, 2, 3))
    village.push("ssd", {"ssd_care_leavers": status.encode()}, run_id="new-3", hours_ago=5)


@pytest.mark.parametrize("kind", [XLSX_TYPE, "text/csv"])
def test_there_and_back_again(village: Village, kind: str) -> None:
    """The form names the three outstanding; two rows are wrong; the sheet comes back and is applied when corrected."""
    newcomers(village)
    campaign = begun(village)
    ending = "csv" if kind == "text/csv" else "xlsx"
    out = form(village, "manager", campaign=campaign, format=ending)
    rows = [row for row in rows_of(out.content, kind) if row["eclipse_id"]]
    assert [(row["eclipse_id"], row["name"]) for row in rows] == [(f"N{n}", f"Nell{n} Demo-New") for n in (1, 2, 3)]
    assert all(not row["code"] and not row["started_on"] for row in rows), "no fact we hold goes out"

    rows[0] |= place("N1")
    rows[1] |= place("N2", code="canary-code")
    rows[2] |= place("N3", judged_on="tomorrow-canary")
    content = written(rows, kind)
    report = sent(village, "manager", content, kind)
    assert report.status_code == 200, report.text
    said = report.json()
    assert [(e["row"], e["column"], e["code"]) for e in said["errors"]] == [
        (3, "code", "not_a_code"), (4, "judged_on", "not_a_date"),
    ]  # fmt: skip
    assert all(e["reason"] and e["allowed"] for e in said["errors"])
    assert "canary" not in report.text
    (sheet,) = said["sheets"]
    assert sheet["ids"] == [{"row": 2, "id": "N1:2020-07-06"}]
    assert (sheet["rows"], sheet["refused"], sheet["left_blank"]) == (3, 2, 0)
    assert sheet["applied"] + sheet["unchanged"] + sheet["held"] + sheet["refused"] + sheet["left_blank"] == 3

    before = village.held(FACTS["accommodation"])
    again = sent(village, "manager", content, kind)
    assert again.json() == said, "the same file again: the same answer"
    assert village.held(FACTS["accommodation"]) == before

    back = sent(village, "manager", content, kind, **{"return": "sheet"})
    assert back.headers["content-type"].startswith(kind)
    returned = rows_of(back.content, kind)
    assert returned[0]["spell_id"] == "N1:2020-07-06"
    assert not returned[0]["errors"]
    assert "code holds no code we know" in str(returned[1]["errors"])
    assert "judged_on cannot be read as a day" in str(returned[2]["errors"])

    returned[1]["code"], returned[2]["judged_on"] = "U", "2020-07-07"
    done = sent(village, "manager", written(returned, kind), kind).json()
    assert done["errors"] == []
    assert (done["sheets"][0]["applied"], done["sheets"][0]["unchanged"]) == (2, 1)
    figures = village.get("manager", f"/v1/campaigns/{campaign}").json()["figures"]
    assert figures["outstanding"] == 0
    assert {f"N{n}" for n in (1, 2, 3)} <= {
        row["person"]["eclipse_id"] for row in village.cohort("manager", "unsuitable_accommodation")["rows"]
    }


def test_rows_left_as_they_came_are_passed_over(village: Village) -> None:
    rows = [{"eclipse_id": "EX1", "name": "Rowan", "code": ""}, place("EX2")]
    said = sent(village, "manager", written(rows, XLSX_TYPE)).json()
    assert (said["errors"], said["sheets"][0]["left_blank"]) == ([], 1)
    assert [each["row"] for each in said["sheets"][0]["ids"]] == [3]


def test_a_sheet_of_nothing_makes_no_batch(village: Village) -> None:
    before = village.held(batch)
    said = sent(village, "manager", written([{"eclipse_id": "EX1", "code": ""}], XLSX_TYPE)).json()
    assert (said["batch_id"], said["errors"], village.held(batch)) == (None, [], before)


def test_people_out_of_scope_restricted_and_unknown_look_the_same(village: Village) -> None:
    """NO1 is another team's, EX5 is restricted, XX9 does not exist."""
    before = village.held(FACTS["accommodation"])
    rows = [place(who) for who in ("NO1", "EX5", "XX9")]
    said = sent(village, "duty_worker", written(rows, XLSX_TYPE)).json()
    errors = [{name: e[name] for name in ("column", "code", "allowed", "reason")} for e in said["errors"]]
    assert len(errors) == 3
    assert errors[0] == errors[1] == errors[2]
    assert errors[0]["code"] == "person_not_found"
    assert village.held(FACTS["accommodation"]) == before
    assert sent(village, "manager", written([place("EX5")], XLSX_TYPE)).json()["errors"] == []
    by_post = sent(village, "head", written([place("EX5")], XLSX_TYPE)).json()["errors"]
    assert [each["code"] for each in by_post] == ["person_not_found"], "asked why, one sends no sheet"


def test_restricted_people_stand_on_no_form(village: Village) -> None:
    campaign = begun(village)
    out = form(village, "manager", campaign=campaign, format="csv")
    assert HIDDEN not in out.text
    assert "EX5" not in out.text


def test_an_id_of_somebody_else_is_not_found_out(village: Village) -> None:
    """A row's id belongs to its person: another's id is neither taken over nor given away."""
    assert sent(village, "northern_manager", written([place("NO1", spell_id="A1")], XLSX_TYPE)).json()["errors"] == []
    said = sent(village, "manager", written([place("EX2", spell_id="A1")], XLSX_TYPE)).json()
    assert (said["errors"], said["sheets"][0]["ids"]) == ([], [{"row": 2, "id": "EX2:A1"}])


def test_better_news_by_sheet_waits_for_a_person(village: Village) -> None:
    """EX3 was judged unsuitable. A sheet that says the same place suits is held, and the cohort stays as it is."""
    assert sent(village, "manager", written([place("EX2", spell_id="B")], XLSX_TYPE)).json()["held"] == []
    better = place("EX2", spell_id="B", suitable="yes", judged_on=date(2020, 7, 20))
    said = sent(village, "manager", written([better], XLSX_TYPE)).json()
    assert len(said["held"]) == 1
    assert said["sheets"][0]["held"] == 1
    assert "EX2" in str(village.cohort("manager", "unsuitable_accommodation")["rows"])


def test_court_has_two_sheets_and_people_who_keep_them(village: Village) -> None:
    """One workbook, two sheets; the same as two CSV files. Only who records court may send them."""
    out = form(village, "court", "court")
    book = openpyxl.load_workbook(io.BytesIO(out.content))
    assert book.sheetnames == ["pre_proceedings", "care_proceedings", "Codes"]
    path = "/v1/uploads/court"
    stage = {"eclipse_id": "CH1", "PPStartDate": date(2020, 5, 11), "family_group": "F1"}
    content = written([stage], XLSX_TYPE, "pre_proceedings")
    for who, status in (("adviser", 403), ("chief", 403), ("iro", 403), ("court", 200)):
        assert sent(village, who, content, path=path).status_code == status
    case = {"eclipse_id": "CH1", "issued_on": "06/07/2020", "court_reference": "EX20C1"}
    both = sent(village, "court", written([case], "text/csv"), "text/csv", path, sheet="care_proceedings")
    assert (both.json()["errors"], both.json()["sheets"][0]["applied"]) == ([], 1)
    which = sent(village, "court", written([case], "text/csv"), "text/csv", path)
    assert (which.status_code, codes(which)) == (422, [("sheet", "unknown_sheet")])


def test_the_rules_for_people_are_those_for_their_sheets(village: Village) -> None:
    rows = [
        place("EX2", started_on=date(2020, 8, 15)),
        place("EX2", started_on=date(2020, 7, 2), judged_on=None),
        place("EX2", started_on=date(2020, 7, 3), ended_on=date(2020, 7, 1)),
        place("EX2", started_on=date(2020, 7, 4), code=None),
        place("EX2", started_on=date(2020, 7, 9)),
        place("EX2", started_on=date(2020, 7, 9), code="K"),
        {"code": "U"},
    ]
    said = sent(village, "manager", written(rows, XLSX_TYPE)).json()
    assert [(e["row"], e["column"], e["code"]) for e in said["errors"]] == [
        (2, "started_on", "in_future"),
        (3, "judged_on", "missing"),
        (4, "ended_on", "ends_before_start"),
        (5, "code", "missing"),
        (7, "spell_id", "duplicate_row"),
        (8, "eclipse_id", "missing"),
    ]


def test_what_is_no_form_of_ours_is_refused_whole(village: Village) -> None:
    export = village.get("manager", "/v1/tracker", format="csv").content
    exported = sent(village, "manager", export, "text/csv")
    assert (exported.status_code, codes(exported)) == (422, [("accommodation", "unknown_column")])
    wrong = sent(village, "manager", written([place("EX2")], XLSX_TYPE, "Sheet1"))
    assert (wrong.status_code, codes(wrong)) == (422, [("sheets", "unknown_sheet")])
    formula = sent(village, "manager", written([place("EX2", judged_why=FORMULA)], XLSX_TYPE))
    assert (formula.status_code, codes(formula)) == (422, [("file", "formulas")])
    for kind in ("application/vnd.ms-excel.sheet.macroEnabled.12", "application/json", "application/x-ndjson"):
        odd = sent(village, "manager", b"x", kind)
        assert (odd.status_code, codes(odd)) == (422, [("content-type", "not_a_spreadsheet")])
    assert sent(village, "manager", b"x" * (2 * 1024 * 1024 + 1)).status_code == 413
    assert sent(village, "manager", b"x", path="/v1/uploads/horoscope").status_code == 404
    assert "evil" not in formula.text + exported.text


def test_a_formula_in_a_csv_is_text_and_comes_back_harmless(village: Village) -> None:
    content = written([place("EX2", judged_why=FORMULA, code="?")], "text/csv")
    back = sent(village, "manager", content, "text/csv", **{"return": "sheet"})
    (row,) = rows_of(back.content, "text/csv")
    assert row["judged_why"] == f"'{FORMULA}"
    corrected = written([row | {"code": "U"}], "text/csv")
    assert sent(village, "manager", corrected, "text/csv").json()["errors"] == []
    told = str(village.whole("manager", "EX2")["facts"]["accommodation"])
    assert f"'{FORMULA}" in told, "as sent, without our apostrophe: repr quotes it"
    assert f"''{FORMULA}" not in told


def test_forms_are_for_those_who_read_campaigns(village: Village) -> None:
    campaign = begun(village)
    blank = rows_of(form(village, "performance_analyst", campaign=campaign, format="csv").content, "text/csv")
    assert blank == []
    assert village.get("robot", "/v1/forms/accommodation").status_code == 403
    assert village.get("manager", "/v1/forms/horoscope").status_code == 404
    other = village.get("manager", "/v1/forms/court", campaign=campaign)
    assert (other.status_code, codes(other)) == (422, [("campaign", "other_topic")])


def test_an_upload_is_audited_in_its_transaction(village: Village) -> None:
    before = village.audit()
    sent(village, "manager", written([place("EX2")], XLSX_TYPE))
    acts = [entry.act for entry in village.noted(before)]
    assert {"ingest.open", "ingest.apply", "upload.accommodation"} <= set(acts)


def test_a_row_of_a_record_merged_with_a_restricted_one_is_of_nobody(village: Village) -> None:
    """Robin's own record is not restricted: the other that is theirs too is."""
    village.tokens["on_duty"] = village.sign_in(Role.DUTY_WORKER, code="exeter_pt", name="On duty")
    sound = written([place("EX2")], "text/csv")
    assert sent(village, "on_duty", sound, "text/csv").json()["errors"] == []
    twice = {"keep": {"eclipse_id": "EX2"}, "merge": {"eclipse_id": "EX4"}, "reason": "Registered twice"}
    merged = village.post("manager", "/v1/people/merge", twice | {"although_births_differ": True})
    assert merged.status_code == 201, merged.text
    village.restrict("EX4")
    refused = sent(village, "on_duty", sound, "text/csv").json()["errors"]
    assert [each["code"] for each in refused] == ["person_not_found"]
    assert sent(village, "manager", sound, "text/csv").json()["errors"] == [], "whose work they are"


def test_naming_people_out_of_sight_is_a_denial_and_of_many_an_alert(village: Village) -> None:
    """The rows come back alike, whether there is such a person or not; the audit knows whom it would have been."""

    def noted(*named: str) -> list[tuple[str, str, set[str]]]:
        before = village.audit()
        answer = sent(village, "lone", written([place(each) for each in named], XLSX_TYPE))
        assert {each["code"] for each in answer.json()["errors"]} == {"person_not_found"}
        told = [entry for entry in village.noted(before) if entry.act.startswith(("denied", "alert."))]
        return [(entry.act, entry.outcome, village.shown_in(entry)) for entry in told]

    village.tokens["lone"] = village.sign_in(Role.TEAM_MANAGER, scope=ScopeKind.TEAM, code="nobodys", name="Lone")
    assert noted("EX1", "EX5", "ZZ9") == [("denied", "not_found", {village.ids["EX1"], village.ids["EX5"]})]
    assert noted("ZZ8", "ZZ9") == [("denied", "not_found", set())]
    many = sorted(village.ids)[:6]
    whom = {village.ids[each] for each in many}
    assert len(whom) == 6
    assert noted(*many[:5]) == [("denied", "not_found", {village.ids[each] for each in many[:5]})]
    assert noted(*many) == [("denied", "not_found", whom), ("alert.upload_probing", "done", whom)]
