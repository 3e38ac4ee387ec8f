"""The tables of who may see what: restrictions and their allow-lists, referrals, emergency sight, tokens, sign-ins."""

from sqlalchemy import Column, Date, ForeignKey, Index, String, Table, Text, text

from service.store.schema import METADATA, id_column
from service.store.types import UTCDateTime

_OPEN = text("superseded_at IS NULL")


def _by(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, String(64), nullable=nullable)


# A record that opens to named people only. `person.restricted` says the same of now, for every SELECT over people.
restriction = Table(
    "restriction",
    METADATA,
    id_column("restriction_id", primary_key=True),
    id_column("person_id", ForeignKey("person.person_id"), nullable=False),
    _by("restricted_by"),
    Column("reason", Text(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
    Column("superseded_at", UTCDateTime()),
    Index("uq_restriction_open", "person_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
)

# Whom a restricted record opens to beside those whose work it is.
allowed = Table(
    "allowed",
    METADATA,
    id_column("allowed_id", primary_key=True),
    id_column("restriction_id", ForeignKey("restriction.restriction_id"), nullable=False),
    id_column("user_id", ForeignKey("user_account.user_id"), nullable=False, index=True),
    _by("added_by"),
    Column("reason", Text(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
    Column("superseded_at", UTCDateTime()),
    _by("removed_by", nullable=True),
    Column("removed_reason", Text()),
    Index("uq_allowed_open", "restriction_id", "user_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
)

# Clearing takes two people: one asks, another decides.
clearing = Table(
    "clearing",
    METADATA,
    id_column("clearing_id", primary_key=True),
    id_column("restriction_id", ForeignKey("restriction.restriction_id"), nullable=False),
    _by("asked_by"),
    Column("reason", Text(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
    Column("superseded_at", UTCDateTime()),
    Column("decision", String(20)),  # cleared, refused
    _by("decided_by", nullable=True),
    Column("decided_reason", Text()),
    Index("uq_clearing_open", "restriction_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
)

# One named person shown to one account outside its usual scope, until a day.
referral = Table(
    "referral",
    METADATA,
    id_column("referral_id", primary_key=True),
    id_column("person_id", ForeignKey("person.person_id"), nullable=False),
    id_column("user_id", ForeignKey("user_account.user_id"), nullable=False),
    Column("ends_on", Date(), nullable=False),
    _by("referred_by"),
    Column("reason", Text(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
    Column("superseded_at", UTCDateTime()),
    _by("ended_by", nullable=True),
    Column("ended_reason", Text()),
    Index("ix_referral_open", "user_id", sqlite_where=_OPEN, postgresql_where=_OPEN),
)

# Out of hours: one person, for one account, for some hours, with the reason given.
emergency_access = Table(
    "emergency_access",
    METADATA,
    id_column("emergency_id", primary_key=True),
    id_column("person_id", ForeignKey("person.person_id"), nullable=False),
    id_column("user_id", ForeignKey("user_account.user_id"), nullable=False, index=True),
    Column("reason", Text(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    Column("until", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
)

# Tokens that are believed no longer, by the issuer's own id of them.
revoked_token = Table(
    "revoked_token",
    METADATA,
    Column("issuer", String(255), primary_key=True),
    Column("token_id", String(255), primary_key=True),
    _by("revoked_by"),
    Column("reason", Text(), nullable=False),
    Column("recorded_at", UTCDateTime(), nullable=False),
    Column("expires_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
)

# The first request with a token is a sign-in. `token` is a hash of what tells one token from another.
sign_in = Table(
    "sign_in",
    METADATA,
    id_column("user_id", ForeignKey("user_account.user_id"), primary_key=True),
    Column("token", String(64), primary_key=True),
    Column("recorded_at", UTCDateTime(), nullable=False),
    id_column("audit_id", nullable=False),
)
