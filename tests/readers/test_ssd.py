"""The SSD profile as a whole: unknown columns, missing columns, placeholder rows, and what is never read."""

import csv
import io
import re
from pathlib import Path

from service.domain.facts import Person
from service.readers import ssd
from tests.readers.conftest import Read

FORMATS = Path(__file__).parent.parent.parent / "docs" / "formats.md"


def test_unknown_columns_are_ignored_and_missing_ones_are_null(read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_person="pers_person_id,pers_shoe_size,pers_forename\nP1,44,Rowan\n").claims
    assert (claim.key, claim.eclipse_id, claim.value) == ("P1", "P1", Person(forename="Rowan"))


def test_a_table_without_its_person_column_is_refused(read_ssd: Read) -> None:
    extract = read_ssd(ssd_cp_plans="cppl_cp_plan_id,cppl_cp_plan_start_date\n1,2020-01-06\n")
    assert extract.claims == ()
    assert [(r.row, r.field, r.code) for r in extract.refusals] == [(1, "cppl_person_id", "missing_column")]
    assert extract.rows == {"ssd_cp_plans": 1}


def test_a_table_nobody_reads_is_refused_not_passed_over(read_ssd: Read) -> None:
    extract = read_ssd(ssd_disability="disa_table_id\n1\n", ssd_person="pers_person_id\nP1\n")
    assert [(r.dataset, r.code) for r in extract.refusals] == [("ssd_disability", "unknown_dataset")]
    assert [claim.key for claim in extract.claims] == ["P1"]


def test_rows_of_nothing_but_null_yield_nothing_and_are_counted(read_ssd: Read) -> None:
    nothing = {name: ",".join(source.required) + "\n" for name, source in ssd.TABLES.items()}
    files = {
        name: header + ",".join(["NULL"] * header.count(",") + ["NULL"]) + "\n" for name, header in nothing.items()
    }
    extract = read_ssd(**files)
    assert (extract.claims, extract.teams, extract.workers, extract.refusals) == ((), (), (), ())
    assert extract.rows == dict.fromkeys(ssd.TABLES, 1)


def test_the_nhs_number_is_never_read(read_ssd: Read) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["pers_person_id", "pers_single_unique_id", "pers_common_child_id", "pers_upn"])
    writer.writerow(["P1", "9434765919", "9434765919", "A123456789012"])
    writer.writerow(["", "9434765919", "9434765919", "A123456789012"])
    extract = read_ssd(ssd_person=out.getvalue())
    assert "9434765919" not in str(extract)
    assert [(r.row, r.field, r.code) for r in extract.refusals] == [(3, "pers_person_id", "missing_value")]


def test_json_lines_say_the_same_as_csv(read_ssd: Read) -> None:
    as_csv = read_ssd(ssd_person="pers_person_id,pers_forename,pers_dob\n1,Rowan,2001-02-14 00:00:00\n")
    as_json = read_ssd(
        ssd_person='{"pers_person_id": 1, "pers_forename": "Rowan", "pers_dob": "2001-02-14", "pers_sex": null}'
    )
    assert [(c.key, c.value) for c in as_json.claims] == [(c.key, c.value) for c in as_csv.claims]


def test_every_table_and_its_required_columns_are_documented() -> None:
    section = FORMATS.read_text(encoding="utf-8").split("\n## Profile `ssd`\n")[1]
    rows = {line.split("`")[1]: line for line in section.splitlines() if line.startswith("| `ssd_")}
    assert rows.keys() == ssd.TABLES.keys()
    bold = {name: set(re.findall(r"\*\*`(\w+)`\*\*", line)) for name, line in rows.items()}
    assert bold == {name: set(source.required) for name, source in ssd.TABLES.items()}
