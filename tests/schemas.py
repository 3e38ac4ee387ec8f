"""The schema of a database as it is, guards and all, so that two ways of coming by one can be compared."""

import re
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

Schema = dict[str, Any]


def schema(engine: Engine) -> Schema:
    """Tables with columns, keys, indexes and checks; triggers and functions with what they do."""
    with engine.connect() as connection:
        looked = inspect(connection)
        tables = {name: _table(looked, name) for name in looked.get_table_names() if name != "alembic_version"}
        guards = _of_sqlite(connection) if engine.dialect.name == "sqlite" else _of_postgresql(connection)
    return {"tables": tables, **guards}


def _table(looked: Any, name: str) -> dict[str, Any]:
    return {
        "columns": {c["name"]: (str(c["type"]), c["nullable"]) for c in looked.get_columns(name)},
        "key": looked.get_pk_constraint(name)["constrained_columns"],
        "foreign": sorted((f["constrained_columns"], f["referred_table"]) for f in looked.get_foreign_keys(name)),
        "unique": sorted(u["column_names"] for u in looked.get_unique_constraints(name)),
        "indexes": sorted((i["name"], i["column_names"], bool(i["unique"]), _plain(str(i.get("dialect_options"))))
                          for i in looked.get_indexes(name) if "duplicates_constraint" not in i),
        "checks": sorted((str(c["name"]), _plain(c["sqltext"])) for c in looked.get_check_constraints(name)),
    }  # fmt: skip


def _plain(sql: str) -> str:
    return re.sub(r"<.*?>|\s+", " ", sql)


def _of_sqlite(connection: Connection) -> dict[str, Any]:
    found = connection.execute(text("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"))
    return {"triggers": {row.name: (row.tbl_name, _plain(row.sql)) for row in found}}


def _of_postgresql(connection: Connection) -> dict[str, Any]:
    triggers = connection.execute(
        text("SELECT tgname, pg_get_triggerdef(oid) AS said FROM pg_trigger WHERE NOT tgisinternal")
    )
    functions = connection.execute(
        text("SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
    )
    return {
        "triggers": {row.tgname: _plain(row.said) for row in triggers},
        "functions": {row.proname: _plain(row.prosrc) for row in functions},
    }
