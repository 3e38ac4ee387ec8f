"""Many rows into one table: by COPY on PostgreSQL, in slices anywhere else, so that they are never all held twice."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

import psycopg
from sqlalchemy import Table, insert
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

SLICE = 2000
COPIED_FROM = 200
"""Rows from which COPY pays; up to there a statement does."""


def add(session: Session, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns, within the session's transaction."""
    coming = iter(rows)
    first = list(islice(coming, COPIED_FROM))
    if not first:
        return
    if session.get_bind().dialect.name == "postgresql" and len(first) == COPIED_FROM:
        _copy(session, table, tuple(first[0]), chain(first, coming))
        return
    for part in chain([first], _slices(coming)):
        session.execute(insert(table), part)


def _slices(rows: Iterator[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    while part := list(islice(rows, SLICE)):
        yield part


def _copy(session: Session, table: Table, columns: tuple[str, ...], rows: Iterable[Mapping[str, Any]]) -> None:
    """COPY on the session's own connection. What it refuses is raised as SQLAlchemy would raise it."""
    connection = session.connection()
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    statement = psycopg.sql.SQL("COPY {} ({}) FROM STDIN").format(
        psycopg.sql.Identifier(table.name), psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, columns))
    )
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as into:
            for row in rows:
                into.write_row([row[name] for name in columns])
    except psycopg.Error as error:
        raise DBAPIError.instance(
            f"COPY {table.name}", None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
        ) from error
