"""Replay the demo council through the real intake and the real entries, night by night, in its own time."""

import hashlib
from collections.abc import Callable
from datetime import datetime, time, timedelta

from sqlalchemy import Engine
from sqlmodel import Session

from service.demo import acts
from service.demo.council import LONDON, Council, Entry, Night
from service.demo.users import DUTY_DAYS, DemoUser
from service.domain.access import Role, ScopeKind, User
from service.domain.dates import london_day
from service.domain.facts import Source
from service.errors import Conflict
from service.operations import restrictions, sealing
from service.operations.intake import ingest, reports
from service.operations.intake.ingest import Manifest
from service.operations.intake.weighing import Declared
from service.readers import tables
from service.readers.mapping import CodeMap
from service.store import admission, health, users
from service.store.engine import reading, writing

# How long after the extract each profile arrives, and how long before now at the latest.
ARRIVES = {"ssd": timedelta(minutes=20), "cohorts": timedelta(minutes=30)}
LATEST = {"ssd": timedelta(minutes=2), "cohorts": timedelta(minutes=1)}
TAKEN = timedelta(minutes=3)
RESTRICTS, READS_ALL_THE_SAME = "Harper Demo-Level", "Indy Demo-Ledger"
BECAUSE = "Somebody who works here has asked after this young person without a reason to."

# The ladder's posts (escalation climbs it); each is filled by the first demo user who has the role there.
POSTS = frozenset({
    "team_manager", "area_manager", "locality_director", "senior_manager_corporate_parenting",
    "senior_manager_safeguarding_qa", "head_of_service", "chief_officer",
})  # fmt: skip


class NotEmpty(Conflict):
    """The demo goes into an empty database only."""

    code, title = "not_empty", "The demo council goes into an empty database only"


def replay(
    engine: Engine, council: Council, *, issuer: str, codes: CodeMap, now: datetime, say: Callable[[str], None]
) -> None:
    """Load the council into an empty database, which is marked as a demo.

    `recorded_at` is historical, and never after `now`.
    """
    begins = min(night.extracted_at for night in council.nights) - timedelta(days=1)
    with writing(engine, lambda: begins) as write:
        if not health.is_empty(write.session) or health.purpose(write.session):
            raise NotEmpty
        health.mark(write.session, "demo", council.nights[-1].extracted_at.date().isoformat())
        filled: set[tuple[str, str | None]] = set()
        for user in council.users:
            _sign_up(write.session, user, issuer, filled, at=begins, duty_until=_end_of_duty(council))
    for night in council.nights:
        for entry in night.entries_before:
            _enter(engine, entry)
        for profile, files in (("ssd", night.ssd), ("cohorts", night.cohorts)):
            report = _push(engine, night, profile, files, codes, now)
            say(f"{night.extracted_at:%d %b %Y} {profile}: {_counted(report)}")
    _restrict(engine, council, at=min(council.nights[-1].extracted_at + timedelta(hours=1), now))
    sealing.seal(engine, lambda: now)


def subject_of(name: str) -> str:
    """The subject a demo user's token carries."""
    return f"demo:{name.lower().replace(' ', '-')}"


def _end_of_duty(council: Council) -> datetime:
    """Midnight in London at the end of the last day of everybody's duty."""
    last = london_day(council.nights[-1].extracted_at)
    return datetime.combine(last + timedelta(days=DUTY_DAYS + 1), time(), LONDON)


def _sign_up(
    session: Session, user: DemoUser, issuer: str, filled: set[tuple[str, str | None]], *, at: datetime,
    duty_until: datetime,
) -> None:  # fmt: skip
    scopes = [(ScopeKind(kind), code) for kind, code in user.scopes]
    until = {scope: duty_until for scope in scopes if scope[0] is ScopeKind.DUTY}
    user_id = users.add_user(
        session, issuer=issuer, subject=subject_of(user.name), name=user.name, roles=[Role(user.role)], scopes=scopes,
        at=at, worker_ref=user.worker_ref, until=until,
    )  # fmt: skip
    if user.role in POSTS:
        code = ".".join([user.role, *[unit for _, unit in user.scopes if unit]])
        area = next((unit for kind, unit in user.scopes if kind == "area"), None)
        if (code, area) not in filled:
            users.add_post(session, code=code, title=code.replace("_", " ").replace(".", ", "), area_code=area)
            users.fill_post(session, code, holder=user_id)
            filled.add((code, area))


def _user(session: Session, name: str, at: datetime) -> User:
    account = users.find_user_by_name(session, name)
    user = admission.user_by_id(session, account.user_id, at=at) if account else None
    if user is None:
        raise LookupError("the demo names a user it has not made")
    return user


def _enter(engine: Engine, entry: Entry) -> None:
    with writing(engine, lambda: entry.at) as write:
        acts.perform(write.session, entry, by=_user(write.session, entry.by, entry.at), at=entry.at)


def _push(
    engine: Engine, night: Night, profile: str, files: dict[str, bytes], codes: CodeMap, now: datetime
) -> dict[str, object]:
    at = min(night.extracted_at + ARRIVES[profile], now - LATEST[profile])
    declared = tuple(
        Declared(name, "full", tables.parse(name, content).count, hashlib.sha256(content).hexdigest())
        for name, content in files.items()
    )
    manifest = Manifest(
        profile, Source.ECLIPSE, f"{profile}-{night.extracted_at:%Y-%m-%d}", night.extracted_at, declared
    )
    with writing(engine, lambda: at) as write:
        robot = _user(write.session, "Extract Demo-Robot", write.now)
        batch, _ = ingest.open_batch(write.session, manifest, by=robot, at=at)
        for name, content in files.items():
            ingest.put_dataset(write.session, batch.batch_id, name, content, by=robot, at=at)
    with reading(engine) as session:
        prepared = ingest.prepare(session, batch.batch_id, codes)
    with writing(engine, lambda: at, intake=True) as write:
        return ingest.apply(write.session, prepared, by=robot, at=at)


def _counted(report: dict[str, object]) -> str:
    datasets = report["datasets"]
    assert isinstance(datasets, list)
    totals = {outcome: sum(d["facts"][outcome] for d in datasets) for outcome in (*reports.FACTS, "held")}
    totals["rows refused"] = sum(d["refused"] for d in datasets)
    return ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in totals.items() if count)


def _restrict(engine: Engine, council: Council, *, at: datetime) -> None:
    """As the senior manager does it, with one reader named beside those whose work the young person is."""
    with writing(engine, lambda: at, sight=True) as write:
        by, reader = _user(write.session, RESTRICTS, at), users.find_user_by_name(write.session, READS_ALL_THE_SAME)
        named = [reader.user_id] if reader else []
        for eclipse_id in council.restricted:
            restrictions.restrict(write.session, eclipse_id=eclipse_id, reason=BECAUSE, allow=named, by=by, at=at)
