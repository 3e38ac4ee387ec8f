"""Rows of extract files, what each night shows of them, and the CSV bytes that Eclipse and a council would write."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from enum import Enum

from service.domain.facts import Accommodation, CareProceedings, Contact, Fact, PermanencePlan

Change = tuple[date, Mapping[str, str]]
"""A day and the cells that read otherwise from that day on."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of one dataset, recorded on the day `since` and so in every extract of a later night.

    `cells` and the cells of `changes` are text as the file shows it; a column not named is NULL.
    """

    dataset: str
    since: date
    cells: Mapping[str, str]
    changes: tuple[Change, ...] = ()


def _of(kind: type[Fact], *first: str, **renamed: str) -> tuple[str, ...]:
    return (*first, *(renamed.get(f.name, f.name) for f in fields(kind) if f.name != "known"))


def _named(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(prefix + name for name in names.split())


# Columns of the tables as the Eclipse scripts of the Standard Safeguarding Dataset 1.4.5 deploy them.
SSD: dict[str, tuple[str, ...]] = {
    "ssd_person": _named(
        "pers_",
        "legacy_id person_id upn forename surname sex gender ethnicity dob single_unique_id upn_unknown send_flag"
        " expected_dob death_date is_mother nationality",
    ),
    "ssd_involvements": _named(
        "invo_",
        "involvements_id professional_id professional_role_id professional_team person_id involvement_start_date"
        " involvement_end_date worker_change_reason referral_id",
    ),
    "ssd_professionals": _named(
        "prof_",
        "professional_id staff_id professional_name social_worker_registration_no agency_worker_flag"
        " professional_job_title professional_caseload professional_department full_time_equivalency",
    ),
    "ssd_department": _named("dept_team_", "id name parent_id parent_name"),
    "ssd_care_leavers": _named(
        "clea_",
        "table_id person_id care_leaver_eligibility care_leaver_in_touch care_leaver_latest_contact"
        " care_leaver_accommodation care_leaver_accom_suitable care_leaver_activity pathway_plan_review_date"
        " care_leaver_personal_advisor care_leaver_allocated_team care_leaver_worker_id",
    ),
    "ssd_cp_plans": _named(
        "cppl_",
        "cp_plan_id referral_id icpc_id person_id cp_plan_start_date cp_plan_end_date cp_plan_ola"
        " cp_plan_initial_category cp_plan_latest_category",
    ),
    "ssd_cp_reviews": _named(
        "cppr_",
        "cp_review_id person_id cp_plan_id cp_review_due cp_review_date cp_review_meeting_id"
        " cp_review_outcome_continue_cp cp_review_quorate cp_review_participation",
    ),
    "ssd_cla_episodes": _named(
        "clae_",
        "cla_episode_id person_id cla_placement_id cla_episode_start_date cla_episode_start_reason"
        " cla_primary_need_code cla_episode_ceased_date cla_episode_ceased_reason cla_id referral_id"
        " cla_last_iro_contact_date entered_care_date",
    ),
    "ssd_cla_placement": _named(
        "clap_",
        "cla_placement_id cla_id person_id cla_placement_start_date cla_placement_type cla_placement_urn"
        " cla_placement_distance cla_placement_provider cla_placement_postcode cla_placement_end_date"
        " cla_placement_change_reason",
    ),
    "ssd_cla_reviews": _named(
        "clar_cla_", "review_id id review_due_date review_date review_cancelled review_participation"
    ),
    "ssd_legal_status": _named(
        "lega_", "legal_status_id person_id legal_status legal_status_start_date legal_status_end_date"
    ),
    "ssd_permanence": _named(
        "perm_",
        "table_id person_id cla_id adm_decision_date part_of_sibling_group siblings_placed_together"
        " siblings_placed_apart ffa_cp_decision_date placement_order_date matched_date adopter_sex"
        " adopter_legal_status number_of_adopters placed_for_adoption_date adopted_by_carer_flag"
        " placed_foster_carer_date placed_ffa_cp_date placement_provider_urn decision_reversed_date"
        " decision_reversed_reason permanence_order_date permanence_order_type adoption_worker_id",
    ),
    "ssd_cla_care_plan": _named(
        "lacp_", "table_id person_id cla_care_plan_start_date cla_care_plan_end_date cla_care_plan_json"
    ),
    "ssd_pre_proceedings": _named(
        "prep_",
        "table_id person_id plo_family_id pre_pro_decision_date initial_pre_pro_meeting_date pre_pro_outcome"
        " agree_stepdown_issue_date cp_plans_referral_period legal_gateway_outcome prev_pre_proc_child"
        " prev_care_proc_child pre_pro_letter_date care_pro_letter_date pre_pro_meetings_num"
        " pre_pro_parents_legal_rep parents_legal_rep_point_of_issue court_reference care_proc_court_hearings"
        " care_proc_short_notice proc_short_notice_reason la_inital_plan_approved la_initial_care_plan"
        " la_final_plan_approved la_final_care_plan",
    ),
    "ssd_missing": _named(
        "miss_",
        "table_id person_id missing_episode_start_date missing_episode_type missing_episode_end_date"
        " missing_rhi_offered missing_rhi_accepted",
    ),
}

# What the standard formats lack, in the `cohorts` profile.
COHORTS: dict[str, tuple[str, ...]] = {
    "teams": _named(
        "",
        "team_id title team_type area_code area_title locality_code locality_title service_code service_title",
    ),
    "workers": _named("", "worker_id name role team_id started_on ended_on"),
    "people": _named(
        "",
        "eclipse_id forename surname born_on expected_on died_on transferred_out_on adopted_on legacy_id team_id"
        " district responsible_from",
    ),
    "accommodation": _of(Accommodation, "spell_id", "eclipse_id"),
    "pre_proceedings": _named(
        "",
        "record_id eclipse_id PPStartDate LBPSentDate FGDMMeetingOffer FGDMMeetingFac InitialPPMeetingDate"
        " ReviewMeetingsCount StepDecisionDate PPOutcome CourtAppDate LetterInitCPDate family_group"
        " legal_planning_meeting_on permanence_planning_meeting_on planned_end_on reason_over_12_weeks",
    ),
    "care_proceedings": _of(CareProceedings, "record_id", "eclipse_id"),
    "permanence_plans": _of(PermanencePlan, "record_id", "eclipse_id"),
    "plan_counts": _named("", "eclipse_id here elsewhere counted_on"),
    "contacts": _of(Contact, "record_id", "eclipse_id", worker_ref="worker_id"),
}


def stamp(day: date | None) -> str:
    """A date as a naive export of Eclipse's TIMESTAMP columns writes it; NULL is empty."""
    return f"{day.isoformat()} 00:00:00" if day else ""


def text(value: object) -> str:
    """A value as the `cohorts` files write it: ISO dates, yes and no, codes; NULL is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    return value.isoformat() if isinstance(value, date) else str(value)


def cells(**values: object) -> dict[str, str]:
    """Cells of a `cohorts` row; values that are None are left NULL."""
    return {name: text(value) for name, value in values.items() if value is not None}


def ssd(prefix: str, **values: object) -> dict[str, str]:
    """Cells of an SSD row: column names without their prefix, dates as timestamps."""
    return {
        prefix + name: stamp(value) if isinstance(value, date) else text(value)
        for name, value in values.items()
        if value is not None
    }


def extract(rows: Iterable[Row], night: date) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The SSD tables and the `cohorts` files of the extract run early on `night`, by dataset name.

    A full snapshot of what was recorded on earlier days; an empty dataset is a header alone.
    """
    shown: dict[str, list[dict[str, str]]] = {name: [] for name in (*SSD, *COHORTS)}
    for row in rows:
        if row.since < night:
            shown[row.dataset].append(_as_of(row, night))
    return (
        {name: _csv(columns, shown[name]) for name, columns in SSD.items()},
        {name: _csv(columns, shown[name]) for name, columns in COHORTS.items()},
    )


def _as_of(row: Row, night: date) -> dict[str, str]:
    known = dict(row.cells)
    for day, changed in sorted(row.changes, key=lambda change: change[0]):
        if day < night:
            known.update(changed)
    return known


def _csv(columns: tuple[str, ...], rows: Iterable[dict[str, str]]) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()
