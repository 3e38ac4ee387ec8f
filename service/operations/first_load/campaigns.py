"""Run the first load of a topic: begin with a fixed denominator, answer for somebody, end."""

from datetime import datetime

from sqlmodel import Session

from service.domain.access import ScopeKind, User
from service.domain.campaign import TOPICS, Answer
from service.domain.dates import london_day
from service.domain.viewpoint import Viewpoint
from service.errors import Conflict, NotPermitted, Unprocessable
from service.operations.first_load import progress
from service.operations.first_load.progress import found, team_code_of
from service.operations.lookup import somebody
from service.operations.standing import of_people, surroundings
from service.store import audit, campaigns, people
from service.store.campaigns import Answered, Campaign
from service.store.types import new_id


def start(session: Session, topic: str, *, reason: str, by: User, at: datetime) -> Campaign:
    """Begin: everybody of the topic's population now is the denominator, each with the team that answers now."""
    _whole_county(by)
    _known_topic(topic)
    if campaigns.open_of(session, topic) is not None:
        raise campaigns.already_open()
    view = Viewpoint(london_day(at), at)
    around = surroundings(session, view)
    everybody = people.in_view(session, by, view, view.as_at)
    of_topic = [
        facts
        for facts in of_people(session, everybody, view, around.workers)
        if TOPICS[topic].population.includes(facts, view.as_at, around.policy)
    ]
    teams = {facts.person_id: team_code_of(facts, around) for facts in of_topic}
    new = Campaign(new_id(at), topic, by.user_id, reason, at, None, None, None)
    audit_id = audit.note(
        session, "campaign.start", by=by.user_id, at=at, people=teams.keys(),
        detail={"campaign_id": new.campaign_id, "topic": topic, "people": len(teams)},
    )  # fmt: skip
    campaigns.start(session, new, teams, audit_id=audit_id)
    return new


def answer(
    session: Session, campaign_id: str, said: Answer, *, reason: str, by: User, at: datetime,
    person_id: str | None = None, eclipse_id: str | None = None,
) -> tuple[str, Answered]:  # fmt: skip
    """Say of somebody that there is nothing to record, or that it cannot be found out. A fact still beats it."""
    campaign = found(session, campaign_id)
    topic = TOPICS[campaign.topic]
    whom = somebody(
        session, to=by, today=london_day(at), person_id=person_id, eclipse_id=eclipse_id, reason=reason,
        writing=True,
    )  # fmt: skip
    if not by.may_record(topic.kind):
        raise NotPermitted
    if campaign.superseded_at is not None:
        raise Conflict(("campaign", "closed", "an open campaign"))
    if said not in topic.answers:
        raise Unprocessable(("answer", "not_of_this_topic", ", ".join(topic.answers)))
    denominator = campaigns.denominator(session, campaign_id)
    counted_as = next((own for own in whom.ids if own in denominator), None)
    if counted_as is None:
        raise Unprocessable(("person_id", "not_of_this_campaign", "somebody of its denominator"))
    given = Answered(said, reason, by.user_id, at)
    audit_id = audit.note(
        session, "campaign.answer", by=by.user_id, at=at, person_id=whom.person_id,
        detail={"campaign_id": campaign_id, "answer": said.value},
    )  # fmt: skip
    campaigns.answer(session, campaign_id, counted_as, given, answer_id=new_id(at), audit_id=audit_id)
    return whom.person_id, given


def close(
    session: Session, campaign_id: str, *, reason: str, unfinished: bool, by: User, at: datetime
) -> progress.Progress:
    """End a campaign. While somebody is outstanding, only where it is said to be unfinished."""
    _whole_county(by)
    campaign = found(session, campaign_id)
    if campaign.superseded_at is not None:
        raise Conflict(("campaign", "closed", "an open campaign"))
    far = progress.read(session, campaign_id, to=by, at=at)
    if far.figures.outstanding and not unfinished:
        raise Conflict(("unfinished", "people_outstanding", "nobody outstanding, or unfinished: true"))
    audit.note(
        session, "campaign.close", by=by.user_id, at=at,
        detail={"campaign_id": campaign_id, "outstanding": far.figures.outstanding, "unfinished": unfinished},
    )  # fmt: skip
    if not campaigns.close(session, campaign_id, by=by.user_id, reason=reason, at=at):
        raise Conflict(("campaign", "closed", "an open campaign"))
    return progress.read(session, campaign_id, to=by, at=at)


def every(session: Session) -> list[Campaign]:
    """All campaigns, newest first."""
    return campaigns.every(session)


def _known_topic(topic: str) -> None:
    if topic not in TOPICS:
        raise Unprocessable(("topic", "unknown", ", ".join(TOPICS)))


def _whole_county(by: User) -> None:
    """The denominator is everybody: whoever fixes or ends it has the county in scope."""
    if all(kind is not ScopeKind.COUNTY for kind, _ in by.scopes):
        raise NotPermitted
