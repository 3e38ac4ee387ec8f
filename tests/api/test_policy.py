"""The limits in force over HTTP: each with its authority, each cohort with its rule, at the day asked for."""

from service.domain.cohorts import COHORTS
from tests.village import Village, codes


def test_every_term_says_on_whose_authority(village: Village) -> None:
    policy = village.get("adviser", "/v1/policy").json()
    assert (policy["as_at"], policy["known_at"]) == ("2020-07-31", "2020-07-31T08:00:00Z")
    assert policy["terms"]
    for term in policy["terms"]:
        assert term["authority"]
        assert term["effective_from"] <= "2020-07-31"
    assert len({term["code"] for term in policy["terms"]}) == len(policy["terms"])


def test_every_cohort_says_its_rule(village: Village) -> None:
    cohorts = village.get("lead_member", "/v1/policy").json()["cohorts"]
    assert [each["definition"] for each in cohorts] == [cohort.definition for cohort in COHORTS]
    terms = {term["code"] for term in village.get("adviser", "/v1/policy").json()["terms"]}
    assert all(each["rule"] and each["population"] and set(each["terms"]) <= terms for each in cohorts)


def test_what_was_in_force_on_another_day(village: Village) -> None:
    now, then = (village.get("chief", "/v1/policy", as_at=day).json()["terms"] for day in ("2020-07-31", "1990-01-01"))
    assert len(then) < len(now)


def test_a_tracker_row_quotes_a_term_of_the_policy(village: Village) -> None:
    terms = {each["code"]: each for each in village.get("chief", "/v1/policy").json()["terms"]}
    term = village.cohort("chief", "pre_proceedings_over_12_weeks")["rows"][0]["clock"]["term"]
    assert terms[term["code"]]["limit"] == "12 weeks" == term["limit"]


def test_a_moment_to_come_is_refused(village: Village) -> None:
    answer = village.get("chief", "/v1/policy", known_at="2020-07-31T08:00:01Z")
    assert codes(answer) == [("known_at", "in_future")]
