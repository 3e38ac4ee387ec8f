"""The tables of how long a record is kept: legal holds, and erasures that two people decided."""

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, String, Table, Text, text

from service.store.schema import METADATA, id_column
from service.store.types import UTCDateTime

_OPEN = text("superseded_at IS NULL")

# While one stands, nothing of the person is erased, whatever the schedule says.
legal_hold = Table(
    "legal_hold",
    METADATA,
    id_column("legal_hold_id", primary_key=True),
    id_column("person_id", ForeignKey("person.person_id"), nullable=False),
    Column("placed_by", String(64), nullable=False),
    Column("reason", Text(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
    Column("superseded_at", UTCDateTime()),
    Column("lifted_by", String(64)),
    Column("lifted_reason", Text()),
    Index("ix_legal_hold_open", "person_id", sqlite_where=_OPEN, postgresql_where=_OPEN),
)

# What remains of a record once it is erased: whose id, on which rule, by whom, how many rows. Never what it said.
erasure = Table(
    "erasure",
    METADATA,
    id_column("erasure_id", primary_key=True),
    id_column("person_id", nullable=False, index=True),
    Column("rule", String(60), nullable=False),
    Column("due_on", Date(), nullable=False),
    Column("asked_by", String(64), nullable=False),
    Column("reason", Text(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
    Column("superseded_at", UTCDateTime()),
    Column("decision", String(20)),  # erased, refused
    Column("decided_by", String(64)),
    Column("decided_reason", Text()),
    Column("rows", Integer()),
    Index("uq_erasure_open", "person_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
)

# A row here lets the append-only triggers delete. It is put in and taken out within the erasing transaction.
erasing = Table("erasing", METADATA, id_column("erasure_id", primary_key=True))
