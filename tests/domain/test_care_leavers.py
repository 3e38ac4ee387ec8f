"""Care leavers not in touch: stories with real dates."""

from datetime import timedelta

import pytest

from service.domain.clocks import State
from service.domain.facts import (
    CareLeaverStatus,
    Contact,
    ContactKind,
    ContactOutcome,
    Eligibility,
    Initiator,
    InTouch,
    SupportAt21,
)
from service.domain.person import Facts
from tests.factories import a_contact, a_place, a_status, day, find, found, young_person

COHORT = "not_in_touch"
AT_22 = "1998-02-14"


def status(in_touch: InTouch | None, started_on: str | None = "2020-07-01", **changes: object) -> CareLeaverStatus:
    return a_status(in_touch=in_touch, started_on=started_on and day(started_on), **changes)


def at_22(**facts: object) -> Facts:
    usual = {"status": a_status(support_at_21=SupportAt21.RECEIVING)}
    return young_person(born_on=AT_22, **(usual | facts))


@pytest.mark.parametrize(
    ("as_at", "state", "over"),
    [
        ("2020-07-31", State.WITHIN, 0),
        ("2020-08-31", State.WITHIN, 0),
        ("2020-09-01", State.APPROACHING, 0),  # 14 days, a quarter of 56
        ("2020-09-14", State.APPROACHING, 0),  # day 56
        ("2020-09-15", State.OVER, 1),
    ],
)
def test_56_days_without_two_way_contact(as_at: str, state: State, over: int) -> None:
    finding = found(COHORT, young_person(), as_at)
    assert (finding.state, finding.days_over, finding.due_on) == (state, over, day("2020-09-14"))
    assert finding.explanation.startswith("The last two-way contact was on 20 July 2020. 56 days from 20 July 2020")


def test_half_past_midnight_in_summer_is_the_next_day_in_london() -> None:
    """23:30 UTC on 30 June is 00:30 on 1 July in London: day 56 is 26 August."""
    facts = young_person(contacts=(a_contact("2020-06-30T23:30:00+00:00"),))
    assert found(COHORT, facts, "2020-08-26").state is State.APPROACHING
    assert found(COHORT, facts, "2020-08-27").days_over == 1


def test_a_contact_at_half_past_midnight_counts_on_the_day_we_ask() -> None:
    facts = young_person(contacts=(a_contact("2020-07-31T00:30:00+01:00"),))
    assert found(COHORT, facts, "2020-07-31").started_on == day("2020-07-31")
    assert found(COHORT, facts, "2020-07-30").state is State.UNKNOWN, "not yet happened"


@pytest.mark.parametrize(
    ("moment", "london"),
    [
        ("2026-10-24T23:30:00+00:00", "2026-10-25"),  # half past midnight, the day the clocks go back
        ("2026-10-25T23:30:00+00:00", "2026-10-25"),
        ("2026-03-29T00:30:00+00:00", "2026-03-29"),  # half an hour before they go forward
        ("2026-03-29T23:30:00+00:00", "2026-03-30"),
    ],
)
def test_contact_in_the_night_the_clocks_change(moment: str, london: str) -> None:
    facts = young_person(born_on="2007-02-14", contacts=(a_contact(moment),))
    finding = found(COHORT, facts, "2026-12-31")
    assert finding.started_on == day(london)
    assert finding.due_on == day(london) + timedelta(days=56)


UNANSWERED = tuple(
    a_contact(f"{date}T10:00:00+01:00", contact_kind=ContactKind.TEXT, outcome=ContactOutcome.ATTEMPTED)
    for date in [f"2020-06-{n}" for n in ("08", "15", "22", "29")] + [f"2020-07-{n}" for n in ("06", "13", "20", "27")]
)


def test_eight_weekly_texts_without_an_answer_are_not_contact() -> None:
    facts = young_person(contacts=(a_contact("2020-06-01T10:00:00+01:00"), *UNANSWERED))
    finding = found(COHORT, facts, "2020-07-31")
    assert (finding.state, finding.days_over, finding.line) == (State.OVER, 4, "no_contact")
    assert finding.extra["last_contact_on"] == day("2020-06-01")


@pytest.mark.parametrize(
    "contact",
    [
        a_contact(
            "2020-07-30T10:00:00+01:00", contact_kind=ContactKind.THIRD_PARTY, initiated_by=Initiator.THIRD_PARTY
        ),
        a_contact("2020-07-30T10:00:00+01:00", contact_kind=ContactKind.VISIT_NO_REPLY),
        a_contact("2020-07-30T10:00:00+01:00", contact_kind=ContactKind.LETTER, outcome=ContactOutcome.ATTEMPTED),
    ],
)
def test_news_through_others_and_a_closed_door_are_not_contact(contact: Contact) -> None:
    facts = young_person(contacts=(a_contact("2020-05-01T10:00:00+01:00"), contact))
    assert found(COHORT, facts).state is State.OVER


@pytest.mark.parametrize(
    "kind", [k for k in ContactKind if k not in (ContactKind.THIRD_PARTY, ContactKind.VISIT_NO_REPLY)]
)
def test_any_means_will_do_when_they_answer(kind: ContactKind) -> None:
    facts = young_person(contacts=(a_contact("2020-07-30T10:00:00+01:00", contact_kind=kind),))
    assert found(COHORT, facts).state is State.WITHIN


def test_nothing_known_is_unknown() -> None:
    finding = found(COHORT, young_person(contacts=()))
    assert (finding.state, finding.line) == (State.UNKNOWN, "no_information")
    assert finding.missing == ("the date of the last two-way contact",)


def test_only_attempts_are_no_information_either() -> None:
    assert found(COHORT, young_person(contacts=UNANSWERED)).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("on", "state"), [(None, State.UNKNOWN), ("2020-07-20", State.WITHIN), ("2020-05-20", State.OVER)]
)
def test_a_sources_yes_counts_on_its_date_and_without_one_proves_nothing(on: str | None, state: State) -> None:
    yes = status(InTouch.YES, "2019-02-14", in_touch_on=on and day(on))
    assert found(COHORT, young_person(status=yes, contacts=())).state is state


def test_a_yes_does_not_make_an_older_contact_newer_nor_a_newer_one_older() -> None:
    yes = status(InTouch.YES, "2019-02-14", in_touch_on=day("2020-05-20"))
    assert found(COHORT, young_person(status=yes)).started_on == day("2020-07-20")


# --- agreed intervals ------------------------------------------------------------------------


def test_from_21_the_agreed_interval_holds() -> None:
    agreed = a_status(support_at_21=SupportAt21.RECEIVING, contact_interval_days=91)
    finding = found(COHORT, at_22(status=agreed))
    assert (finding.limit, finding.due_on) == ("91 days", day("2020-10-19"))
    assert finding.term is not None
    assert finding.term.authority == "Agreed with the young person, aged 21 or over"


def test_before_21_an_agreed_interval_does_not_replace_56_days() -> None:
    assert found(COHORT, young_person(status=a_status(contact_interval_days=91))).limit == "56 days"


@pytest.mark.parametrize("interval", [None, 0, -7])
def test_without_a_usable_agreement_56_days_hold(interval: int | None) -> None:
    agreed = a_status(support_at_21=SupportAt21.RECEIVING, contact_interval_days=interval)
    assert found(COHORT, at_22(status=agreed)).limit == "56 days"


def test_unknown_support_at_22_is_served_and_judged() -> None:
    finding = found(COHORT, at_22(status=a_status(), contacts=()))
    assert (finding.state, finding.flags) == (State.UNKNOWN, ("support_unknown",))


# --- declined, home, no longer required --------------------------------------------------------


def test_declined_counts_from_the_day_it_stands() -> None:
    finding = found(COHORT, young_person(status=status(InTouch.REFU, "2020-07-24")))
    assert (finding.state, finding.line, finding.started_on) == (State.OVER, "declined", day("2020-07-24"))
    assert (finding.due_on, finding.days_over, finding.days_in_state) == (None, None, 7)
    assert finding.explanation == (
        "Contact declined (REFU) since 24 July 2020, 7 days by 31 July 2020; "
        "the last two-way contact, on 20 July 2020, does not end it."
    )


@pytest.mark.parametrize(("contact", "ended"), [("2020-07-24", False), ("2020-07-25", True)])
def test_two_way_contact_since_ends_it_but_not_the_talk_in_which_they_declined(contact: str, ended: bool) -> None:
    facts = young_person(status=status(InTouch.REFU, "2020-07-24"), contacts=(a_contact(f"{contact}T10:00:00+01:00"),))
    assert (found(COHORT, facts).line == "no_contact") is ended


def test_while_declined_a_welfare_check_is_due_every_28_days() -> None:
    """Declined on 1 June; on 30 June the grandmother says he is well: next check by 28 July."""
    news = a_contact(
        "2020-06-30T10:00:00+01:00",
        contact_kind=ContactKind.THIRD_PARTY,
        outcome=ContactOutcome.ATTEMPTED,
        initiated_by=Initiator.THIRD_PARTY,
    )
    facts = young_person(status=status(InTouch.REFU, "2020-06-01"), contacts=(news,))
    check = found(COHORT, facts).extra["welfare_check"]
    assert isinstance(check, dict)
    assert (check["due_on"], check["state"], check["days_over"]) == (day("2020-07-28"), "over", 3)
    assert check["last_known_safe_on"] == day("2020-06-30")
    assert found(COHORT, facts).state is State.OVER


def test_a_welfare_check_without_any_date_is_unknown() -> None:
    check = found(COHORT, young_person(status=status(InTouch.REFU, None), contacts=())).extra["welfare_check"]
    assert isinstance(check, dict)
    assert check["state"] == "unknown"


def test_declined_over_spells_that_follow_each_other_counts_from_the_first() -> None:
    spells = (status(InTouch.REFU, "2020-05-01", ended_on=day("2020-06-30")), status(InTouch.REFU, "2020-07-01"))
    facts = young_person(care_leaver_statuses=spells, contacts=(a_contact("2020-04-30T10:00:00+01:00"),))
    assert found(COHORT, facts).started_on == day("2020-05-01")


def test_returned_home_at_18_and_over_is_its_own_line() -> None:
    finding = found(COHORT, young_person(status=status(InTouch.RHOM, "2020-07-24")))
    assert (finding.state, finding.line) == (State.OVER, "returned_home")


def test_returned_home_at_17_runs_the_ordinary_clock() -> None:
    home = status(InTouch.RHOM, "2020-07-24", eligibility=Eligibility.RELEVANT)
    assert found(COHORT, young_person(born_on="2003-02-14", status=home)).line == "no_contact"


def test_returned_home_for_six_months_at_17_leaves() -> None:
    home = status(InTouch.RHOM, "2020-01-24", eligibility=Eligibility.RELEVANT)
    facts = young_person(born_on="2003-02-14", status=home)
    assert find(COHORT, facts, "2020-07-24") is not None
    assert find(COHORT, facts, "2020-07-25") is None


@pytest.mark.parametrize(
    ("as_at", "state"), [("2021-07-03", State.WITHIN), ("2021-07-31", State.APPROACHING), ("2021-08-01", State.OVER)]
)
def test_no_longer_required_at_21_leaves_the_yearly_offer(as_at: str, state: State) -> None:
    nreq = status(InTouch.NREQ, "2020-07-31", support_at_21=SupportAt21.RECEIVING)
    finding = found(COHORT, at_22(status=nreq), as_at)
    assert (finding.state, finding.line, finding.limit) == (state, "yearly_offer", "12 months")


def test_no_longer_required_below_21_excuses_nobody() -> None:
    finding = found(COHORT, young_person(status=status(InTouch.NREQ, "2020-07-25")), "2020-09-15")
    assert (finding.state, finding.line) == (State.OVER, "no_contact")
    assert finding.flags == ("no_longer_required_does_not_count",)


def test_a_source_that_says_no_counts_from_the_day_it_stands() -> None:
    finding = found(COHORT, young_person(status=status(InTouch.NO, "2020-07-24")))
    assert (finding.state, finding.line, finding.days_in_state) == (State.OVER, "said_not_in_touch", 7)


def test_a_worker_who_reached_them_since_the_no_has_the_last_word() -> None:
    assert found(COHORT, young_person(status=status(InTouch.NO, "2020-07-20"))).line == "no_contact"


def test_a_no_after_the_clock_has_run_out_is_over_by_the_clock() -> None:
    facts = young_person(status=status(InTouch.NO, "2020-07-24"), contacts=(a_contact("2020-06-01T10:00:00+01:00"),))
    finding = found(COHORT, facts)
    assert (finding.line, finding.days_over, finding.flags) == ("no_contact", 4, ("source_says_no",))


def test_died_exits() -> None:
    assert find(COHORT, young_person(status=status(InTouch.DIED))) is None


def test_the_worse_of_two_sources_stands() -> None:
    statuses = (status(InTouch.YES, "2019-02-14", in_touch_on=day("2020-07-15")), status(InTouch.REFU, "2020-07-24"))
    assert found(COHORT, young_person(care_leaver_statuses=statuses)).line == "declined"


def test_abroad_one_is_still_kept_in_touch_with() -> None:
    facts = young_person(accommodations=(a_place(code="G", suitable=None),), contacts=())
    assert found(COHORT, facts).state is State.UNKNOWN
