"""Many rows into one table: by COPY on PostgreSQL, in slices anywhere else, so that they are never all held twice."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain, islice, repeat
from typing import Any

import psycopg
from sqlalchemy import Connection, Table, insert
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

SLICE = 2000
COPIED_FROM = 200
"""Rows from which COPY pays; up to there a statement does."""

Row = tuple[Any, ...]
Bind = Callable[[Any], Any]
_MARKS = re.compile(r"[\\\b\f\n\r\t\v]")
_ESCAPES = str.maketrans({"\\": r"\\", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"})


def add(
    session: Session, table: Table, names: Sequence[str], rows: Iterable[Row], *, always: Mapping[str, Any]
) -> None:  # fmt: skip
    """Insert rows of these columns, and of columns that `always` say the same, within the session's transaction."""
    coming = iter(rows)
    first = list(islice(coming, COPIED_FROM))
    if not first:
        return
    if len(first) < COPIED_FROM:
        session.execute(insert(table), [{**dict(zip(names, row, strict=True)), **always} for row in first])
    elif session.get_bind().dialect.name == "postgresql":
        _copy(session, table, names, chain(first, coming), always)
    else:
        _put(session, table, names, chain(first, coming), always)


def _slices(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while part := list(islice(rows, SLICE)):
        yield part


def _binds(connection: Connection, table: Table, names: Iterable[str]) -> list[Bind | None]:
    """What each column's type makes of a value, and where it refuses one."""
    dialect = connection.dialect
    return [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]


def _put(
    session: Session, table: Table, names: Sequence[str], rows: Iterator[Row], always: Mapping[str, Any]
) -> None:  # fmt: skip
    """One statement for a slice; each value is made ready once, however many rows say it."""
    connection = session.connection()
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in (*names, *always))
    marks = ", ".join("?" * (len(names) + len(always)))
    statement = f"INSERT INTO {quote(table.name)} ({columns}) VALUES ({marks})"  # noqa: S608 (names of the schema)
    binds = _binds(connection, table, names)
    same = [value if bind is None else bind(value)
            for value, bind in zip(always.values(), _binds(connection, table, always), strict=True)]  # fmt: skip
    for part in _slices(rows):
        said = [_bound(column, bind) for column, bind in zip(zip(*part, strict=True), binds, strict=True)]
        ready = zip(*said, *[repeat(value, len(part)) for value in same], strict=True)
        connection.exec_driver_sql(statement, list(ready))


def _bound(column: Sequence[Any], bind: Bind | None) -> Sequence[Any]:
    if bind is None:
        return column
    made = {value: bind(value) for value in set(column)}
    return [made[value] for value in column]


def _copy(
    session: Session, table: Table, names: Sequence[str], rows: Iterator[Row], always: Mapping[str, Any]
) -> None:  # fmt: skip
    """COPY on the session's own connection. What it refuses is raised as SQLAlchemy would raise it."""
    connection = session.connection()
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    binds = _binds(connection, table, names)
    columns = psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, (*names, *always)))
    statement = psycopg.sql.SQL("COPY {} ({}) FROM STDIN").format(psycopg.sql.Identifier(table.name), columns)
    same = [_texts([value], bind)[0]
            for value, bind in zip(always.values(), _binds(connection, table, always), strict=True)]  # fmt: skip
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as into:
            for part in _slices(rows):
                said = [_texts(column, bind) for column, bind in zip(zip(*part, strict=True), binds, strict=True)]
                lines = zip(*said, *[repeat(text, len(part)) for text in same], strict=True)
                into.write("\n".join(map("\t".join, lines)) + "\n")
    except psycopg.Error as error:
        raise DBAPIError.instance(
            f"COPY {table.name}", None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
        ) from error


def _texts(column: Sequence[Any], bind: Bind | None) -> list[str]:
    """The values of one column in COPY's text format; what its type would refuse is refused here too."""
    plain = bind is None and {str, type(None)}.issuperset(map(type, column))
    if plain and not _MARKS.search("\0".join([value for value in column if value])):
        return ["\\N" if value is None else value for value in column]
    told = {value: _text(value if bind is None else bind(value)) for value in set(column)}
    return [told[value] for value in column]


def _text(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES) if _MARKS.search(value) else value
    if isinstance(value, bool):
        return "t" if value else "f"
    return value.isoformat() if isinstance(value, date) else str(value)
