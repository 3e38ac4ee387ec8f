"""SSD tables of legal status, permanence and pre-proceedings. Eclipse's scripts leave most of the last three empty."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from service.domain.facts import LegalStatus, PermanencePlan, PreProceedings, Route, SecuredBy
from service.domain.intake import Claim
from service.readers.mapping import CodeMap
from service.readers.rows import Row, taken
from service.readers.ssd_people import Context

OVERLAPPING = "overlapping_spells"
_NOT_TICKED = frozenset({"", "n", "no", "0", "false", "none", "null"})


def legal_statuses(rows: Iterable[Row], context: Context) -> list[Claim]:
    """ssd_legal_status -> LegalStatus. Eclipse gives the description, other systems the code: both are mapped.

    Eclipse draws two spells of one status into one over the gap between them, which another status then fills. Rows
    of a person that share more than the day of the change are kept as they come, flagged `overlapping_spells`; who
    reads them lets the one that keeps a child looked after count.
    """

    def build(row: Row) -> list[Claim]:
        row.key = row.must_key("lega_legal_status_id")
        person_id = row.must_ident("lega_person_id")
        status = LegalStatus(
            code=row.mapped("lega_legal_status", "code", context.codes.legal_statuses.find),
            started_on=row.must_day("lega_legal_status_start_date", "started_on"),
            ended_on=row.day("lega_legal_status_end_date", "ended_on"),
        )
        row.in_order(status.started_on, status.ended_on, "lega_legal_status_end_date")
        return [row.claim(person_id, status)]

    return _overlapping(taken(rows, build, "lega_legal_status_id"))


def _overlapping(claims: list[Claim]) -> list[Claim]:
    """The claims, those flagged that share more than the day of a change with another one of the person."""
    people: defaultdict[str, list[tuple[date, date, int]]] = defaultdict(list)
    for place, claim in enumerate(claims):
        if isinstance(status := claim.value, LegalStatus) and not claim.deleted:
            people[claim.eclipse_id].append((status.started_on, status.ended_on or date.max, place))
    flagged: set[int] = set()
    for spells in people.values():
        longest: tuple[date, int] | None = None
        for start, end, place in sorted(spells):
            if longest is not None and start < longest[0]:
                flagged |= {place, longest[1]}
            if longest is None or end > longest[0]:
                longest = (end, place)
    return [
        replace(claim, flags=(*claim.flags, OVERLAPPING)) if place in flagged else claim
        for place, claim in enumerate(claims)
    ]


def permanence(rows: Iterable[Row], context: Context) -> list[Claim]:
    """ssd_permanence (adoption milestones) -> PermanencePlan. A row without one of its dates says nothing.

    Without the agency decision maker's day, the first step that cannot come before it stands in, flagged
    `agreed_on_inferred`.
    """

    def build(row: Row) -> list[Claim]:
        row.key = row.ident("perm_table_id", "key") or ""
        plan = _adoption(row, context.codes)
        if not (plan.agreed_on or plan.matched_on or plan.secured_on or row.deleted):
            return []
        row.key = row.must_key("perm_table_id")
        return [row.claim(row.must_ident("perm_person_id"), plan)]

    return taken(rows, build, "perm_table_id")


def _adoption(row: Row, codes: CodeMap) -> PermanencePlan:
    decided_on = row.day("perm_adm_decision_date", "agreed_on")
    matched_on = row.day("perm_matched_date", "matched_on")
    ordered_on = row.day("perm_permanence_order_date", "secured_on")
    placed = (row.day("perm_placement_order_date", "agreed_on"), row.day("perm_placed_for_adoption_date", "agreed_on"))
    agreed_on = decided_on or min((day for day in (*placed, matched_on) if day is not None), default=None)
    if agreed_on != decided_on:
        row.flag("agreed_on_inferred")
    reversed_on = row.day("perm_decision_reversed_date", "ended_on")
    if reversed_on is None and row.text("perm_decision_reversed_reason", "ended_on") is not None:
        row.flag("reversed_without_date")
    given = row.given("perm_permanence_order_type")
    route = row.mapped("perm_permanence_order_type", "route", codes.permanence_orders.find)
    return PermanencePlan(
        route=route if given else Route.ADOPTION,
        agreed_on=agreed_on,
        agreed_at="agency decision maker" if decided_on else None,
        recorded_on=agreed_on,
        matched_on=matched_on,
        secured_on=ordered_on,
        secured_by=SecuredBy.ORDER if ordered_on else None,
        ended_on=reversed_on,
    )


def care_plans(rows: Iterable[Row], context: Context) -> list[Claim]:
    """ssd_cla_care_plan -> PermanencePlan. The day it is effective from is the day agreed and the day recorded.

    The plan is a JSON object of ticked keys, or plain text. Two routes are a plan and its parallel plan;
    nothing ticked is no plan, and says nothing.
    """

    def build(row: Row) -> list[Claim]:
        texts = _ticked(row.text("lacp_cla_care_plan_json", "route") or "")
        row.key = row.ident("lacp_table_id", "key") or ""
        if not texts and not row.deleted:
            return []
        row.key = row.must_key("lacp_table_id")
        person_id = row.must_ident("lacp_person_id")
        agreed_on = row.day("lacp_cla_care_plan_start_date", "agreed_on")
        ended_on = row.day("lacp_cla_care_plan_end_date", "ended_on")
        row.in_order(agreed_on, ended_on, "lacp_cla_care_plan_end_date")
        plan = PermanencePlan(agreed_on=agreed_on, recorded_on=agreed_on, ended_on=ended_on)
        return [row.claim(person_id, _routed(row, plan, texts, context.codes))]

    return taken(rows, build, "lacp_table_id")


def _ticked(text: str) -> list[str]:
    """Keys of a JSON object with an answer other than no, items of a JSON list, or the text itself."""
    if text[:1] not in ("{", "["):
        return [text] if text else []
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return [text]
    if isinstance(found, dict):
        return [key for key, answer in found.items() if str(answer).strip().lower() not in _NOT_TICKED]
    return [str(item) for item in found]


def _routed(row: Row, plan: PermanencePlan, texts: list[str], codes: CodeMap) -> PermanencePlan:
    found = [codes.routes.find(text) for text in texts]
    routes = list(dict.fromkeys(route for route in found if route is not None))
    if None in found:
        row.flag("unmapped_route")
    if len(routes) > 2:
        row.flag("several_routes")
    first, second = [*routes, None, None][:2]
    return replace(plan, route=first, parallel_route=second)


def pre_proceedings(rows: Iterable[Row], context: Context) -> list[Claim]:
    """ssd_pre_proceedings -> PreProceedings. A row without a date and an outcome says nothing."""

    def build(row: Row) -> list[Claim]:
        row.key = row.ident("prep_table_id", "key") or ""
        period = _pre_proceedings(row, context.codes)
        empty = PreProceedings(family_group=period.family_group, review_meetings=period.review_meetings)
        if period == empty and not row.deleted:
            return []
        row.key = row.must_key("prep_table_id")
        row.in_order(period.started_on, period.step_decided_on, "prep_agree_stepdown_issue_date")
        return [row.claim(row.must_ident("prep_person_id"), period)]

    return taken(rows, build, "prep_table_id")


def _pre_proceedings(row: Row, codes: CodeMap) -> PreProceedings:
    return PreProceedings(
        started_on=row.day("prep_pre_pro_decision_date", "started_on"),
        letter_sent_on=row.day("prep_pre_pro_letter_date", "letter_sent_on"),
        first_meeting_on=row.day("prep_initial_pre_pro_meeting_date", "first_meeting_on"),
        review_meetings=row.whole("prep_pre_pro_meetings_num", "review_meetings"),
        step_decided_on=row.day("prep_agree_stepdown_issue_date", "step_decided_on"),
        outcome=row.mapped("prep_pre_pro_outcome", "outcome", codes.pre_proceedings_outcomes.find),
        outcome_code=row.text("prep_pre_pro_outcome", "outcome"),
        court_letter_on=row.day("prep_care_pro_letter_date", "court_letter_on"),
        family_group=row.ident("prep_plo_family_id", "family_group"),
    )
