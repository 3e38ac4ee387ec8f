"""Child protection, periods of care, placements, reviews and missing episodes as Eclipse's scripts give them."""

from datetime import date

import pytest

from service.domain.facts import (
    ChildProtectionPlan,
    ClaReview,
    CpReview,
    MissingEpisode,
    MissingKind,
    PeriodOfCare,
    Placement,
)
from tests.readers.conftest import Read

PLANS = (
    "cppl_cp_plan_id,cppl_person_id,cppl_cp_plan_start_date,cppl_cp_plan_end_date,cppl_cp_plan_ola,"
    "cppl_cp_plan_initial_category,cppl_cp_plan_latest_category\n"
)


def test_a_plan(read_ssd: Read) -> None:
    (claim,) = read_ssd(
        ssd_cp_plans=PLANS + "51,P1,2019-11-04 00:00:00,,,Neglect,Multiple: Neglect & Sexual abuse\n"
    ).claims
    assert claim.value == ChildProtectionPlan(
        started_on=date(2019, 11, 4), category="MUL", category_before="NEG", other_council=None
    )


def test_the_latest_category_of_eclipse_is_the_first_and_says_of_no_change(read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_cp_plans=PLANS + "51,P1,2019-11-04,,,Neglect,Neglect\n").claims
    assert claim.value == ChildProtectionPlan(started_on=date(2019, 11, 4), category="NEG", category_before="NEG")
    assert claim.flags == ()


def test_an_unknown_category_does_not_hide_a_plan(read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_cp_plans=PLANS + "51,P1,2019-11-04,,Y,??,Unkindness\n").claims
    assert claim.value == ChildProtectionPlan(started_on=date(2019, 11, 4), other_council=True)
    assert claim.flags == ("unmapped_category", "placeholder_category_before")


@pytest.mark.parametrize(
    ("start", "end", "refusal"),
    [
        ("", "", ("cppl_cp_plan_start_date", "missing_value")),
        ("1900-01-01", "", ("cppl_cp_plan_start_date", "missing_value")),
        ("31/02/2020", "", ("cppl_cp_plan_start_date", "not_a_date")),
        ("2020-02-03", "2020-02-02", ("cppl_cp_plan_end_date", "ends_before_start")),
    ],
)
def test_a_plan_without_usable_days_is_refused(start: str, end: str, refusal: tuple[str, str], read_ssd: Read) -> None:
    extract = read_ssd(ssd_cp_plans=f"{PLANS}51,P1,{start},{end},,,\n")
    assert extract.claims == ()
    assert [(r.field, r.code) for r in extract.refusals] == [refusal]


REVIEWS = (
    "cppr_cp_review_id,cppr_person_id,cppr_cp_plan_id,cppr_cp_review_due,cppr_cp_review_date,"
    "cppr_cp_review_outcome_continue_cp,cppr_cp_review_quorate\n"
)


def test_a_cp_review_is_of_a_person_whatever_the_plan_id(read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_cp_reviews=REVIEWS + "R1,P1,NULL,2020-02-03,2020-02-05,Y,Y\n").claims
    assert (claim.key, claim.eclipse_id) == ("R1", "P1")
    assert claim.value == CpReview(due_on=date(2020, 2, 3), held_on=date(2020, 2, 5), continues=True)


def test_a_cp_review_without_an_id_is_refused_and_the_others_are_taken(read_ssd: Read) -> None:
    """In Eclipse's own database one such row keeps the whole table from loading."""
    extract = read_ssd(ssd_cp_reviews=REVIEWS + "NULL,P1,NULL,,2020-02-05,Y,Y\nR2,P1,NULL,,2020-05-05,Y,Y\n")
    assert [claim.key for claim in extract.claims] == ["R2"]
    assert [(r.row, r.field, r.code) for r in extract.refusals] == [(2, "cppr_cp_review_id", "missing_key")]


def test_what_eclipse_writes_as_a_constant_is_not_read(read_ssd: Read) -> None:
    yes, no = (read_ssd(ssd_cp_reviews=f"{REVIEWS}R1,P1,,,2020-02-05,Y,{quorate}\n").claims for quorate in "YN")
    assert yes == no


def test_a_cp_review_without_any_day_is_refused(read_ssd: Read) -> None:
    extract = read_ssd(ssd_cp_reviews=REVIEWS + "R1,P1,,,,N,Y\n")
    assert [(r.field, r.code) for r in extract.refusals] == [("cppr_cp_review_date", "missing_value")]


EPISODES = (
    "clae_cla_episode_id,clae_person_id,clae_cla_episode_start_date,clae_cla_episode_ceased_date,"
    "clae_cla_episode_ceased_reason,clae_cla_id,clae_entered_care_date\n"
)


@pytest.mark.parametrize(
    ("rows", "started_on", "ended_on", "reason"),
    [
        pytest.param(["E1,P1,2020-01-15,,,CLA1,2020-01-15"], date(2020, 1, 15), None, None, id="one open episode"),
        pytest.param(
            ["E2,P1,2020-03-01,,,CLA1,", "E1,P1,2020-01-15,2020-03-01,X1,CLA1,"],
            date(2020, 1, 15),
            None,
            None,
            id="no admission date: the first episode's start",
        ),
        pytest.param(
            ["E1,P1,2020-03-01,,,CLA1,2020-01-15"], date(2020, 1, 15), None, None, id="earlier episodes not extracted"
        ),
        pytest.param(
            ["E1,P1,2020-01-15,2020-03-01,X1,CLA1,", "E2,P1,2020-03-01,2020-06-30,e4a,CLA1,"],
            date(2020, 1, 15),
            date(2020, 6, 30),
            "E4A",
            id="ended with its last episode",
        ),
        pytest.param(
            ["E1,P1,2020-01-15,2020-03-01,X1,CLA1,"], date(2020, 1, 15), None, None, id="another episode must follow"
        ),
        pytest.param(
            ["E1,P1,2020-01-15,,,CLA1,", "E2,P1,2020-03-01,2020-06-30,E4A,CLA1,"],
            date(2020, 1, 15),
            None,
            None,
            id="one episode still open",
        ),
        pytest.param(
            ["E1,P1,2020-01-15,2020-03-01,E4A,CLA1,", "E0,P1,2019-12-01,2020-03-01,X1,CLA1,"],
            date(2019, 12, 1),
            date(2020, 3, 1),
            "E4A",
            id="two end on one day: the later one counts",
        ),
        pytest.param(
            ["E1,P1,2020-01-15,2020-03-01,,CLA1,"], date(2020, 1, 15), date(2020, 3, 1), None, id="no reason given"
        ),
    ],
)
def test_episodes_make_a_period_of_care(
    rows: list[str], started_on: date, ended_on: date | None, reason: str | None, read_ssd: Read
) -> None:
    (claim,) = read_ssd(ssd_cla_episodes=EPISODES + "\n".join(rows) + "\n").claims
    assert (claim.key, claim.eclipse_id) == ("CLA1", "P1")
    assert claim.value == PeriodOfCare(started_on=started_on, ended_on=ended_on, end_reason=reason, period_ref="CLA1")


def test_an_episode_we_cannot_read_ends_nobodys_care(read_ssd: Read) -> None:
    rows = "E1,P1,2020-01-15,2020-03-01,E4A,CLA1,\nE2,P1,2020-31-12,,,CLA1,\n"
    extract = read_ssd(ssd_cla_episodes=EPISODES + rows)
    (claim,) = extract.claims
    assert claim.value == PeriodOfCare(started_on=date(2020, 1, 15), period_ref="CLA1")
    assert claim.flags == ("episode_refused",)
    assert [(r.row, r.code, r.key) for r in extract.refusals] == [(3, "not_a_date", "CLA1")], "known by its period"


def test_a_period_of_two_people_is_refused_for_the_second(read_ssd: Read) -> None:
    extract = read_ssd(ssd_cla_episodes=EPISODES + "E1,P1,2020-01-15,,,CLA1,\nE2,P2,2020-01-15,,,CLA1,\n")
    assert [(claim.key, claim.eclipse_id) for claim in extract.claims] == [("CLA1", "P1")]
    assert [(r.row, r.field, r.code) for r in extract.refusals] == [(3, "clae_person_id", "another_person")]


PLACEMENTS = (
    "clap_cla_placement_id,clap_cla_id,clap_person_id,clap_cla_placement_start_date,clap_cla_placement_type,"
    "clap_cla_placement_urn,clap_cla_placement_provider,clap_cla_placement_end_date\n"
)


def test_a_placement_id_is_an_address_and_repeats(read_ssd: Read) -> None:
    rows = [
        "A9,CLA1,P1,2020-01-15,U6,10023456789,PR1,2020-03-01",
        "A9,CLA2,P2,2020-01-15,U6,10023456789,PR1,",
        "A9,CLA1,P1,2020-06-01,PARENT,10023456789,PR0,",
        "A9,CLA1,P1,2020-06-01,PARENT,10023456789,PR0,",
    ]
    extract = read_ssd(ssd_cla_placement=PLACEMENTS + "\n".join(rows) + "\n")
    assert [claim.key for claim in extract.claims] == ["A9/P1/2020-01-15", "A9/P2/2020-01-15", "A9/P1/2020-06-01"]
    assert extract.claims[2].value == Placement(
        placement_type="P1", provider="PR0", started_on=date(2020, 6, 1), period_ref="CLA1"
    )
    assert extract.refusals == ()
    assert "10023456789" not in str(extract), "the URN column holds a property number"


@pytest.mark.parametrize(
    ("row", "key"),
    [
        pytest.param("A9,CLA1,P1,2020-15-01,U6,,,", "A9/P1/", id="which day is unknown: that address, that child"),
        pytest.param("A9,CLA1,,2020-01-15,U6,,,", "", id="which child is unknown: no key"),
    ],
)
def test_a_refused_placement_is_known_as_far_as_it_can_be(row: str, key: str, read_ssd: Read) -> None:
    extract = read_ssd(ssd_cla_placement=f"{PLACEMENTS}{row}\n")
    assert [refusal.key for refusal in extract.refusals] == [key]


@pytest.mark.parametrize(
    ("text", "code", "flags"),
    [
        ("U1", "U1", ()),
        ("NO_CHREGS", "H5", ()),
        ("DQ", None, ("placeholder_placement_type",)),
        ("PT_H4", None, ("unmapped_placement_type",)),
        ("", None, ()),
    ],
)
def test_placement_types(text: str, code: str | None, flags: tuple[str, ...], read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_cla_placement=f"{PLACEMENTS}A9,CLA1,P1,2020-01-15,{text},,,\n").claims
    assert isinstance(claim.value, Placement)
    assert (claim.value.placement_type, claim.flags) == (code, flags)


CLA_REVIEWS = "clar_cla_review_id,clar_cla_id,clar_cla_review_due_date,clar_cla_review_date,clar_cla_review_cancelled\n"


def test_a_cla_review_finds_its_person_by_the_period(read_ssd: Read) -> None:
    extract = read_ssd(
        ssd_cla_reviews=CLA_REVIEWS + "R1,CLA1,2020-02-12,2020-02-12,N\nR2,CLA1,2020-05-12,,Y\n",
        ssd_cla_episodes=EPISODES + "E1,P1,2020-01-15,,,CLA1,2020-01-15\n",
    )
    (claim,) = [claim for claim in extract.claims if claim.dataset == "ssd_cla_reviews"]
    assert claim.eclipse_id == "P1"
    assert claim.value == ClaReview(due_on=date(2020, 2, 12), held_on=date(2020, 2, 12), period_ref="CLA1")
    assert extract.refusals == ()


def test_a_cla_review_may_say_whose_it_is(read_ssd: Read) -> None:
    """Version 1.4.1 of the SSD adds the person; Eclipse's script does not have it yet."""
    seven = CLA_REVIEWS.strip() + ",clar_cla_review_participation,clar_cla_person_id\n"
    (claim,) = read_ssd(ssd_cla_reviews=seven + "R1,CLA9,2020-02-12,2020-02-12,N,PN1,P1\n").claims
    assert (claim.eclipse_id, claim.value) == (
        "P1",
        ClaReview(due_on=date(2020, 2, 12), held_on=date(2020, 2, 12), period_ref="CLA9"),
    )


@pytest.mark.parametrize("with_episodes", [True, False])
def test_a_cla_review_of_nobody_we_know_is_refused(with_episodes: bool, read_ssd: Read) -> None:
    files = {"ssd_cla_episodes": EPISODES + "E1,P1,2020-01-15,,,CLA1,2020-01-15\n"} if with_episodes else {}
    extract = read_ssd(ssd_cla_reviews=CLA_REVIEWS + "R1,CLA7,2020-02-12,2020-02-12,N\n", **files)
    assert [(r.dataset, r.row, r.field, r.code) for r in extract.refusals] == [
        ("ssd_cla_reviews", 2, "clar_cla_id", "person_not_found")
    ]


MISSING = (
    "miss_table_id,miss_person_id,miss_missing_episode_start_date,miss_missing_episode_type,"
    "miss_missing_episode_end_date,miss_missing_rhi_offered,miss_missing_rhi_accepted\n"
)


@pytest.mark.parametrize(
    ("row", "expected", "flags"),
    [
        ("M,,,", MissingEpisode(started_on=date(2020, 7, 29), missing_kind=MissingKind.MISSING), ()),
        (
            "Away from placement without authorisation,2020-07-30 09:00:00,Y,N",
            MissingEpisode(
                started_on=date(2020, 7, 29),
                ended_on=date(2020, 7, 30),
                missing_kind=MissingKind.AWAY,
                interview_offered=True,
                interview_accepted=False,
            ),
            (),
        ),
        (
            "Gone,2020-07-30,NA,Pe",
            MissingEpisode(started_on=date(2020, 7, 29), ended_on=date(2020, 7, 30)),
            ("unmapped_missing_kind", "unmapped_interview_accepted"),
        ),
    ],
)
def test_a_missing_episode(row: str, expected: MissingEpisode, flags: tuple[str, ...], read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_missing=f"{MISSING}M1,P1,2020-07-29,{row}\n").claims
    assert (claim.value, claim.flags) == (expected, flags)
