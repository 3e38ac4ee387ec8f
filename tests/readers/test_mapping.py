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
    with pytest.raises(SettingsRefused, match=r"^mapping: "):
        mapping.load(theirs)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused):
        mapping.load(tmp_path / "nowhere.toml")
