"""Rows in every table of a database, whatever its schema: made from what the database says of itself."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Engine, MetaData, insert, select

from service.store import schema_access, schema_rights, users  # noqa: F401 - they register their tables
from service.store.schema import METADATA
from tests.council import moment

NOT_OURS = frozenset({"alembic_version"})
BEGUN = moment("2020-07-01T08:00:00.000001")
WORDS = "Zoë said so: “fine”\t\\N \\. \"x\", 'y'\r\n\u2028 and\\then 🙂 %s ?"
EACH = 2

Rows = dict[str, list[dict[str, Any]]]
"""Table -> its rows."""


def as_it_is(engine: Engine | Connection) -> MetaData:
    """The tables as the database has them."""
    held = MetaData()
    held.reflect(engine)
    for name in NOT_OURS & set(held.tables):
        held.remove(held.tables[name])
    return held


def fill(engine: Engine, *, but: frozenset[str] = frozenset()) -> None:
    """Two rows in every table that has none, one open and one closed, the parents first; none in those of `but`."""
    with engine.begin() as connection:
        made: dict[str, list[Mapping[str, Any]]] = {}
        for table in as_it_is(connection).sorted_tables:
            if table.name in but:
                continue
            made[table.name] = [dict(row) for row in connection.execute(select(table)).mappings()]
            for number in range(len(made[table.name]), EACH):
                row = {column.name: _value(column, number, made) for column in table.columns}
                connection.execute(insert(table), [row])
                made[table.name].append(row)


def _value(column: Column[Any], number: int, made: Mapping[str, list[Mapping[str, Any]]]) -> Any:
    if column.foreign_keys:
        parent = next(iter(column.foreign_keys)).column
        return made[parent.table.name][number][parent.name]
    if (column.name == "superseded_at" and number == 0) or str(column) == "user_scope.until":
        return None  # a scope with an end is let go by an older schema: tests/test_migrations.py
    codes = _codes(column)
    if codes:
        return codes[number % len(codes)]
    python = column.type.python_type
    if python is str:
        length = getattr(column.type, "length", None)
        return f"{column.name} {number}"[-length:] if length else f"{number} {WORDS}"
    if python is datetime:
        at = BEGUN + timedelta(days=number, minutes=len(column.name))
        return at if getattr(column.type, "timezone", False) else at.replace(tzinfo=None)
    values: dict[type, Any] = {
        bool: bool(number), int: number + 1, date: date(2020, 2, 28 + number), bytes: bytes(range(256)) * (number + 1),
    }  # fmt: skip
    return values[python]


def _codes(column: Column[Any]) -> list[str]:
    """What a check of the schema lets a column hold; the newest schema knows."""
    ours = METADATA.tables.get(column.table.name)
    said = ours.c.get(column.name) if ours is not None else None
    kinds = getattr(said.type, "enum_class", None) if said is not None else None
    return [kind.value for kind in kinds] if kinds else []


def held(engine: Engine) -> Rows:
    """Every row of every table."""
    with engine.connect() as connection:
        tables = as_it_is(connection).sorted_tables
        return {table.name: [dict(row) for row in connection.execute(select(table)).mappings()] for table in tables}


def common(one: Rows, other: Rows, *, but: Collection[str] = ()) -> tuple[Rows, Rows]:
    """What both say of the tables and columns that both have, in one order; of tables in `but`, nothing."""
    tables = [name for name in one if name in other and name not in but and one[name] and other[name]]
    emptied = [name for name in one if name in other and name not in but and bool(one[name]) != bool(other[name])]
    assert emptied == []
    columns = {name: sorted(set(one[name][0]) & set(other[name][0])) for name in tables}

    def of(rows: Rows) -> Rows:
        chosen = {name: [{c: row[c] for c in columns[name]} for row in rows[name]] for name in tables}
        return {name: sorted(found, key=repr) for name, found in chosen.items()}

    return of(one), of(other)
