"""What the service's own role may do on PostgreSQL: read, add, close, and change only what is ever changed."""

import re
from collections.abc import Iterator, Sequence

from service.store import schema_access, schema_rights, users  # noqa: F401 - they register their tables
from service.store.schema import FACTS, METADATA

ROLE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
REVISION = "alembic_version"
GUARD = "erasing"
"""A row in it lets the triggers delete. Only the owner puts one in, when two people have decided so."""

# The columns that are ever set on a row that is there. Of what is versioned that is one, once, from nothing.
_CLOSED = ("superseded_at",)
SET: dict[str, tuple[str, ...]] = {
    **{table.name: _CLOSED for table in FACTS.values()},
    "team": _CLOSED,
    "worker": _CLOSED,
    "held_change": _CLOSED,
    "row_issue": _CLOSED,
    "restriction": _CLOSED,
    "person_identifier": (*_CLOSED, "released_by", "released_reason"),
    "person_merge": (*_CLOSED, "undone_by", "undone_reason"),
    "campaign": (*_CLOSED, "closed_by", "closed_reason"),
    "allowed": (*_CLOSED, "removed_by", "removed_reason"),
    "clearing": (*_CLOSED, "decision", "decided_by", "decided_reason"),
    "referral": (*_CLOSED, "ended_by", "ended_reason"),
    "legal_hold": (*_CLOSED, "lifted_by", "lifted_reason"),
    "erasure": (*_CLOSED, "decision", "decided_by", "decided_reason", "rows"),
    "person": ("restricted", "sealed_at"),
    "batch": ("state", "report", "applied_at"),
    "org_unit": ("title",),
    "post": ("holder_user_id",),
    "user_account": ("user_id", "name", "active", "worker_ref", "oid", "tokens_from"),  # user_id: touched, to lock it
    "access_version": ("version",),
}

# What is let go: answers past their time, bytes that nothing waits for, and what an account had before.
LET_GO = ("batch_chunk", "batch_dataset", "idempotency_key", "user_role", "user_scope")


def statements(role: str) -> Iterator[str]:
    """SQL that gives `role` this and takes from it all else. To be run by the owner of the tables.

    Raises ValueError for a name that is no plain role name.
    """
    if not ROLE_NAME.fullmatch(role):
        raise ValueError("a role name is lower-case letters, digits and underscores")
    tables = [str(table.name) for table in METADATA.sorted_tables]
    yield "BEGIN"
    yield _refusing_owners(role)
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    yield f'REVOKE ALL ON SCHEMA public FROM "{role}"'
    yield f'REVOKE ALL ON ALL TABLES IN SCHEMA public FROM "{role}"'
    yield f'GRANT USAGE ON SCHEMA public TO "{role}"'
    yield f'GRANT SELECT ON {_listed([*tables, REVISION])} TO "{role}"'
    yield f'GRANT INSERT ON {_listed([name for name in tables if name != GUARD])} TO "{role}"'
    for name, columns in sorted(SET.items()):
        yield f'GRANT UPDATE ({_listed(columns)}) ON "{name}" TO "{role}"'
    yield f'GRANT DELETE ON {_listed(LET_GO)} TO "{role}"'
    yield "COMMIT"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _refusing_owners(role: str) -> str:
    """What a role owns, or may do as a superuser, no grant takes from it."""
    owns = f"SELECT FROM pg_tables WHERE schemaname = 'public' AND pg_has_role('{role}', tableowner, 'MEMBER')"
    said = f"{role} owns the tables or is a superuser: the service needs a role of its own"
    return f"DO $$ BEGIN IF EXISTS ({owns}) THEN RAISE EXCEPTION '{said}'; END IF; END $$"
