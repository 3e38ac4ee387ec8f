"""The mapping: our defaults, and a council's own words laid over them."""

from pathlib import Path

import pytest

from service.domain.facts import AllocationRole, PreProceedingsOutcome, Route
from service.errors import SettingsRefused
from service.readers import mapping
from service.readers.mapping import CodeMap


def test_texts_match_in_any_case_and_spacing(codes: CodeMap) -> None:
    assert codes.legal_statuses.find("  FULL   care Order ") == "C2"
    assert codes.allocation_roles.find("Allocated Social Worker") is AllocationRole.SOCIAL_WORKER


def test_a_key_with_a_star_matches_beginnings(codes: CodeMap) -> None:
    assert codes.cp_categories.find("Multiple: Neglect, Emotional abuse") == "MUL"
    assert codes.cp_categories.find("Neglect and more") is None


def test_the_ten_keys_of_the_permanence_plan_all_mean_something(codes: CodeMap) -> None:
    keys = "REMAINSUP RETURN1M RETURN6M RETURNEV LTRELFR LTFOST18 RESPLMT SUPPLIV ADOPTION OTHERPLN".split()
    assert {codes.routes.find(key) for key in keys} == set(Route)


LISTS = {
    "eligibility": ("Relevant", "Former Relevant", "Eligible", "Qualifying", "No Current Eligibility"),
    "in_touch": ("YES", "NO", "DIED", "REFU", "NREQ", "RHOM"),
    "activity": tuple("F1 P1 F2 P2 F3 P3 F4 P4 F5 P5 G4 G5 G6 0".split()),
    "accommodation": tuple("B C D E G H K R S T U V W X Y Z 0".split()),
    "suitability": ("1", "2", "Accommodation considered suitable", "Accommodation considered unsuitable"),
    "cp_categories": (
        "Neglect", "Physical abuse", "Sexual abuse", "Emotional abuse", "Multiple: Neglect, Physical abuse",
        "NEG", "PHY", "SAB", "EMO", "MUL",
    ),
    "placement_types": tuple(
        "A3 A4 A5 A6 H5 K1 K2 K3 P1 P2 P3 R1 R2 R3 R5 S1 T0 T1 T2 T3 T4 U1 U2 U3 U4 U5 U6 Z1 Z11 Z12 Z13 Z14".split()
    ),
    "legal_statuses": tuple("C1 C2 D1 E1 V2 V3 V4 L1 L2 L3 J1 J2 J3".split()),
    "permanence_orders": ("Adoption", "Special Guardianship", "Child Arrangements Order/ Residence Order"),
    "pre_proceedings_outcomes": ("Decision to Issue Care Proceedings", "Decision to step down"),
    "missing_kinds": ("M", "A", "Missing", "Away"),
    "allocation_roles": ("AW", "CW"),
}  # fmt: skip
"""The values that the SSD lists, and those its Eclipse scripts write."""

ECLIPSE_PLACEMENTS = {
    "APP_ADOPT": "A3", "CONS_ADOPT_NOTFP": "A4", "ORD_ADOPT_FP": "A5", "ORD_ADOPT_NOTFP": "A6", "NO_CHREGS": "H5",
    "CHLD_HOME": "K2", "PARENT": "P1", "IND_LIV": "P2", "RES_CARE": "R1", "NHS": "R2", "YOI": "R5", "RES_SCH": "S1",
    "REL": "U1", "REL_NOT_LT_ADOPT": "U3", "LT": "U4", "NOT_LT_ADOPT": "U6", "OTH": "Z1",
}  # fmt: skip


@pytest.mark.parametrize(("table", "code"), [(table, code) for table, values in LISTS.items() for code in values])
def test_every_value_of_the_lists_means_something(table: str, code: str, codes: CodeMap) -> None:
    found = getattr(codes, table).find(code)
    assert found is not None
    if table in ("activity", "accommodation", "placement_types", "legal_statuses"):
        assert found == code, "a code of the SSDA903 is itself: F3 and P3 too, though retired"


def test_eclipses_own_placement_codes_mean_what_its_script_makes_of_them(codes: CodeMap) -> None:
    assert {code: codes.placement_types.find(code) for code in ECLIPSE_PLACEMENTS} == ECLIPSE_PLACEMENTS


@pytest.mark.parametrize("code", "PT_H4 PT_F3 PT_F6 PT_F2 PT_F5 PT_F1_01 PT_F4_02 SCT_FRIEND_REL".split())
def test_placement_codes_that_nobody_has_given_a_meaning_have_none(code: str, codes: CodeMap) -> None:
    assert codes.placement_types.find(code) is None


def test_what_a_b_and_c_mean_is_for_the_council_to_say(codes: CodeMap) -> None:
    assert [codes.pre_proceedings_outcomes.find(code) for code in "ABC"] == [None, None, None]


def test_a_council_lays_its_own_words_over_ours(tmp_path: Path) -> None:
    theirs = tmp_path / "mapping.toml"
    theirs.write_text(
        '[pre_proceedings_outcomes]\nA = "step_down"\n[allocation_roles]\naw = "personal_adviser"\nCW = ""\n',
        encoding="utf-8",
    )
    codes = mapping.load(theirs)
    assert codes.pre_proceedings_outcomes.find("A") is PreProceedingsOutcome.STEP_DOWN
    assert codes.allocation_roles.find("AW") is AllocationRole.PERSONAL_ADVISER
    assert codes.allocation_roles.find("CW") is None, "the empty meaning takes an entry out"
    assert codes.allocation_roles.find("SW") is AllocationRole.SOCIAL_WORKER, "the rest of ours stays"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('[roles]\nA = "iro"\n', id="a table that does not exist"),
        pytest.param('[allocation_roles]\nA = "wizard"\n', id="a meaning that does not exist"),
        pytest.param("[allocation_roles]\nA = 1\n", id="a number"),
        pytest.param("allocation_roles = [\n", id="no TOML"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_at_the_start(text: str, tmp_path: Path) -> None:
    theirs = tmp_path / "mapping.toml"
    theirs.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsRefused, match=r"^LOS_MAPPING_FILE: "):
        mapping.load(theirs)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused):
        mapping.load(tmp_path / "nowhere.toml")
