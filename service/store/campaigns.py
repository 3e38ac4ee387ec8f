"""Campaigns of the first load: who was of the denominator, what was answered, and who is still to be asked about."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, and_, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from service.domain.campaign import Answer
from service.errors import Conflict
from service.store.record import known_at
from service.store.schema import campaign, campaign_answer, campaign_person, person_merge


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign. Open until `superseded_at`."""

    campaign_id: str
    topic: str
    started_by: str
    reason: str
    recorded_at: datetime
    superseded_at: datetime | None
    closed_by: str | None
    closed_reason: str | None


@dataclass(frozen=True, slots=True)
class Answered:
    """What was last said of somebody for whom there is no fact."""

    answer: Answer
    reason: str
    answered_by: str
    recorded_at: datetime


_COLUMNS = [campaign.c[name] for name in Campaign.__dataclass_fields__]


def start(session: Session, new: Campaign, teams: Mapping[str, str | None], *, audit_id: str) -> None:
    """Keep a campaign with its denominator: person id -> the team that answers now. One open a topic."""
    values = {name: getattr(new, name) for name in ("campaign_id", "topic", "started_by", "reason", "recorded_at")}
    try:
        session.execute(insert(campaign).values(**values, audit_id=audit_id))
    except IntegrityError:
        raise already_open() from None
    people = [{"campaign_id": new.campaign_id, "person_id": p, "team_code": code} for p, code in teams.items()]
    if people:
        session.execute(insert(campaign_person), people)


def already_open() -> Conflict:
    """The refusal of a second campaign of a topic."""
    return Conflict(("topic", "already_open", "one open campaign a topic: close the other first"))


def close(session: Session, campaign_id: str, *, by: str, reason: str, at: datetime) -> bool:
    """Close a campaign; False where it was closed already."""
    still = campaign.c.superseded_at.is_(None)
    done = session.execute(
        update(campaign)
        .where(campaign.c.campaign_id == campaign_id, still)
        .values(superseded_at=at, closed_by=by, closed_reason=reason)
        .returning(campaign.c.campaign_id)
    )
    return done.first() is not None


def every(session: Session) -> list[Campaign]:
    """All campaigns, newest first."""
    rows = session.execute(select(*_COLUMNS).order_by(campaign.c.recorded_at.desc(), campaign.c.campaign_id.desc()))
    return [Campaign(*row) for row in rows]


def get(session: Session, campaign_id: str) -> Campaign | None:
    """One campaign."""
    row = session.execute(select(*_COLUMNS).where(campaign.c.campaign_id == campaign_id)).first()
    return Campaign(*row) if row else None


def open_of(session: Session, topic: str) -> Campaign | None:
    """The open campaign of a topic."""
    still = campaign.c.superseded_at.is_(None)
    row = session.execute(select(*_COLUMNS).where(campaign.c.topic == topic, still)).first()
    return Campaign(*row) if row else None


def people_of(campaign_id: str) -> Select[tuple[str]]:
    """A SELECT of the people of a campaign."""
    return select(campaign_person.c.person_id).where(campaign_person.c.campaign_id == campaign_id)


def denominator(session: Session, campaign_id: str) -> dict[str, str | None]:
    """Person id -> the team that answered when the campaign began."""
    query = select(campaign_person.c.person_id, campaign_person.c.team_code)
    return dict(session.execute(query.where(campaign_person.c.campaign_id == campaign_id)).all())


def answer(
    session: Session, campaign_id: str, person_id: str, given: Answered, *, answer_id: str, audit_id: str
) -> None:
    """Keep an answer. The newest counts."""
    session.execute(
        insert(campaign_answer).values(
            answer_id=answer_id, campaign_id=campaign_id, person_id=person_id, answer=given.answer.value,
            reason=given.reason, answered_by=given.answered_by, recorded_at=given.recorded_at, audit_id=audit_id,
        )
    )  # fmt: skip


def answers(session: Session, campaign_id: str) -> dict[str, Answered]:
    """Person id -> the newest answer."""
    columns = [campaign_answer.c[name] for name in ("person_id", *Answered.__dataclass_fields__)]
    rows = session.execute(
        select(*columns)
        .where(campaign_answer.c.campaign_id == campaign_id)
        .order_by(campaign_answer.c.recorded_at, campaign_answer.c.answer_id)
    )
    return {person_id: Answered(Answer(said), *rest) for person_id, said, *rest in rows}


def asked(session: Session, moment: datetime) -> dict[str, frozenset[str]]:
    """Topic -> people of its open campaign without an answer, as known at a moment: one SELECT.

    Somebody merged into another is asked about as the other.
    """
    said = exists().where(
        campaign_answer.c.campaign_id == campaign_person.c.campaign_id,
        campaign_answer.c.person_id == campaign_person.c.person_id,
        campaign_answer.c.recorded_at <= moment,
    )
    kept = func.coalesce(person_merge.c.into_person_id, campaign_person.c.person_id)
    rows = session.execute(
        select(campaign.c.topic, kept, said)
        .select_from(campaign)
        .join(campaign_person, campaign_person.c.campaign_id == campaign.c.campaign_id)
        .outerjoin(
            person_merge,
            and_(person_merge.c.from_person_id == campaign_person.c.person_id, known_at(person_merge, moment)),
        )
        .where(known_at(campaign, moment))
    )
    asked_about: dict[str, set[str]] = {}
    answered: set[tuple[str, str]] = set()
    for topic, person_id, has_answer in rows:
        asked_about.setdefault(topic, set()).add(person_id)
        if has_answer:
            answered.add((topic, person_id))
    return {topic: frozenset(p for p in people if (topic, p) not in answered) for topic, people in asked_about.items()}
