"""Every table but those of accounts, access and rights: people, facts, reference data, extracts, audit.

Fact tables are derived from the dataclasses of `domain/facts.py`: the dataclass is the definition.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine
from sqlmodel import SQLModel

from service.domain.facts import KINDS, Confidence, Fact, Source, field_types
from service.store.types import UTCDateTime, code_column

METADATA: MetaData = SQLModel.metadata
METADATA.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def _column_type(kind: type[Fact], name: str, python: type) -> TypeEngine[Any]:
    if issubclass(python, StrEnum):
        return code_column(python, f"{kind.kind}_{name}")
    plain: dict[type, TypeEngine[Any]] = {
        bool: Boolean(),
        int: Integer(),
        date: Date(),
        datetime: UTCDateTime(),
        str: Text(),
    }
    return plain[python]


def id_column(name: str, *args: Any, **options: Any) -> Column[str]:
    """A UUIDv7 as 36 characters."""
    return Column(name, String(36), *args, **options)


def _version_columns(kind: str) -> list[Column[Any]]:
    return [
        id_column("version_id", primary_key=True),
        id_column("fact_id", nullable=False),
        id_column("person_id", ForeignKey("person.person_id"), nullable=False),
        Column("source", code_column(Source, f"{kind}_source"), nullable=False),
        Column("source_ref", String(160), nullable=False, server_default=""),
        Column("recorded_at", UTCDateTime(), nullable=False),
        Column("superseded_at", UTCDateTime()),
        Column("recorded_by", String(64), nullable=False),
        Column("confidence", code_column(Confidence, f"{kind}_confidence"), nullable=False),
        Column("proposed", Boolean(), nullable=False),
        Column("reason", Text()),
        Column("flags", Text(), nullable=False, server_default=""),
        id_column("audit_id", nullable=False),
    ]


# By what scope finds people: whom a worker works with, for whom a team answers.
_SCOPE_BY = {"allocation": "worker_ref", "responsibility": "team_code"}


def _fact_table(kind: type[Fact]) -> Table:
    name = f"fact_{kind.kind}"
    columns = [Column(f, _column_type(kind, f, python)) for f, python in field_types(kind).items()]
    table = Table(name, METADATA, *_version_columns(kind.kind), *columns)
    current = table.c.superseded_at.is_(None)
    standing = text("superseded_at IS NULL AND NOT proposed")
    Index(
        f"uq_{name}_current",
        table.c.fact_id, table.c.source, table.c.source_ref,
        unique=True, sqlite_where=standing, postgresql_where=standing,
    )  # fmt: skip
    Index(f"ix_{name}_person", table.c.person_id, sqlite_where=current, postgresql_where=current)
    Index(f"ix_{name}_recorded", table.c.recorded_at)
    Index(f"ix_{name}_fact", table.c.fact_id)
    if by := _SCOPE_BY.get(kind.kind):
        Index(f"ix_{name}_{by}", table.c[by], sqlite_where=current, postgresql_where=current)
    if kind.kind == "contact":
        Index(f"ix_{name}_latest", table.c.person_id, table.c.outcome, table.c.occurred_at)
        news = text("contact_kind = 'third_party'")  # few of many attempts
        Index(f"ix_{name}_news", table.c.person_id, table.c.occurred_at, sqlite_where=news, postgresql_where=news)
    else:
        Index(f"ix_{name}_person_all", table.c.person_id)
    return table


person = Table(
    "person",
    METADATA,
    id_column("person_id", primary_key=True),
    Column("restricted", Boolean(), nullable=False, server_default="0"),
    Column("recorded_at", UTCDateTime(), nullable=False),
    Column("sealed_at", UTCDateTime()),  # adoption: from then on nobody opens the record and nothing is added
)

# Whose an Eclipse id is. An id that Eclipse gave to somebody else is released; the newest row counts.
person_identifier = Table(
    "person_identifier",
    METADATA,
    Column("eclipse_id", String(64), primary_key=True),
    id_column("person_id", ForeignKey("person.person_id"), nullable=False, index=True),
    Column("recorded_at", UTCDateTime(), primary_key=True),
    Column("superseded_at", UTCDateTime()),
    Column("released_by", String(64)),
    Column("released_reason", Text()),
)

# Two records that are one person. The facts stay where they were recorded, so that undoing it loses nothing.
person_merge = Table(
    "person_merge",
    METADATA,
    id_column("merge_id", primary_key=True),
    id_column("from_person_id", ForeignKey("person.person_id"), nullable=False, index=True),
    id_column("into_person_id", ForeignKey("person.person_id"), nullable=False, index=True),
    Column("merged_by", String(64), nullable=False),
    Column("reason", Text(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
    Column("superseded_at", UTCDateTime()),
    Column("undone_by", String(64)),
    Column("undone_reason", Text()),
    Index("uq_person_merge_open", "from_person_id", unique=True, sqlite_where=text("superseded_at IS NULL"),
          postgresql_where=text("superseded_at IS NULL")),
)  # fmt: skip

FACTS: dict[str, Table] = {kind: _fact_table(cls) for kind, cls in KINDS.items()}

# A source's key -> our fact. Rows are added; the newest for a key counts.
fact_alias = Table(
    "fact_alias",
    METADATA,
    id_column("alias_id", primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("source", code_column(Source, "alias_source"), nullable=False),
    Column("source_ref", String(160), nullable=False),
    id_column("fact_id", nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    Index("ix_fact_alias_key", "source", "source_ref"),
)

approval = Table(
    "approval",
    METADATA,
    id_column("approval_id", primary_key=True),
    id_column("version_id", nullable=False, unique=True),
    Column("approved_by", String(64), nullable=False),
    Column("reason", Text()),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
)

withdrawal = Table(
    "withdrawal",
    METADATA,
    id_column("withdrawal_id", primary_key=True),
    id_column("version_id", nullable=False, unique=True),
    Column("withdrawn_by", String(64), nullable=False),
    Column("reason", Text(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
)

# Localities, areas and services as last named. A past tracker reads the titles that its teams had then.
org_unit = Table(
    "org_unit",
    METADATA,
    Column("unit", String(20), primary_key=True),
    Column("code", String(64), primary_key=True),
    Column("title", Text(), nullable=False),
)

team = Table(
    "team",
    METADATA,
    Column("code", String(64), primary_key=True),
    Column("recorded_at", UTCDateTime(), primary_key=True),
    Column("superseded_at", UTCDateTime()),
    Column("title", Text()),
    Column("team_type", Text()),
    Column("area_code", String(64)),
    Column("area_title", Text()),
    Column("locality_code", String(64)),
    Column("locality_title", Text()),
    Column("service_code", String(64)),
    Column("service_title", Text()),
)

worker = Table(
    "worker",
    METADATA,
    Column("ref", String(100), primary_key=True),
    Column("recorded_at", UTCDateTime(), primary_key=True),
    Column("superseded_at", UTCDateTime()),
    Column("name", Text()),
    Column("role", Text()),
    Column("team_code", String(64)),
    Column("started_on", Date()),
    Column("ended_on", Date()),
)

batch = Table(
    "batch",
    METADATA,
    id_column("batch_id", primary_key=True),
    Column("profile", String(20), nullable=False),
    Column("source", code_column(Source, "batch_source"), nullable=False),
    Column("run_id", String(200), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("extracted_at", UTCDateTime(), nullable=False),
    Column("state", String(20), nullable=False),
    Column("manifest", Text(), nullable=False),
    Column("report", Text()),
    Column("created_by", String(64), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    Column("applied_at", UTCDateTime()),
    UniqueConstraint("profile", "source", "run_id"),
)

batch_dataset = Table(
    "batch_dataset",
    METADATA,
    id_column("batch_id", ForeignKey("batch.batch_id"), primary_key=True),
    Column("name", Text(), primary_key=True),
    Column("bytes", Integer(), nullable=False, server_default="0"),
    Column("recorded_at", UTCDateTime(), nullable=False),
)

# The bytes of a dataset in pieces, so that neither a push nor the reading of it holds a whole file.
batch_chunk = Table(
    "batch_chunk",
    METADATA,
    id_column("batch_id", primary_key=True),
    Column("name", Text(), primary_key=True),
    Column("number", Integer(), primary_key=True),
    Column("content", LargeBinary(), nullable=False),
    ForeignKeyConstraint(["batch_id", "name"], ["batch_dataset.batch_id", "batch_dataset.name"]),
)

# What of a push waits for a person: one row a dataset, what it is about, and what was decided.
hold = Table(
    "hold",
    METADATA,
    id_column("hold_id", primary_key=True),
    id_column("batch_id", ForeignKey("batch.batch_id"), nullable=False, index=True),
    Column("source", code_column(Source, "hold_source"), nullable=False),
    Column("profile", String(20), nullable=False),
    Column("dataset", String(60), nullable=False),
    Column("reasons", Text(), nullable=False),
    Column("first_held_at", UTCDateTime(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
)

held_change = Table(
    "held_change",
    METADATA,
    id_column("hold_id", ForeignKey("hold.hold_id"), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("source_ref", String(160), primary_key=True),
    id_column("person_id", ForeignKey("person.person_id"), nullable=False, index=True),
    Column("change", String(20), nullable=False),
    Column("row", Integer()),  # line of the file; none for what is gone from it
    Column("superseded_at", UTCDateTime()),  # a later push said otherwise of this one
)

hold_decision = Table(
    "hold_decision",
    METADATA,
    id_column("hold_id", ForeignKey("hold.hold_id"), primary_key=True),
    Column("decision", String(20), nullable=False),
    Column("decided_by", String(64), nullable=False),
    Column("reason", Text(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
)

# What was decided of sources that differ: which is right (`version_id` is the version that stands by it), or whether
# two facts are one. `about` says what two facts said when they were found to be two.
settlement = Table(
    "settlement",
    METADATA,
    id_column("settlement_id", primary_key=True),
    Column("decision", String(20), nullable=False),  # settled, joined, apart
    Column("kind", String(40), nullable=False),
    id_column("fact_id", nullable=False, index=True),
    id_column("version_id", unique=True),
    id_column("chosen_version_id", nullable=False),
    Column("against", Text(), nullable=False),  # ids of the versions that lost; of the other fact, where there are two
    Column("about", String(64)),
    Column("settled_by", String(64), nullable=False),
    Column("reason", Text(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
)

# Rows refused or doubtful: what is wrong, where, and until when a later push of the dataset still said so.
row_issue = Table(
    "row_issue",
    METADATA,
    id_column("issue_id", primary_key=True),
    id_column("batch_id", ForeignKey("batch.batch_id"), nullable=False, index=True),
    Column("source", code_column(Source, "issue_source"), nullable=False),
    Column("profile", String(20), nullable=False),
    Column("dataset", String(60), nullable=False),
    Column("row", Integer(), nullable=False),
    Column("key", String(160), nullable=False),
    Column("field", String(80), nullable=False),
    Column("code", String(80), nullable=False),
    Column("allowed", Text(), nullable=False),
    Column("doubtful", Boolean(), nullable=False),
    id_column("person_id", ForeignKey("person.person_id")),
    Column("recorded_at", UTCDateTime(), nullable=False),
    Column("superseded_at", UTCDateTime()),
    Index("ix_row_issue_open", "source", "profile", "dataset", sqlite_where=text("superseded_at IS NULL"),
          postgresql_where=text("superseded_at IS NULL")),
)  # fmt: skip

# The first load of a topic: its people as they were when it began, and what was found of those without a fact.
campaign = Table(
    "campaign",
    METADATA,
    id_column("campaign_id", primary_key=True),
    Column("topic", String(40), nullable=False),
    Column("started_by", String(64), nullable=False),
    Column("reason", Text(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
    Column("superseded_at", UTCDateTime()),
    Column("closed_by", String(64)),
    Column("closed_reason", Text()),
    Index("uq_campaign_open", "topic", unique=True, sqlite_where=text("superseded_at IS NULL"),
          postgresql_where=text("superseded_at IS NULL")),
)  # fmt: skip

campaign_person = Table(
    "campaign_person",
    METADATA,
    id_column("campaign_id", ForeignKey("campaign.campaign_id"), primary_key=True),
    id_column("person_id", ForeignKey("person.person_id"), primary_key=True),
    Column("team_code", String(64)),
)

campaign_answer = Table(
    "campaign_answer",
    METADATA,
    id_column("answer_id", primary_key=True),
    id_column("campaign_id", ForeignKey("campaign.campaign_id"), nullable=False, index=True),
    id_column("person_id", ForeignKey("person.person_id"), nullable=False),
    Column("answer", String(40), nullable=False),
    Column("reason", Text(), nullable=False),
    Column("answered_by", String(64), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
)

# How far a source has been read. Rows are added; the newest extract time for a dataset counts.
watermark = Table(
    "watermark",
    METADATA,
    id_column("watermark_id", primary_key=True),
    Column("source", code_column(Source, "watermark_source"), nullable=False),
    Column("profile", String(20), nullable=False),
    Column("dataset", String(60), nullable=False),
    Column("extracted_at", UTCDateTime(), nullable=False),
    Column("sha256", String(64), nullable=False),
    id_column("batch_id", nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False, index=True),
)

idempotency_key = Table(
    "idempotency_key",
    METADATA,
    Column("user_id", String(64), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("request_sha256", String(64), nullable=False),
    Column("status", Integer(), nullable=False),
    Column("answer", LargeBinary(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False, index=True),
    id_column("person_id"),  # whom the answer is about
)

audit_entry = Table(
    "audit_entry",
    METADATA,
    id_column("audit_id", primary_key=True),
    Column("recorded_at", UTCDateTime(), nullable=False, index=True),
    Column("by_user", String(64), nullable=False),
    Column("act", String(60), nullable=False),
    id_column("person_id", index=True),
    Column("people_set", String(64)),
    Column("outcome", String(20), nullable=False),
    Column("request_id", String(64)),
    Column("detail", Text(), nullable=False),
    Column("reason", Text()),  # why somebody looked at what is not their daily work
    Column("seen", Integer()),  # how many people a read showed
    Column("changes", Boolean(), nullable=False, server_default="0"),  # whether an answer computed before may differ
    Index("ix_audit_entry_by", "by_user", "recorded_at"),
    Index("ix_audit_entry_people_set", "people_set"),
    Index("ix_audit_entry_changes", "recorded_at", "audit_id", sqlite_where=text("changes"),
          postgresql_where=text("changes")),
)  # fmt: skip

# The audit sealed afterwards, in batches: each hash covers an entry and the hash before it.
audit_link = Table(
    "audit_link",
    METADATA,
    Column("number", Integer(), primary_key=True, autoincrement=False),
    id_column("audit_id", nullable=False, unique=True),
    Column("hash", String(64), nullable=False),
    Column("sealed_at", UTCDateTime(), nullable=False),
)

# Content-addressed: the same list of people is stored once, however often it is looked at.
audit_people = Table(
    "audit_people",
    METADATA,
    Column("people_set", String(64), primary_key=True),
    Column("people", Text(), nullable=False),
)

# What this database is for: a row `demo` says that nobody in it is real.
deployment = Table(
    "deployment",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
)
