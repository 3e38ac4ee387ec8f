"""People at the edge of a rule, one each, with the state every cohort should find them in."""

from dataclasses import dataclass

Expected = tuple[tuple[str, str], ...]
"""(cohort, state) of every finding but those in state `within`."""

_UNSUITABLE, _UNKNOWN_PLACE = "unsuitable_accommodation", "accommodation_unknown"
_OUT_OF_TOUCH, _ALONE = "not_in_touch", "unallocated"
_BEFORE_COURT, _IN_COURT = "pre_proceedings_over_12_weeks", "proceedings_over_26_weeks"
_LONG_PLAN, _SECOND_PLAN = "cp_plan_over_9_months", "repeat_cp_plan"


@dataclass(frozen=True, slots=True)
class Edge:
    """Somebody invented to stand exactly on a line. `expected` is empty for someone in no cohort."""

    eclipse_id: str
    who: str
    expected: Expected = ()
    note: str = ""


CARE_LEAVERS = (
    Edge("EDGE-001", "declines contact, weekly text unanswered", ((_OUT_OF_TOUCH, "over"),), "line of REFU"),
    Edge("EDGE-002", "lives in a sound caravan on a long tenancy", (), "code Y judged suitable"),
    Edge("EDGE-003", "bed and breakfast, night 3", ((_UNSUITABLE, "danger"),), "code W"),
    Edge("EDGE-004", "tent reported by police, no address", ((_UNSUITABLE, "danger"),), "known only by the API"),
    Edge("EDGE-005", "turns 18 tomorrow with no personal adviser", ((_ALONE, "over"),), "left care, relevant"),
    Edge("EDGE-006", "in custody", ((_UNSUITABLE, "over"), (_OUT_OF_TOUCH, "over")), "X2, release date known"),
    Edge("EDGE-007", "returned home 6 months", (), "RHOM at 17: no longer served"),
    Edge("EDGE-008", "unaccompanied asylum-seeking child, gone abroad", ((_OUT_OF_TOUCH, "over"),), "code G"),
    Edge("EDGE-009", "birthday 29 February", (), "birthdays fall on 1 March"),
    Edge("EDGE-010", "died", (), "no longer served"),
    Edge("EDGE-011", "transferred to another authority", (), "no longer served"),
    Edge("EDGE-012", "restricted record, only attempts to reach", ((_OUT_OF_TOUCH, "over"),), "one redacted row"),
    Edge("EDGE-013", "no fixed abode", ((_UNSUITABLE, "danger"),), "code S"),
    Edge("EDGE-014", "emergency accommodation judged unsuitable", ((_UNSUITABLE, "over"),), "code V"),
    Edge("EDGE-015", "sofa-surfing since last month", ((_UNSUITABLE, "danger"),), "code Y, sofa_surfing"),
    Edge(
        "EDGE-016",
        "sofa-surfing, only attempts to reach",
        ((_UNSUITABLE, "danger"), (_OUT_OF_TOUCH, "over")),
        "one young person in two cohorts",
    ),
    Edge("EDGE-017", "no accommodation recorded", ((_UNKNOWN_PLACE, "unknown"),)),
    Edge("EDGE-018", "residence not known", ((_UNKNOWN_PLACE, "unknown"),), "code R"),
    Edge("EDGE-019", "moved 5 days ago, not yet judged", ((_UNKNOWN_PLACE, "approaching"),), "being assessed"),
    Edge("EDGE-020", "moved 4 days ago, not yet judged", ((_UNKNOWN_PLACE, "approaching"),), "being assessed"),
)
NOT_SERVED = frozenset({"EDGE-007", "EDGE-010", "EDGE-011"})
RESTRICTED = ("EDGE-012",)

CHILDREN = (
    Edge("EDGE-021", "unborn, two prior siblings removed", (), "pre-proceedings day 40: within"),
    Edge("EDGE-022", "first sibling removed", (), "placed for adoption"),
    Edge("EDGE-023", "second sibling removed", (), "placed for adoption"),
    Edge("EDGE-024", "pre-proceedings week 13 with reason", ((_BEFORE_COURT, "over"),), "a reason stops no clock"),
    Edge("EDGE-025", "proceedings 25 weeks 6 days", ((_IN_COURT, "approaching"),), "the last day of 26 weeks"),
    Edge("EDGE-026", "child protection plan 8 months 29 days", ((_LONG_PLAN, "approaching"),)),
    Edge("EDGE-027", "second plan 5 months after the first", ((_SECOND_PLAN, "over"),)),
    Edge("EDGE-028", "four siblings: pre-proceedings, week 6", (), "within"),
    Edge("EDGE-029", "four siblings: decided to issue, not issued", ((_BEFORE_COURT, "over"),), "week 14"),
    Edge("EDGE-030", "four siblings: in proceedings, 3 weeks", (), "within"),
    Edge("EDGE-031", "four siblings: stepped down", (), "the clock stopped"),
    Edge("EDGE-032", "plan migrated from Care First", ((_LONG_PLAN, "over"),), "legacy id; `unverified` waits"),
    Edge("EDGE-033", "worker left yesterday", ((_ALONE, "over"),), "on a plan, no active social worker"),
    Edge("EDGE-034", "twin, same first initial as EDGE-035", (), "same day of birth"),
    Edge("EDGE-035", "twin, same first initial as EDGE-034", (), "same day of birth"),
    Edge("EDGE-036", "Disabled Children's Service, placed in another locality", (), "team and residence differ"),
    Edge("EDGE-037", "16-year-old moved back to regulated care", (), "its cohort waits"),
    Edge("EDGE-038", "long-term foster plan agreed, unmatched 9 months", (), "its cohort waits"),
    Edge("EDGE-039", "placed with parents, not in proceedings", (), "its cohort waits"),
)

RECORDS = (
    Edge("EDGE-040", "registered again out of hours", (), "merged into EDGE-015"),
    Edge("EDGE-041", "adopted 12 days ago", (), "sealed: nobody finds the record"),
    Edge("EDGE-042", "id given to another child", (), "released; now the other child's"),
)
"""What becomes of a record, not of a person: none of these is in a population."""

EDGES = (*CARE_LEAVERS, *CHILDREN, *RECORDS)
