"""A small council at 1 July 2020, introduced by the real intake, on which the stories of store and operations play."""

import csv
import hashlib
import io
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select, update
from sqlmodel import Session

from service.domain.access import DEFAULT_SCOPE, Role, ScopeKind, User
from service.domain.assembly import assemble
from service.domain.dates import london_day
from service.domain.facts import Accommodation, Confidence, Contact, Fact, Source
from service.domain.person import Facts
from service.domain.tracker import Row, Table, Tracker
from service.domain.viewpoint import Viewpoint
from service.operations import contacts, entries, lookup, tracker
from service.operations.contacts import Logged, NewContact
from service.operations.entries import Entered
from service.operations.intake import deciding, ingest
from service.operations.intake.ingest import Manifest
from service.operations.intake.weighing import Declared, Prepared
from service.operations.tracker import Filters
from service.readers import mapping
from service.store import facts, people, users
from service.store.engine import reading, writing
from service.store.people import Somebody
from service.store.schema import METADATA, person

CODES = mapping.load()
FIRST_NIGHT = "2020-07-01T01:00:00+00:00"

TEAMS = (
    "team_id,title,area_code,area_title,locality_code,locality_title,service_code,service_title\n"
    "exeter_1,Care leavers Exeter 1,exeter_a,Exeter area,exeter,Exeter,parenting,Corporate parenting\n"
    "exeter_2,Care leavers Exeter 2,exeter_a,Exeter area,exeter,Exeter,parenting,Corporate parenting\n"
    "north_1,Care leavers North 1,north_a,North area,north,North Devon,parenting,Corporate parenting\n"
)
WORKERS = "worker_id,name,role,team_id\nW1,A. Demo-Adviser,PA,exeter_1\nW2,B. Demo-Adviser,PA,north_1\n"
PEOPLE_HEADER = "eclipse_id,forename,surname,born_on,team_id,responsible_from\n"
PEOPLE = (
    "P1,Rowan,Demo-Ashford,2001-02-14,exeter_1,2019-02-14\n"
    "P2,Ash,Demo-Barle,2001-03-15,exeter_2,2019-03-15\n"
    "P3,Bryn,Demo-Culm,2001-04-16,north_1,2019-04-16\n"
)
INVOLVEMENTS = (
    "invo_involvements_id,invo_person_id,invo_professional_id,invo_professional_role_id,invo_professional_team,"
    "invo_involvement_start_date,invo_involvement_end_date\n"
    "I1,P1,W1,PA,exeter_1,2019-02-14,\n"
    "I3,P3,W2,PA,north_1,2019-04-16,\n"
)
LEAVERS_HEADER = (
    "clea_table_id,clea_person_id,clea_care_leaver_eligibility,clea_care_leaver_in_touch,"
    "clea_care_leaver_latest_contact,clea_care_leaver_accommodation,clea_care_leaver_accom_suitable,"
    "clea_care_leaver_activity\n"
)
SPELLS_HEADER = "spell_id,eclipse_id,code,suitable,started_on,ended_on,judged_on,unacceptable\n"
CONTACTS_HEADER = "record_id,eclipse_id,occurred_at,contact_kind,outcome\n"


def leaver(
    eclipse_id: str, code: str = "U", suitable: str = "1", *, touch: str = "YES", on: str = "2020-06-25",
    activity: str = "F5", eligibility: str = "Former relevant",
) -> str:  # fmt: skip
    """A row of ssd_care_leavers, as the nightly extract writes it."""
    return f"C-{eclipse_id},{eclipse_id},{eligibility},{touch},{on},{code},{suitable},{activity}\n"


def leavers(*rows: str) -> str:
    """ssd_care_leavers with these rows."""
    return LEAVERS_HEADER + "".join(rows)


USUAL = (leaver("P1"), leaver("P2"), leaver("P3"))


def moment(text: str) -> datetime:
    """An aware moment; without an offset it is UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def somebody_who(role: Role, *, code: str = "", scope: ScopeKind | None = None, worker_ref: str | None = None,
                 user_id: str | None = None) -> User:  # fmt: skip
    """A user with the usual scope of a role; the user id is the role's name unless given."""
    return User(
        user_id=user_id or role.value, name=f"Demo {role.value}", roles=frozenset({role}),
        scopes=frozenset({(scope or DEFAULT_SCOPE[role], code)}), worker_ref=worker_ref, access_version=0,
    )  # fmt: skip


ADVISER = somebody_who(Role.PERSONAL_ADVISER, worker_ref="W1")
MANAGER = somebody_who(Role.TEAM_MANAGER, code="exeter_1")
DIRECTOR = somebody_who(Role.CHIEF_OFFICER)
HEAD = somebody_who(Role.HEAD_OF_SERVICE)
ROBOT = somebody_who(Role.INTEGRATION)
ANALYST = somebody_who(Role.PERFORMANCE_ANALYST)


class Council:
    """What a story does: set the day, push a night, enter and approve facts, read the tracker."""

    def __init__(self, engine: Engine, clock: Any) -> None:
        self.engine, self.clock, self.runs = engine, clock, 0

    def on(self, text: str) -> "Council":
        """Put the clock at a moment."""
        self.clock.set(moment(text))
        return self

    # --- intake ---

    def manifest(
        self, profile: str, files: Mapping[str, str | bytes], *, run: str | None = None, mode: str = "full",
        extracted_at: datetime | None = None, declare: Mapping[str, Any] | None = None,
    ) -> Manifest:  # fmt: skip
        """What the push declares: the truth about `files`, unless `declare` says otherwise."""
        self.runs += 1
        declared = []
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            said = {"rows": _rows(data), "sha256": hashlib.sha256(data).hexdigest(), "mode": mode}
            declared.append(Declared(name=name, **(said | dict(declare or {}))))
        at = extracted_at or self.clock() - timedelta(minutes=30)
        return Manifest(profile, Source.ECLIPSE, run or f"{profile}-{self.runs}", at, tuple(declared))

    def opened(self, manifest: Manifest) -> str:
        """Open a batch; its id."""
        with writing(self.engine, self.clock) as write:
            return ingest.open_batch(write.session, manifest, by=ROBOT, at=write.now)[0].batch_id

    def sent(self, batch_id: str, files: Mapping[str, str | bytes]) -> None:
        """Send the datasets of a batch."""
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            with writing(self.engine, self.clock) as write:
                ingest.put_dataset(write.session, batch_id, name, data, by=ROBOT, at=write.now)

    def prepared(self, batch_id: str) -> Prepared:
        """Read a batch's datasets."""
        with reading(self.engine) as session:
            return ingest.prepare(session, batch_id, CODES)

    def planned(self, batch_id: str, *, to: User | None = None) -> dict[str, Any]:
        """What applying would do."""
        prepared = self.prepared(batch_id)
        with reading(self.engine) as session:
            return ingest.plan(session, prepared, to=to or ROBOT, at=self.clock())[0]

    def applied(self, batch_id: str) -> dict[str, Any]:
        """Apply a batch; its report."""
        prepared = self.prepared(batch_id)
        with writing(self.engine, self.clock, intake=True) as write:
            return ingest.apply(write.session, prepared, by=ROBOT, at=write.now)

    def approved(
        self, batch_id: str, *datasets: str, by: User | None = None, reason: str = "checked"
    ) -> dict[str, Any]:
        """Approve what of a batch was held, all of it or that of some datasets; the report."""
        prepared = self.prepared(batch_id)
        with writing(self.engine, self.clock, intake=True) as write:
            return deciding.approve(
                write.session, prepared, datasets=datasets, reason=reason, by=by or ANALYST, at=write.now
            )  # fmt: skip

    def rejected(self, batch_id: str, *datasets: str, by: User | None = None) -> dict[str, Any]:
        """Reject what of a batch was held; the report."""
        with writing(self.engine, self.clock) as write:
            return deciding.reject(
                write.session, batch_id, datasets=datasets, reason="a broken script", by=by or ANALYST, at=write.now
            )  # fmt: skip

    def push(self, profile: str, files: Mapping[str, str | bytes], **options: Any) -> dict[str, Any]:
        """A whole push: manifest, datasets, apply. The report."""
        batch_id = self.opened(self.manifest(profile, files, **options))
        self.sent(batch_id, files)
        return self.applied(batch_id)

    def night(self, text: str, *rows: str, mode: str = "full") -> dict[str, Any]:
        """A nightly ssd_care_leavers with these rows; its part of the report."""
        report = self.on(text).push("ssd", {"ssd_care_leavers": leavers(*rows)}, mode=mode)
        first = report["datasets"][0]
        return {
            **first,
            **first["facts"],
            "outcomes": {name: first[name] for name in ("applied", "unchanged", "held", "refused")},
            "held": report["held"],
            "only_the_watermark_moved": report["only_the_watermark_moved"],
        }

    def sheet(self, text: str, name: str, content: str, mode: str = "full") -> dict[str, Any]:
        """A push of one file of the cohorts profile; its report."""
        return self.on(text).push("cohorts", {name: content}, mode=mode)

    # --- entries ---

    def somebody(self, session: Session, eclipse_id: str) -> Somebody:
        today = london_day(self.clock())
        return lookup.somebody(session, to=HEAD, today=today, eclipse_id=eclipse_id, reason="a story")

    def id_of(self, eclipse_id: str) -> str:
        """Our id of a person."""
        with reading(self.engine) as session:
            return people.ids_by_eclipse(session)[eclipse_id]

    def enter(self, new: Fact, *, by: User = ADVISER, whom: str = "P1") -> Entered:
        """Record a fact by hand."""
        with writing(self.engine, self.clock) as write:
            found = self.somebody(write.session, whom)
            return entries.enter(
                write.session, new, person=found, by=by, at=write.now, confidence=Confidence.CONFIRMED
            )  # fmt: skip

    def correct(self, fact_id: str, after: Fact, *, by: User = ADVISER, if_match: str | None = None) -> Entered:
        """Correct a fact, with its present etag unless another is given."""
        etag = if_match or self.etag(after.kind, fact_id)
        with writing(self.engine, self.clock) as write:
            return entries.correct(
                write.session, fact_id, after, by=by, at=write.now, reason="misread", if_match=etag
            )  # fmt: skip

    def approve(self, entered: Entered, *, by: User = MANAGER) -> Entered:
        """Approve what waits."""
        with writing(self.engine, self.clock) as write:
            return entries.approve(
                write.session, entered.kind, entered.fact_id, by=by, at=write.now, reason="visited"
            )  # fmt: skip

    def withdraw(self, entered: Entered, *, by: User = ADVISER) -> Entered:
        """Take an entry out of the file."""
        with writing(self.engine, self.clock) as write:
            return entries.withdraw(
                write.session, entered.kind, entered.fact_id, by=by, at=write.now, reason="wrong person"
            )  # fmt: skip

    def log(
        self, contact: Contact, *, by: User = ADVISER, whom: str = "P1", moved: Accommodation | None = None
    ) -> Logged:
        """Log a contact, and the move learnt of in it."""
        with writing(self.engine, self.clock) as write:
            new = NewContact(contact, eclipse_id=whom, accommodation=moved)
            return contacts.log(write.session, new, by=by, at=write.now)

    def etag(self, kind: str, fact_id: str) -> str:
        """What If-Match must say now."""
        with reading(self.engine) as session:
            return entries.etag_of(facts.of_fact(session, kind, fact_id))

    # --- what can be seen ---

    def versions(self, kind: str, whom: str = "P1", known_at: str | None = None) -> list[Fact]:
        """Versions of a kind of one person, all times of `as_at`."""
        person_id = self.id_of(whom)
        with reading(self.engine) as session:
            view = Viewpoint(date(2030, 1, 1), moment(known_at)) if known_at else None
            return facts.of_people(session, [kind], [person_id], view)

    def standing(self, whom: str = "P1", *, kinds: tuple[str, ...] = ("accommodation", "care_leaver_status")) -> Facts:
        """What stands of one person now."""
        versions = [v for kind in kinds for v in self.versions(kind, whom)]
        return assemble(versions, person_id=self.id_of(whom))

    def places(self, whom: str = "P1") -> list[tuple[str | None, str | None, date | None, date | None]]:
        """Where somebody lives as it stands: code, unacceptable, from, to."""
        return [
            (a.code, a.unacceptable and a.unacceptable.value, a.started_on, a.ended_on)
            for a in self.standing(whom).accommodations
        ]

    def tracker(
        self, as_at: str | None = None, known_at: str | None = None, *, to: User = DIRECTOR, **filters: str
    ) -> Tracker:
        """The tracker at a viewpoint; today and now unless said."""
        now = self.clock()
        view = Viewpoint(
            date.fromisoformat(as_at) if as_at else london_day(now), moment(known_at) if known_at else now
        )  # fmt: skip
        with reading(self.engine) as session:
            return tracker.weekly(session, to=to, view=view, today=london_day(now), filters=Filters(**filters))[0]

    def table(self, cohort: str = "unsuitable_accommodation", *args: Any, **options: Any) -> Table:
        """One cohort of the tracker."""
        return next(t for t in self.tracker(*args, **options).tables if t.cohort.code == cohort)

    def row(self, whom: str = "P1", cohort: str = "unsuitable_accommodation", **options: Any) -> Row | None:
        """One person's row in a cohort."""
        return next((r for r in self.table(cohort, **options).rows if r.card.eclipse_id == whom), None)

    def restrict(self, *whom: str) -> None:
        """Restrict records, as the access issue will let a senior manager do."""
        with writing(self.engine, self.clock) as write:
            ids = people.ids_by_eclipse(write.session, whom).values()
            write.session.execute(update(person).where(person.c.person_id.in_(ids)).values(restricted=True))
            users.move_access_version(write.session)

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, to see that nothing changed."""
        with reading(self.engine) as session:
            return {t.name: sorted(map(tuple, session.execute(select(t))), key=repr) for t in METADATA.sorted_tables}


def _rows(data: bytes) -> int:
    text = data.decode("utf-8", "replace")
    if text.lstrip().startswith("{"):
        return sum(bool(line.strip()) for line in text.splitlines())
    return max(sum(bool(cells) for cells in csv.reader(io.StringIO(text, newline=""))) - 1, 0)


def introduced(engine: Engine, clock: Any) -> Council:
    """The council after its first night: three care leavers in independent living, judged suitable, in touch."""
    council = Council(engine, clock)
    files = {"teams": TEAMS, "workers": WORKERS, "people": PEOPLE_HEADER + PEOPLE}
    council.on(FIRST_NIGHT).push("cohorts", files)
    council.clock.advance(minutes=10)
    council.push("ssd", {"ssd_involvements": INVOLVEMENTS, "ssd_care_leavers": leavers(*USUAL)})
    return council
