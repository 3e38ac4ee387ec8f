"""Every row of every table as lines of text that say the same on both databases, and back into an empty one."""

import hashlib
from collections.abc import Iterator
from itertools import chain
from typing import Any

from sqlalchemy import Boolean, Column, Date, Integer, LargeBinary, String, Table, func, insert, select
from sqlmodel import Session

from service.errors import BackupRefused
from service.store import bulk, record, schema_access, users  # noqa: F401 - the last two register their tables
from service.store.archive_lines import Manifest, Opening, Part, line
from service.store.schema import METADATA, audit_link
from service.store.schema_rights import erasing
from service.store.types import UTCDateTime

FETCHED = 200
FETCHED_HEAVY = 16  # rows that are a piece of a file each

_HOLDS = (
    (UTCDateTime, "moment"), (Boolean, "truth"), (Date, "day"), (LargeBinary, "bytes"), (Integer, "number"),
    (String, "text"),
)  # fmt: skip


def columns_of(table: Table) -> tuple[tuple[str, str], ...]:
    """(name, what it holds) of each column, in the order of the schema."""
    return tuple((str(column.name), _holds(column)) for column in table.columns)


def _holds(column: Column[Any]) -> str:
    return next(held for kind, held in _HOLDS if isinstance(column.type, kind))


def lines(session: Session, opening: Opening) -> Iterator[bytes]:
    """Everything the session's snapshot holds, a few rows at a time."""
    yield line({"revision": opening.revision, "version": opening.version, "taken_at": opening.taken_at})
    counted: dict[str, tuple[int, str]] = {}
    for table in METADATA.sorted_tables:
        rows, digest = -1, hashlib.sha256()
        for said in chain([line({"table": str(table.name), "columns": columns_of(table)})], _rows(session, table)):
            digest.update(said)
            rows += 1
            yield said
        counted[str(table.name)] = (rows, digest.hexdigest())
    yield line({"tables": counted, "audit_head": audit_head(session)})


def _rows(session: Session, table: Table) -> Iterator[bytes]:
    heavy = any(held == "bytes" for _, held in columns_of(table))
    few = FETCHED_HEAVY if heavy else FETCHED
    found = session.execute(select(table).execution_options(stream_results=True, yield_per=few))
    return (line(tuple(row)) for row in found)


def audit_head(session: Session) -> tuple[int, str] | None:
    """Number and hash of the newest seal over the audit; None while nothing is sealed."""
    newest = select(audit_link.c.number, audit_link.c.hash).order_by(audit_link.c.number.desc()).limit(1)
    row = session.execute(newest).first()
    return (row.number, row.hash) if row else None


def filled(session: Session) -> list[str]:
    """The tables that hold something."""
    tables = METADATA.sorted_tables
    return [table.name for table in tables if session.execute(select(1).select_from(table).limit(1)).first()]


def put(session: Session, part: Part) -> None:
    """Put rows where they were. Raises BackupRefused for a table or columns that are not those of this schema."""
    table = METADATA.tables.get(part.table)
    if table is None or columns_of(table) != part.columns:
        raise BackupRefused("The backup has other tables than this version")
    if table is erasing and part.rows:
        raise BackupRefused("The backup says that an erasure is under way, which nothing kept ever says")
    names = [name for name, _ in part.columns]
    if any(held == "bytes" for _, held in part.columns):
        if part.rows:
            session.execute(insert(table), [dict(zip(names, row, strict=True)) for row in part.rows])
        return
    bulk.add(session, table, names, part.rows, always={})


def refuse_unequal(session: Session, manifest: Manifest) -> None:
    """Raise BackupRefused unless the database holds what the manifest counts, whole and without a loose end."""
    tables = METADATA.sorted_tables
    held = {table.name: session.scalar(select(func.count()).select_from(table)) for table in tables}
    told = {name: rows for name, (rows, _) in manifest.tables.items()}
    if held != told or audit_head(session) != manifest.audit_head:
        raise BackupRefused("The database does not hold what the backup counts")
    if session.get_bind().dialect.name == "sqlite":
        connection = session.connection()
        loose = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if loose or connection.exec_driver_sql("PRAGMA integrity_check").scalar() != "ok":
            raise BackupRefused("The database file is not whole")
    record.gather_statistics(session, told)
