"""Domain values as plain values: what is filled, what is private, what is redacted."""

from datetime import date

from service.domain.cohorts import COHORTS
from service.domain.facts import KINDS, Accommodation
from service.domain.policy import DEFAULT_POLICY
from service.domain.tracker import BLANK
from service.writers import words
from tests.factories import a_contact, a_stage, child, found, known, young_person
from tests.writers.trackers import WHY, tent


def test_a_fact_says_what_is_filled_and_no_narrative() -> None:
    assert "judged_why" not in words.says(tent())
    assert words.says(tent(), private=True)["judged_why"] == WHY
    assert "suitable" not in words.says(tent())
    assert words.says(Accommodation(code="U", suitable=False))["suitable"] is False


def test_a_fact_says_how_it_was_learnt() -> None:
    said = words.fact(tent())
    assert (said["source"], said["flags"], said["fact_id"]) == ("eclipse", ("contested",), "f")
    assert "version_id" not in said
    assert words.fact(Accommodation(code="U")) == {"kind": "accommodation", "says": words.says(Accommodation(code="U"))}


def test_every_kind_knows_which_of_its_fields_are_private() -> None:
    private = {
        f"{code}.{name}"
        for code, kind in KINDS.items()
        for name, field in kind.__dataclass_fields__.items()
        if field.metadata.get("private")
    }
    assert private == {
        "accommodation.judged_why", "accommodation.evidence", "contact.voice", "contact.voice_not_obtained",
        "contact.follow_up", "permanence_plan.panel_decision",
    }  # fmt: skip


def test_a_term_says_its_limit_and_on_whose_authority() -> None:
    term = words.term(DEFAULT_POLICY.term("court.pre_proceedings", on=date(2020, 7, 31)))
    assert term is not None
    assert (term["limit"], term["own_choice"]) == ("12 weeks", False)
    assert term["authority"]
    assert words.term(None) is None


def test_a_redacted_clock_keeps_its_state_and_its_shape() -> None:
    finding = found("unsuitable_accommodation", young_person(accommodations=(tent(),)))
    shown, hidden = words.clock(finding), words.redacted_clock(finding)
    assert shown.keys() == hidden.keys()
    assert (hidden["state"], hidden["facts"], hidden["beside"]) == (finding.state, [], {})
    over = found("pre_proceedings_over_12_weeks", child(pre_proceedings=(a_stage("2020-01-06"),)))
    assert words.clock(over)["limit"]
    assert [words.redacted_clock(over)[name] for name in ("limit", "term", "due_on")] == [None] * 3, "it would date it"
    assert "tent" not in str(hidden).lower()


def test_a_blank_card_is_nobody() -> None:
    assert words.person(BLANK) == {
        "person_id": None, "eclipse_id": None, "name": None, "age": None, "restricted": True,
    }  # fmt: skip
    assert words.last_contact(BLANK) is None


def test_every_cohort_can_be_put_into_words() -> None:
    assert all(cohort.rule and cohort.definition for cohort in COHORTS)
    assert words.plain(a_contact("2020-07-20T10:00:00Z", known=known()))["kind"] == "contact"  # type: ignore[index]
