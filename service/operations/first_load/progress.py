"""How far a first load is, as one reader sees it: figures by team, who is outstanding, who joined and who left."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from service.domain.access import Sight, User
from service.domain.campaign import TOPICS, Answer, Figures, Standing, Topic, counted, left_because, standing_of
from service.domain.dates import london_day
from service.domain.person import Facts
from service.domain.tracker import BLANK, Card, Surroundings, card, home_team
from service.domain.viewpoint import Viewpoint
from service.errors import Conflict, NotFound
from service.operations.standing import of_people, surroundings
from service.store import campaigns, people
from service.store.campaigns import Answered, Campaign
from service.store.people import Somebody

MERGED = "merged_into_another_record"


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody on one of a campaign's lists: outstanding, cannot be found out, joined since, left since."""

    card: Card
    team: str | None
    because: str | None = None
    answer: Answered | None = None


@dataclass(frozen=True, slots=True)
class TeamFigures:
    """How far one team is: the team that answered for its people when the campaign began."""

    code: str | None
    title: str | None
    figures: Figures


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a campaign is, as far as one reader sees. Lists are empty where the reader has figures only."""

    campaign: Campaign
    figures: Figures
    teams: tuple[TeamFigures, ...]
    counts: Mapping[str, int]
    left: Mapping[str, int]  # why people of the denominator are no longer of the population
    lists: Mapping[str, tuple[Line, ...]]
    seen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Member:
    """One person of the denominator as they stand now, and by which id they were counted."""

    person_id: str
    facts: Facts
    team: str | None
    standing: Standing
    left: str | None
    answer: Answered | None


@dataclass(frozen=True, slots=True)
class _Now:
    """A campaign beside the people of today: the members in scope, and who joined since."""

    topic: Topic
    around: Surroundings
    members: tuple[_Member, ...]
    joined: tuple[Facts, ...]


def found(session: Session, campaign_id: str) -> Campaign:
    """The campaign. Raises NotFound where there is none."""
    campaign = campaigns.get(session, campaign_id)
    if campaign is None:
        raise NotFound
    return campaign


def read(session: Session, campaign_id: str, *, to: User, at: datetime) -> Progress:
    """How far a campaign is: now, or as it was when it was closed. Who may be seen is always that of now."""
    campaign = found(session, campaign_id)
    now = _now(session, campaign, to=to, at=at)
    rows = to.sight is Sight.ROWS
    by_list: dict[str, tuple[Line, ...]] = {
        "outstanding": _lines(now, lambda m: m.standing is Standing.OUTSTANDING),
        "cannot_be_found_out": _lines(
            now,
            lambda m: (
                m.standing is Standing.ANSWERED
                and m.answer is not None
                and m.answer.answer is Answer.CANNOT_BE_FOUND_OUT
            ),
        ),
        "joined_since": tuple(_line(f, team_code_of(f, now.around), now) for f in now.joined),
        "left_since": _lines(now, lambda m: m.left is not None),
    }
    return Progress(
        campaign=campaign,
        figures=counted(m.standing for m in now.members),
        teams=_by_team(now),
        counts={name: len(lines) for name, lines in by_list.items()},
        left=Counter(m.left for m in now.members if m.left is not None),
        lists=by_list if rows else {},
        seen=tuple(dict.fromkeys([m.person_id for m in now.members] + [f.person_id for f in now.joined])),
    )


def outstanding(session: Session, campaign_id: str, *, to: User, at: datetime) -> tuple[str, list[Card]]:
    """Topic, and the cards of those still outstanding whose records the reader may open. For prefilled forms."""
    campaign = found(session, campaign_id)
    if campaign.superseded_at is not None:
        raise Conflict(("campaign", "closed", "an open campaign"))
    if to.sight is not Sight.ROWS:
        return campaign.topic, []
    now = _now(session, campaign, to=to, at=at)
    cards = [card(m.facts, now.around) for m in now.members if m.standing is Standing.OUTSTANDING]
    return campaign.topic, sorted((c for c in cards if c.eclipse_id), key=lambda c: (c.team or "", c.eclipse_id or ""))


def _now(session: Session, campaign: Campaign, *, to: User, at: datetime) -> _Now:
    moment, today, topic = campaign.superseded_at or at, london_day(at), TOPICS[campaign.topic]
    view = Viewpoint(london_day(moment), moment)
    around = surroundings(session, view)
    teams, said = campaigns.denominator(session, campaign.campaign_id), campaigns.answers(session, campaign.campaign_id)
    mine = people.these(session, to, today, campaigns.people_of(campaign.campaign_id), known_at=moment)
    known = {each.person_id for each in mine}
    others = [each for each in people.in_view(session, to, view, today) if each.person_id not in known]
    whole = {facts.person_id: facts for facts in of_people(session, [*mine, *others], view, around.workers)}
    members = [m for each in mine for m in _members(each, whole[each.person_id], topic, teams, said, around)]
    joined = [
        whole[each.person_id]
        for each in others
        if teams.keys().isdisjoint(each.ids)
        and topic.population.includes(whole[each.person_id], view.as_at, around.policy)
    ]
    return _Now(topic, around, tuple(members), tuple(joined))


def _members(
    each: Somebody, facts: Facts, topic: Topic, teams: Mapping[str, str | None], said: Mapping[str, Answered],
    around: Surroundings,
) -> list[_Member]:  # fmt: skip
    """One person, once; records that were counted apart and are one person now have left, with that reason."""
    counted_as = [own for own in each.ids if own in teams]
    given = max((said[own] for own in counted_as if own in said), key=lambda a: a.recorded_at, default=None)
    day, policy = around.view.as_at, around.policy
    standing = standing_of(facts, topic, given.answer if given else None, day, policy)
    left = left_because(facts, topic, day, policy)
    first = [_Member(own, facts, teams[own], standing, left, given) for own in counted_as[:1]]
    return first + [_Member(own, facts, teams[own], Standing.LEFT, MERGED, None) for own in counted_as[1:]]


def _lines(now: _Now, chosen: Callable[[_Member], bool]) -> tuple[Line, ...]:
    ordered = sorted(now.members, key=lambda m: (m.facts.restricted, m.team or "", m.facts.eclipse_id or ""))
    return tuple(
        _line(m.facts, m.team, now, m.left, m.answer if m.standing is Standing.ANSWERED else None)
        for m in ordered
        if chosen(m)
    )


def _line(facts: Facts, team: str | None, now: _Now, left: str | None = None, said: Answered | None = None) -> Line:
    if facts.restricted:
        return Line(BLANK, None)
    return Line(card(facts, now.around), _title(team, now), left, said)


def _by_team(now: _Now) -> tuple[TeamFigures, ...]:
    grouped: dict[str | None, list[Standing]] = defaultdict(list)
    for member in now.members:
        grouped[member.team].append(member.standing)
    ordered = sorted(grouped.items(), key=lambda pair: (pair[0] is None, pair[0] or ""))
    return tuple(TeamFigures(code, _title(code, now), counted(found)) for code, found in ordered)


def team_code_of(facts: Facts, around: Surroundings) -> str | None:
    """The team that answers for somebody at the viewpoint."""
    team = home_team(facts, around.view.as_at, around.teams)
    return team.code if team else None


def _title(code: str | None, now: _Now) -> str | None:
    team = now.around.teams.get(code) if code else None
    return (team.title or team.code) if team else code
