"""What is known of a person: one frozen dataclass per kind of fact, as the field names them.

A dataclass here is the one definition of its kind: the table (`store/schema.py`), the API body
(`api/facts.py`) and the documents are derived from its fields and their `said(...)` texts.
A fact says what was true (its own dates); its `Known` says how and when we learnt it.
"""

import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints


class Source(StrEnum):
    """Where a version of a fact came from."""

    ECLIPSE = "eclipse"
    API = "api"
    UPLOAD = "upload"
    MIGRATED = "migrated"


class Confidence(StrEnum):
    """How sure the source was."""

    CONFIRMED = "confirmed"
    UNVERIFIED = "unverified"
    ASSUMED = "assumed"
    OBSERVED = "observed"


class Basis(StrEnum):
    """What a start date rests on: written down, first seen by us ("at least n days"), or inferred."""

    RECORDED = "recorded"
    OBSERVED = "observed"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Known:
    """How and when we learnt a fact: the envelope of one version. Times are aware UTC datetimes."""

    fact_id: str
    version_id: str
    person_id: str
    source: Source
    recorded_at: datetime
    source_ref: str = ""
    recorded_by: str = ""
    confidence: Confidence = Confidence.CONFIRMED
    proposed: bool = False
    approved_at: datetime | None = None
    flags: tuple[str, ...] = ()

    @property
    def effective_at(self) -> datetime | None:
        """When this version began to count; None while it waits for a second person."""
        return self.approved_at if self.proposed else self.recorded_at


def said(doc: str, default: Any = None, *, example: Any = None, private: bool = False) -> Any:
    """A field of a fact: what it means, an example, and whether it is narrative (never listed)."""
    if default is MISSING:
        return field(metadata={"doc": doc, "example": example, "private": private})
    return field(default=default, metadata={"doc": doc, "example": example, "private": private})


def must(doc: str, *, example: Any = None) -> Any:
    """A field without which the fact says nothing."""
    return said(doc, MISSING, example=example)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What all kinds share. `kind` is its code; `defines` are the fields whose change is other news."""

    kind: ClassVar[str] = ""
    defines: ClassVar[tuple[str, ...]] = ()
    known: Known | None = field(default=None, compare=False, repr=False)


# --- people and those who work with them ---------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Person(Fact):
    """Who somebody is. An unborn child has `expected_on` and no `born_on`."""

    kind: ClassVar[str] = "person"
    forename: str | None = said("Given name", example="Rowan")
    surname: str | None = said("Family name", example="Demo-Ashford")
    born_on: date | None = said("Date of birth", example="2001-02-14")
    expected_on: date | None = said("Expected date of birth of an unborn child", example="2026-12-01")
    died_on: date | None = said("Date of death", example="2026-01-09")
    transferred_out_on: date | None = said("Date responsibility passed to another council")
    adopted_on: date | None = said("Date of the adoption order; the record is sealed from then")
    legacy_id: str | None = said("Id in the system before Eclipse", example="CF-20441")


@dataclass(frozen=True, slots=True, kw_only=True)
class Responsibility(Fact):
    """Which team answers for a person, and where the person lives: two things, kept apart."""

    kind: ClassVar[str] = "responsibility"
    defines: ClassVar[tuple[str, ...]] = ("team_code",)
    team_code: str | None = said("Team that answers for the person", example="exeter_cf_1")
    district: str | None = said("District, or other council, where the person lives", example="Teignbridge")
    started_on: date | None = said("First day", example="2020-01-06")
    started_on_basis: Basis = said("What the first day rests on", Basis.RECORDED)
    ended_on: date | None = said("Last day")


class AllocationRole(StrEnum):
    """What a worker is to a person."""

    SOCIAL_WORKER = "social_worker"
    PERSONAL_ADVISER = "personal_adviser"
    IRO = "iro"
    CP_CHAIR = "cp_chair"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation(Fact):
    """A worker allocated to a person from one day to another."""

    kind: ClassVar[str] = "allocation"
    defines: ClassVar[tuple[str, ...]] = ("worker_ref", "role")
    worker_ref: str = must("Eclipse id of the worker", example="W1042")
    role: AllocationRole | None = said("What the worker is to them; empty when not mapped", example="social_worker")
    team_code: str | None = said("Team the worker acts for", example="exeter_cf_1")
    started_on: date | None = said("First day", example="2020-01-06")
    ended_on: date | None = said("Last day")


# --- care leavers --------------------------------------------------------------------------


class Eligibility(StrEnum):
    """Care leaver categories of the Children Act 1989 (sections 23A to 24)."""

    ELIGIBLE = "eligible"
    RELEVANT = "relevant"
    FORMER_RELEVANT = "former_relevant"
    QUALIFYING = "qualifying"
    NONE = "none"


class SupportAt21(StrEnum):
    """Whether a former relevant young person of 21 or over wants support (2017 Act s3)."""

    RECEIVING = "receiving"
    NOT_WANTED = "not_wanted"


class InTouch(StrEnum):
    """In-touch category as the SSDA903 writes it."""

    YES = "YES"
    NO = "NO"
    DIED = "DIED"
    REFU = "REFU"
    NREQ = "NREQ"
    RHOM = "RHOM"


@dataclass(frozen=True, slots=True, kw_only=True)
class CareLeaverStatus(Fact):
    """What a care leaver is entitled to and how touch is kept, over a spell of days."""

    kind: ClassVar[str] = "care_leaver_status"
    defines: ClassVar[tuple[str, ...]] = ("eligibility", "support_at_21", "in_touch")
    eligibility: Eligibility | None = said("Category; empty when blank or not mapped", example="former_relevant")
    support_at_21: SupportAt21 | None = said("Support at 21 and over; empty when not known")
    contact_interval_days: int | None = said("Agreed days between contacts", example=56)
    in_touch: InTouch | None = said("In-touch category", example="YES")
    in_touch_on: date | None = said("Date the source gives for its in-touch category", example="2020-07-20")
    activity: str | None = said("Activity code of the SSDA903", example="F5")
    pathway_plan_on: date | None = said("Latest pathway plan or review", example="2020-05-01")
    health_passport_offered_on: date | None = said("Health passport offered")
    health_passport_held_on: date | None = said("Health passport held")
    personal_adviser_ref: str | None = said("Eclipse id of the personal adviser the source names")
    started_on: date | None = said("First day this stood", example="2020-01-06")
    started_on_basis: Basis = said("What the first day rests on", Basis.RECORDED)
    ended_on: date | None = said("Last day")


class Provision(StrEnum):
    """How a placement stands with the regulator. Never inferred from a URN."""

    REGULATED = "regulated"
    REGISTERED = "registered"
    APPLICATION_ACCEPTED = "application_accepted"
    NEITHER = "neither"


class Unacceptable(StrEnum):
    """An arrangement no council accepts: a fact, no address needed."""

    NO_FIXED_ABODE = "no_fixed_abode"
    SOFA_SURFING = "sofa_surfing"
    BED_AND_BREAKFAST = "bed_and_breakfast"
    TENT = "tent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accommodation(Fact):
    """Where a young person lives over a spell of days, and the dated judgement of whether it suits."""

    kind: ClassVar[str] = "accommodation"
    defines: ClassVar[tuple[str, ...]] = ("code", "suitable", "unacceptable")
    code: str | None = said("Accommodation code of the SSDA903 (B to Z, 0)", example="U")
    started_on: date | None = said("First night", example="2020-07-01")
    started_on_basis: Basis = said("What the first night rests on", Basis.RECORDED)
    ended_on: date | None = said("Day it was left")
    provision: Provision | None = said("How the provision stands with the regulator")
    suitable: bool | None = said("The judgement; empty while nobody has judged", example=True)
    judged_on: date | None = said("Day of the judgement", example="2020-07-06")
    judged_by: str | None = said("Who judged", example="T. Demo-Manager")
    judged_why: str | None = said("Why", private=True)
    evidence: str | None = said("What the judgement rests on", private=True)
    unacceptable: Unacceptable | None = said("Unacceptable arrangement, whatever the code", example="tent")
    release_on: date | None = said("Release date, when in custody")


class ContactKind(StrEnum):
    """How contact was made or tried."""

    FACE_TO_FACE = "face_to_face"
    VIDEO = "video"
    PHONE = "phone"
    TEXT = "text"
    EMAIL = "email"
    LETTER = "letter"
    SOCIAL_MEDIA = "social_media"
    VISIT_NO_REPLY = "visit_no_reply"
    PRISON_VISIT = "prison_visit"
    THIRD_PARTY = "third_party"


class ContactOutcome(StrEnum):
    """Made: the young person answered, or was seen or spoken to. Attempted: anything else."""

    MADE = "made"
    ATTEMPTED = "attempted"


class Initiator(StrEnum):
    """Who began it."""

    WORKER = "worker"
    YOUNG_PERSON = "young_person"
    THIRD_PARTY = "third_party"


class ContactPlace(StrEnum):
    """Where somebody was seen, as far as a clock needs it."""

    ACCOMMODATION = "accommodation"
    OFFICE = "office"
    PRISON = "prison"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact(Fact):
    """A contact made or attempted. Third-party news is welfare information, never contact."""

    kind: ClassVar[str] = "contact"
    defines: ClassVar[tuple[str, ...]] = ("occurred_at", "contact_kind", "outcome")
    occurred_at: datetime = must("When it happened, with offset", example="2020-07-30T14:05:00+01:00")
    contact_kind: ContactKind = must("How", example="phone")
    outcome: ContactOutcome = must("Made or attempted", example="made")
    initiated_by: Initiator = said("Who began it", Initiator.WORKER)
    seen: bool | None = said("Whether the person was seen", example=False)
    seen_alone: bool | None = said("Whether the person was seen alone")
    place: ContactPlace | None = said("Where, when seen")
    voice: str | None = said("What the person said, in their words", private=True)
    voice_not_obtained: str | None = said("Why their voice was not obtained", private=True)
    follow_up: str | None = said("What happens next", private=True)
    worker_ref: str | None = said("Eclipse id of the worker who made it", example="W1042")
    worker_role: AllocationRole | None = said("What that worker is to the person", example="personal_adviser")


# --- child protection ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildProtectionPlan(Fact):
    """A child protection plan from one day to another."""

    kind: ClassVar[str] = "child_protection_plan"
    started_on: date = must("First day of the plan", example="2019-11-04")
    ended_on: date | None = said("Last day of the plan")
    category: str | None = said("Latest category: NEG PHY SAB EMO MUL", example="NEG")
    category_before: str | None = said("Category at the start", example="NEG")
    other_council: bool | None = said("Whether it is another council's plan")
    previous_here: int | None = said("Earlier plans the source declares in this council", example=0)
    previous_elsewhere: int | None = said("Earlier plans the source declares in other councils", example=0)
    next_review_due_on: date | None = said("When the next review conference is due")
    last_visit_on: date | None = said("Latest social work visit")
    plo_considered_on: date | None = said("Decision at 9 months whether to enter pre-proceedings: its day")
    plo_decision: str | None = said("That decision", example="remain_on_plan")
    mid_point_checked_on: date | None = said("Mid-point check between second and third review")
    repeat_screened_on: date | None = said("Area manager's screening of a repeat plan")


@dataclass(frozen=True, slots=True, kw_only=True)
class CpReview(Fact):
    """A review child protection conference, due and held. Joined to a plan by person and date."""

    kind: ClassVar[str] = "cp_review"
    defines: ClassVar[tuple[str, ...]] = ("held_on",)
    due_on: date | None = said("Day it was due", example="2020-02-03")
    held_on: date | None = said("Day it was held", example="2020-02-03")
    continues: bool | None = said("Whether the plan continues")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCount(Fact):
    """How many earlier plans a source declares, where the plan rows do not reach back."""

    kind: ClassVar[str] = "plan_count"
    here: int | None = said("Earlier plans in this council", example=1)
    elsewhere: int | None = said("Earlier plans in other councils", example=0)
    counted_on: date | None = said("Day of the count", example="2020-07-01")


# --- children in care ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodOfCare(Fact):
    """A continuous period of being looked after."""

    kind: ClassVar[str] = "period_of_care"
    started_on: date = must("Day the child entered care", example="2020-01-15")
    ended_on: date | None = said("Day the period ended")
    end_reason: str | None = said("Reason code of the SSDA903", example="E4A")
    period_ref: str | None = said("The source's id of the period", example="CLA20441")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement(Fact):
    """Where a looked-after child is placed."""

    kind: ClassVar[str] = "placement"
    defines: ClassVar[tuple[str, ...]] = ("placement_type",)
    placement_type: str | None = said("Placement code of the SSDA903; empty when not mapped", example="U6")
    provider: str | None = said("Provider code", example="PR1")
    started_on: date = must("First day", example="2020-01-15")
    ended_on: date | None = said("Last day")
    period_ref: str | None = said("The source's id of the period of care", example="CLA20441")
    assessed_on: date | None = said("Placed with parents: suitability assessed")
    approved_on: date | None = said("Placed with parents: nominated officer's approval")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalStatus(Fact):
    """The legal basis on which a child is looked after."""

    kind: ClassVar[str] = "legal_status"
    defines: ClassVar[tuple[str, ...]] = ("code",)
    code: str | None = said("Legal status code of the SSDA903; empty when not mapped", example="C2")
    started_on: date = must("First day", example="2020-01-15")
    ended_on: date | None = said("Last day")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaReview(Fact):
    """A review of a looked-after child, due and held."""

    kind: ClassVar[str] = "cla_review"
    defines: ClassVar[tuple[str, ...]] = ("held_on",)
    due_on: date | None = said("Day it was due", example="2020-02-12")
    held_on: date | None = said("Day it was held", example="2020-02-12")
    period_ref: str | None = said("The source's id of the period of care", example="CLA20441")


class Route(StrEnum):
    """Routes to permanence."""

    RETURN_HOME = "return_home"
    KINSHIP_SGO = "kinship_sgo"
    LONG_TERM_FOSTERING = "long_term_fostering"
    ADOPTION = "adoption"
    RESIDENTIAL_TO_18 = "residential_to_18"
    SUPPORTED_INDEPENDENCE = "supported_independence"
    OTHER = "other"


class SecuredBy(StrEnum):
    """What makes a permanence plan real."""

    ORDER = "order"
    MATCH = "match"
    MOVE = "move"


@dataclass(frozen=True, slots=True, kw_only=True)
class PermanencePlan(Fact):
    """A plan for a lasting home: agreed, recorded, matched, secured are four different days."""

    kind: ClassVar[str] = "permanence_plan"
    defines: ClassVar[tuple[str, ...]] = ("route",)
    route: Route | None = said("Route; empty when not mapped", example="long_term_fostering")
    parallel_route: Route | None = said("Second route planned beside it")
    agreed_on: date | None = said("Day it was agreed", example="2020-05-12")
    agreed_at: str | None = said("Review or panel that agreed it", example="second review")
    recorded_on: date | None = said("Day it was recorded on Eclipse", example="2020-05-14")
    matched_on: date | None = said("Day of the match with long-term carers")
    secured_on: date | None = said("Day it was secured")
    secured_by: SecuredBy | None = said("Order, match or move")
    life_story: str | None = said("Life story work: not_started, in_progress, complete")
    panel_decision: str | None = said("Panel's decision and date", private=True)
    ended_on: date | None = said("Day the plan ended")


# --- court ---------------------------------------------------------------------------------


class PreProceedingsOutcome(StrEnum):
    """How pre-proceedings ended."""

    STEP_DOWN = "step_down"
    ISSUE = "issue"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreProceedings(Fact):
    """The formal stage before court: the ten fields of the 2026-27 CIN census module, and what it lacks."""

    kind: ClassVar[str] = "pre_proceedings"
    started_on: date | None = said("PPStartDate: the council decided to begin", example="2020-05-04")
    letter_sent_on: date | None = said("LBPSentDate: letter before proceedings sent", example="2020-05-11")
    fgdm_offered: bool | None = said("FGDMMeetingOffer: family group decision making offered")
    fgdm_held: bool | None = said("FGDMMeetingFac: that meeting facilitated")
    first_meeting_on: date | None = said("InitialPPMeetingDate: first meeting", example="2020-05-20")
    review_meetings: int | None = said("ReviewMeetingsCount: meetings after the first", example=1)
    step_decided_on: date | None = said("StepDecisionDate: decision to step up or down")
    outcome: PreProceedingsOutcome | None = said("PPOutcome as mapped; empty when none or not mapped")
    outcome_code: str | None = said("PPOutcome as the source writes it", example="B")
    court_application_on: date | None = said("CourtAppDate: application submitted")
    court_letter_on: date | None = said("LetterInitCPDate: letter that proceedings begin")
    family_group: str | None = said("The source's id of the family", example="F31")
    legal_planning_meeting_on: date | None = said("Legal planning meeting")
    permanence_planning_meeting_on: date | None = said("Permanence planning meeting")
    planned_end_on: date | None = said("Planned end")
    reason_over_12_weeks: str | None = said("Why it is past 12 weeks", example="expert_unavailable")


class DelayParty(StrEnum):
    """Whom a delay is attributed to."""

    LA = "la"
    COURT = "court"
    EXPERT = "expert"
    CAFCASS = "cafcass"
    OTHER_PARTY = "other_party"
    HEALTH = "health"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class CareProceedings(Fact):
    """A section 31 application, from issue to final disposal."""

    kind: ClassVar[str] = "care_proceedings"
    defines: ClassVar[tuple[str, ...]] = ("court_reference",)
    issued_on: date = must("The court's issue date", example="2020-02-03")
    issued_on_basis: Basis = said("What the issue date rests on", Basis.RECORDED)
    court_reference: str | None = said("Court reference", example="EX20C00123")
    family_group: str | None = said("The source's id of the family", example="F31")
    hearings_held: int | None = said("Hearings held", example=2)
    next_hearing_on: date | None = said("Next hearing", example="2020-08-10")
    next_hearing: str | None = said("Kind of the next hearing", example="IRH")
    extended_to: date | None = said("Latest day of the extensions granted (up to 8 weeks each)")
    extensions: int | None = said("Extensions granted", example=1)
    extension_reason: str | None = said("Reason for the latest extension")
    delay_reason: str | None = said("Reason for delay", example="court_listing")
    delay_party: DelayParty | None = said("Party the delay is attributed to", example="court")
    weeks_lost: int | None = said("Weeks lost to it", example=4)
    disposed_on: date | None = said("Final disposal, withdrawal included")
    disposal: str | None = said("Final order, or withdrawn", example="care_order")


class MissingKind(StrEnum):
    """Missing, or away from placement without authorisation."""

    MISSING = "missing"
    AWAY = "away"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingEpisode(Fact):
    """Days missing or away; without an end the child is missing now."""

    kind: ClassVar[str] = "missing_episode"
    defines: ClassVar[tuple[str, ...]] = ("missing_kind",)
    started_on: date = must("Day last seen", example="2020-07-29")
    ended_on: date | None = said("Day found")
    missing_kind: MissingKind | None = said("Missing or away; empty when not mapped", example="missing")
    interview_offered: bool | None = said("Return interview offered")
    interview_accepted: bool | None = said("Return interview accepted")
    interview_held_on: date | None = said("Return interview held")


KINDS: dict[str, type[Fact]] = {
    cls.kind: cls
    for cls in (
        Person, Responsibility, Allocation, CareLeaverStatus, Accommodation, Contact,
        ChildProtectionPlan, CpReview, PlanCount, PeriodOfCare, Placement, LegalStatus, ClaReview,
        PreProceedings, CareProceedings, PermanencePlan, MissingEpisode,
    )
}  # fmt: skip

# Filled by the service from who is signed in, or by sources; never by a body.
SERVER_OWNED = frozenset({"worker_ref", "worker_role", "outcome_code"})


def _bare(hint: Any) -> type:
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
    return hint  # type: ignore[no-any-return]


def _types(kind: type[Fact]) -> Mapping[str, type]:
    hints = get_type_hints(kind)
    return {f.name: _bare(hints[f.name]) for f in fields(kind) if f.name != "known"}


_FIELD_TYPES = {code: _types(cls) for code, cls in KINDS.items()}


def field_types(kind: type[Fact]) -> Mapping[str, type]:
    """Field name -> its type without `None`, for the fields that say something (not `known`)."""
    return _FIELD_TYPES[kind.kind]
