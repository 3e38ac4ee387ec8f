"""Rows that were refused or are doubtful: what stands open of each source, since when, and whose it is."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, exists, func, insert, literal, or_, select, update
from sqlmodel import Session

from service.domain.access import Permission, Role, ScopeKind, User
from service.domain.data_quality import OWNED_BY_INTEGRATION, OWNED_BY_TEAM, SILENCES, Issue, parted
from service.domain.facts import Contact, Source
from service.domain.standing import ENDS_OF
from service.store import merges, scope
from service.store.facts import among
from service.store.record import current
from service.store.schema import FACTS, batch, fact_alias, person, person_identifier, row_issue, team
from service.store.types import new_id

SLICE = 500


@dataclass(frozen=True, slots=True)
class Listed:
    """An issue as a reader sees it, of nobody who is restricted."""

    issue_id: str
    batch_id: str
    source: str
    profile: str
    dataset: str
    row: int
    key: str
    field: str
    code: str
    allowed: str
    doubtful: bool
    person_id: str | None
    recorded_at: datetime
    owner: str
    team: str | None


@dataclass(frozen=True, slots=True)
class Filters:
    """What of the issues is asked for."""

    dataset: str | None = None
    code: str | None = None
    owner: str | None = None
    doubtful: bool | None = None

    @property
    def narrow(self) -> bool:
        """Whether anything is left out by them."""
        return self != Filters()


def standing(
    session: Session, source: Source, profile: str, datasets: Collection[str]
) -> list[tuple[str, tuple[str, str, str, str], str]]:
    """(issue id, identity, key) of what stands open of these datasets."""
    columns = [row_issue.c[name] for name in ("issue_id", "dataset", "row", "key", "field", "code")]
    rows = session.execute(
        select(*columns).where(
            current(row_issue), row_issue.c.source == source, row_issue.c.profile == profile,
            row_issue.c.dataset.in_(sorted(datasets)),
        )
    )  # fmt: skip
    return [(r.issue_id, (r.dataset, r.key or f"line {r.row}", r.field, r.code), r.key) for r in rows]


def add(session: Session, batch_id: str, source: Source, profile: str, found: Sequence[Issue], *, at: datetime) -> None:
    """Note issues of a push."""
    for start in range(0, len(found), SLICE):
        session.execute(
            insert(row_issue),
            [
                {"issue_id": new_id(at), "batch_id": batch_id, "source": source, "profile": profile,
                 "dataset": issue.dataset, "row": issue.row, "key": issue.key, "field": issue.field,
                 "code": issue.code, "allowed": issue.allowed, "doubtful": issue.doubtful,
                 "person_id": issue.person_id, "recorded_at": at}
                for issue in found[start : start + SLICE]
            ],
        )  # fmt: skip


def close(session: Session, issue_ids: Sequence[str], *, at: datetime) -> None:
    """Note that issues no longer occur."""
    for start in range(0, len(issue_ids), SLICE):
        part = issue_ids[start : start + SLICE]
        session.execute(
            update(row_issue).where(row_issue.c.issue_id.in_(part), current(row_issue)).values(superseded_at=at)
        )


def silences(session: Session, source: Source) -> list[Issue]:
    """What a source no longer says of facts that stand by it: rows gone from it, values it has blanked."""
    found = []
    for kind, table in FACTS.items():
        if kind == Contact.kind:
            continue
        marked = or_(*[table.c.flags.like(f"%{code}%") for code in sorted(SILENCES)])
        for end in ENDS_OF[kind]:
            marked &= table.c[end].is_(None)
        rows = session.execute(
            select(table.c.source_ref, table.c.person_id, table.c.flags).where(
                current(table), table.c.proposed.is_(False), table.c.source == source, marked
            )
        )
        for ref, person_id, flags in rows:
            dataset, _, key = ref.partition("/")
            for code, field in sorted({parted(flag) for flag in flags.split()}):
                if code in SILENCES:
                    found.append(Issue(dataset, 0, key, field, code, "", True, person_id))
    return found


def whose(session: Session, source: Source, refs: Collection[str]) -> dict[str, str]:
    """Source's key (dataset/id) -> person id, for rows that were taken on an earlier night."""
    known = session.execute(
        select(fact_alias.c.kind, fact_alias.c.source_ref, fact_alias.c.fact_id)
        .where(fact_alias.c.source == source, among(session, fact_alias.c.source_ref, refs))
        .order_by(fact_alias.c.recorded_at)
    ).all()
    found: dict[str, str] = {}
    for kind in {each.kind for each in known}:
        table, of_kind = FACTS[kind], {each.fact_id: each.source_ref for each in known if each.kind == kind}
        rows = session.execute(
            select(table.c.fact_id, table.c.person_id).where(among(session, table.c.fact_id, of_kind.keys()))
        )
        found |= {of_kind[fact_id]: person_id for fact_id, person_id in rows}
    return found


def _teams(today: date) -> Subquery:
    """Who answers for whom today: one team a person."""
    answers = FACTS["responsibility"]
    running = or_(answers.c.ended_on.is_(None), answers.c.ended_on >= today)
    begun = or_(answers.c.started_on.is_(None), answers.c.started_on <= today)
    known = exists().where(team.c.code == answers.c.team_code)
    return (
        select(answers.c.person_id, func.max(answers.c.team_code).label("team_code"))
        .where(current(answers), answers.c.proposed.is_(False), running, begun, known)
        .group_by(answers.c.person_id)
        .subquery()
    )


def _owner(answers: Subquery) -> ColumnElement[str]:
    """As `domain.data_quality.owner` says it."""
    return case(
        (row_issue.c.code.in_(sorted(OWNED_BY_INTEGRATION)), literal(Role.INTEGRATION.value)),
        (
            and_(row_issue.c.code.in_(sorted(OWNED_BY_TEAM)), answers.c.team_code.is_not(None)),
            literal(Role.TEAM_MANAGER.value),
        ),
        else_=literal(Role.PERFORMANCE_ANALYST.value),
    )


def _seen(user: User, today: date) -> ColumnElement[bool]:
    """Issues a user may see: of people in scope; of nobody, with the county; of its own files, for whoever pushes."""
    if user.may(Permission.PUSH_EXTRACTS):
        return (batch.c.created_by == user.user_id) & row_issue.c.code.in_(sorted(OWNED_BY_INTEGRATION))
    of_people = row_issue.c.person_id.is_not(None) & scope.seen_by(user, today)
    if any(kind is ScopeKind.COUNTY for kind, _ in user.scopes):
        return or_(of_people, row_issue.c.person_id.is_(None))
    return of_people


def _hides(user: User) -> bool:
    """Whether restricted records are left out: not to whoever pushes, who knows the file, and is told of nobody."""
    return not user.may(Permission.PUSH_EXTRACTS)


def _open(user: User, today: date, filters: Filters, columns: Iterable[Any], answers: Subquery) -> Select[Any]:
    query = (
        select(*columns)
        .select_from(row_issue)
        .join(batch, batch.c.batch_id == row_issue.c.batch_id)
        .outerjoin(person, person.c.person_id == row_issue.c.person_id)
        .outerjoin(answers, answers.c.person_id == row_issue.c.person_id)
        .where(current(row_issue), _seen(user, today))
    )
    if filters.dataset is not None:
        query = query.where(row_issue.c.dataset == filters.dataset)
    if filters.code is not None:
        query = query.where(row_issue.c.code == filters.code)
    if filters.doubtful is not None:
        query = query.where(row_issue.c.doubtful.is_(filters.doubtful))
    return query if filters.owner is None else query.where(_owner(answers) == filters.owner)


def _shut() -> ColumnElement[bool]:
    """Issues about a restricted or sealed record, by either id of a merge, or of a row whose key begins with its id."""
    shut = select(person.c.person_id).where(person.c.restricted | person.c.sealed_at.is_not(None))
    ids = shut.union_all(merges.one_with(shut))
    about = row_issue.c.person_id.is_not(None) & row_issue.c.person_id.in_(ids)  # of nobody: no, rather than null
    return or_(about, exists().where(person_identifier.c.person_id.in_(ids), _begins()))


def _begins() -> ColumnElement[bool]:
    """Whether the key of an issue is an Eclipse id or begins with it."""
    named, key = person_identifier.c.eclipse_id, row_issue.c.key
    return or_(key == named, func.substr(key, 1, func.length(named) + 1).in_([named.concat("/"), named.concat(":")]))


def listed(
    session: Session, user: User, today: date, filters: Filters, *, after: str | None, limit: int
) -> list[Listed]:
    """A page of the open issues a user may see and may be told of, the oldest first.

    Whoever pushes sees every fault of its own files alike, and of nobody whether they are held, or where.
    """
    answers = _teams(today)
    names = ("issue_id", "batch_id", "source", "profile", "dataset", "row", "key", "field", "code", "allowed",
             "doubtful", "person_id", "recorded_at")  # fmt: skip
    columns = [*[row_issue.c[name] for name in names], _owner(answers), answers.c.team_code]
    query = _open(user, today, filters, columns, answers).order_by(row_issue.c.issue_id).limit(limit)
    if _hides(user):
        query = query.where(~_shut())
    if after is not None:
        query = query.where(row_issue.c.issue_id > after)
    found = [Listed(row[0], row[1], row[2].value, *row[3:15]) for row in session.execute(query)]
    return found if _hides(user) else [replace(each, person_id=None, team=None) for each in found]


def shut_people(session: Session, user: User, today: date) -> int:
    """Of how many restricted or sealed records there are open issues that a user may see, but not be told of."""
    if not _hides(user):
        return 0
    named = select(person_identifier.c.person_id).where(_begins(), current(person_identifier)).limit(1)
    whose = func.coalesce(row_issue.c.person_id, named.correlate(row_issue).scalar_subquery())
    counted = [func.count(whose.distinct())]
    return session.scalar(_open(user, today, Filters(), counted, _teams(today)).where(_shut())) or 0


def counted(session: Session, user: User, today: date) -> list[tuple[str, str, str, str, bool, int, datetime]]:
    """(source, profile, dataset, owner, doubtful, how many, since when) of the issues `listed` would list."""
    answers = _teams(today)
    keys = [row_issue.c.source, row_issue.c.profile, row_issue.c.dataset]
    owned = _owner(answers).label("owner")
    columns = [*keys, owned, row_issue.c.doubtful, func.count().label("how_many"), func.min(row_issue.c.recorded_at)]
    query = _open(user, today, Filters(), columns, answers)
    if _hides(user):
        query = query.where(~_shut())
    query = query.group_by(*keys, owned, row_issue.c.doubtful)
    return [(row[0].value, *row[1:]) for row in session.execute(query.order_by(*keys))]


def contested(session: Session, source: Source) -> dict[str, frozenset[str]]:
    """Eclipse id -> datasets that say, and have not taken back, that it means somebody else than we hold."""
    found: dict[str, set[str]] = {}
    query = select(row_issue.c.key, row_issue.c.dataset).where(
        row_issue.c.source == source,
        row_issue.c.code == "id_reused",
        row_issue.c.dataset.in_(("people", "ssd_person")),
        current(row_issue),
    )
    for key, dataset in session.execute(query):
        found.setdefault(key, set()).add(dataset)
    return {key: frozenset(datasets) for key, datasets in found.items()}
