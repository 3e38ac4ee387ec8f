"""A backup is everything that was acknowledged before it began, on either database, and nothing that is damaged."""

import errno
import json
import os
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text

from service.errors import BackupRefused
from service.operations import backup
from service.store import archive, archive_lines, audit, sealed
from service.store.engine import make_engine, reading, writing
from service.store.schema import METADATA, audit_entry, audit_link, person
from tests import postgres
from tests.conftest import EMPTY, KEEP_SEEDS, SetClock, migrate, on_postgres
from tests.council import Council
from tests.factories import a_contact
from tests.rows import fill

KEY = b"k" * 40
HEAD = "0004"
VERSION = "1.2"
PLACES = "fact_accommodation"
one_kind = pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # the database makes no difference


@pytest.fixture(scope="module")
def second_postgres(postgres_server: str) -> Iterator[str]:
    """Another migrated PostgreSQL database."""
    with postgres.database_on(postgres_server, f"los_target_{os.getpid()}_{uuid.uuid4().hex[:8]}") as url:
        migrate(url)
        on_postgres(url, KEEP_SEEDS)
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A migrated, empty database to restore into."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'target.db'}"
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "target.db")
    else:
        url = request.getfixturevalue("second_postgres")
        on_postgres(url, EMPTY)
    engine = make_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def empty(tmp_path: Path, sqlite_template: Path) -> Iterator[Engine]:
    """An empty SQLite to restore into, where the kind of database makes no difference."""
    shutil.copy(sqlite_template, tmp_path / "empty.db")
    engine = make_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    yield engine
    engine.dispose()


def rows(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    with reading(engine) as session:
        return {t.name: sorted(map(tuple, session.execute(select(t))), key=repr) for t in METADATA.sorted_tables}


def acts(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as session:
        found = session.execute(select(audit_entry.c.act, audit_entry.c.by_user, audit_entry.c.detail))
        return [(row.act, row.by_user) for row in found if row.act.startswith("backup.")]


def taken(engine: Engine, path: Path, clock: SetClock, *, key: bytes | None = KEY) -> archive_lines.Manifest:
    return backup.take(engine, path, key=key, revision=HEAD, version=VERSION, clock=clock)


def restored(engine: Engine, path: Path, clock: SetClock, *, key: bytes | None = KEY) -> archive_lines.Manifest:
    return backup.restore(engine, path, key=key, revision=HEAD, clock=clock)


def refused(do: Callable[[], object]) -> str:
    with pytest.raises(BackupRefused) as stopped:
        do()
    return str(stopped.value)


def test_every_row_of_every_table_comes_back_on_either_database(
    council: Council, target: Engine, clock: SetClock, tmp_path: Path
) -> None:
    council.log(a_contact("2020-07-01T00:30+00:00"))
    fill(council.engine, but=frozenset({"erasing"}))
    before, file = rows(council.engine), tmp_path / "b"
    assert all(before[name] for name in before if name != "erasing")
    clock.advance(hours=1)
    manifest = taken(council.engine, file, clock)
    assert {name: count for name, (count, _) in manifest.tables.items()} == {n: len(r) for n, r in before.items()}
    assert manifest.opening.taken_at == clock()
    assert acts(council.engine) == [("backup.taken", "los")]
    assert backup.check(file, key=KEY) == manifest == restored(target, file, clock)
    after = rows(target)
    assert [(entry[3], entry[2]) for entry in after["audit_entry"] if entry not in before["audit_entry"]] == [
        ("backup.restored", "los")
    ]
    after["audit_entry"] = [entry for entry in after["audit_entry"] if entry in before["audit_entry"]]
    assert after == before


def test_what_is_restored_is_as_guarded_and_goes_on_working(
    council: Council, empty: Engine, clock: SetClock, tmp_path: Path
) -> None:
    taken(council.engine, tmp_path / "b", clock)
    restored(empty, tmp_path / "b", clock)
    again = Council(empty, clock)
    again.log(a_contact("2020-07-01T00:30+00:00"))
    assert len(again.versions("contact")) == len(council.versions("contact")) + 1
    with pytest.raises(Exception, match="append only"), writing(empty, clock) as write:
        write.session.execute(text("DELETE FROM fact_accommodation"))


def test_writers_go_on_and_the_backup_is_of_when_it_began(
    engine: Engine, empty: Engine, clock: SetClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While half of it is written, others write and are acknowledged: they are in the next one."""

    def noted(act: str) -> None:
        with writing(engine, clock) as write:
            audit.note(write.session, act, by="u", at=write.now)

    def meanwhile(*args: Any) -> Iterator[bytes]:
        for number, line in enumerate(whole(*args)):
            if number == 5:
                noted("after")
            yield line

    noted("before")
    whole = archive.lines
    monkeypatch.setattr(archive, "lines", meanwhile)
    taken(engine, tmp_path / "b", clock)
    assert {entry[3] for entry in rows(engine)["audit_entry"]} == {"before", "after", "backup.taken"}
    restored(empty, tmp_path / "b", clock)
    assert {entry[3] for entry in rows(empty)["audit_entry"]} == {"before", "backup.restored"}


@pytest.fixture
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of a few rows, and keys that are tried at once."""
    monkeypatch.setattr(sealed, "FRAME", 400)
    monkeypatch.setattr(sealed, "COST", 2)


@pytest.fixture
def held(council: Council, clock: SetClock, tmp_path: Path, small_frames: None) -> Path:
    """A backup of a council, in many small frames."""
    taken(council.engine, tmp_path / "b", clock)
    return tmp_path / "b"


def frames(data: bytes, header: int) -> list[bytes]:
    found, at = [], header
    while at < len(data):
        size = 5 + int.from_bytes(data[at : at + 4])
        found.append(data[at : at + size])
        at += size
    return found


@one_kind
def test_no_damage_goes_unnoticed(held: Path, empty: Engine, clock: SetClock) -> None:
    data, header = held.read_bytes(), len(sealed.MAGIC) + 1 + sealed.SALT + sealed.CHECK
    parts = frames(data, header)
    assert len(parts) > 10
    broken = {
        "cut at a frame": data[: -len(parts[-1])],
        "cut in a frame": data[:-7],
        "cut in its beginning": data[: header - 3],
        "frames changed about": data[:header] + b"".join([parts[1], parts[0], *parts[2:]]),
        "a frame left out": data[:header] + b"".join([*parts[:3], *parts[4:]]),
        "a frame twice": data[:header] + b"".join([*parts[:3], parts[2], *parts[3:]]),
        "called the last too early": data[:header] + parts[0][:4] + b"\1" + parts[0][5:],
        "something after its end": data + b"\0",
        "another file": b"PK" + data,
        "empty": b"",
        **{f"one bit at {at}": data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]
           for at in (5, header - 20, header - 1, header + 1, header + 4, header + 9, len(data) // 2, len(data) - 1)},
    }  # fmt: skip
    was = rows(empty)
    for how, bytes_ in broken.items():
        held.write_bytes(bytes_)
        for do in (lambda: backup.check(held, key=KEY), lambda: restored(empty, held, clock)):
            word = refused(do)
            assert any(said in word for said in ("damaged", "cut short", "no backup")), how
    assert rows(empty) == was


@one_kind
def test_a_backup_without_a_key_is_as_careful_about_damage(council: Council, clock: SetClock, tmp_path: Path) -> None:
    file = tmp_path / "b"
    taken(council.engine, file, clock, key=None)
    data = file.read_bytes()
    assert refused(lambda: backup.check(file, key=KEY)).startswith("This backup is not encrypted")
    for broken in (data[:-1], data[:100] + bytes([data[100] ^ 1]) + data[101:], data + b"x"):
        file.write_bytes(broken)
        assert refused(lambda: backup.check(file, key=None))


@one_kind
def test_it_opens_with_its_own_key_only(held: Path) -> None:
    assert "key file" in refused(lambda: backup.check(held, key=b"j" * 40))
    assert "key file" in refused(lambda: backup.check(held, key=None))
    assert b"Demo-Ashford" not in held.read_bytes()
    assert b"accommodation" not in held.read_bytes()


def forged(path: Path, *lines: object) -> Path:
    """A backup that is whole as a file, and says this."""
    sealed.write(path, [archive_lines.line(said) for said in lines], key=KEY)
    sealed.keep(path)
    return path


def told(path: Path) -> list[Any]:
    return [json.loads(line) for line in sealed.read(path, key=KEY)]


@one_kind
@pytest.mark.parametrize("change", ["a row more", "a row less", "a value", "a table less", "a line after", "no end"])
def test_a_manifest_that_does_not_agree_with_its_rows_is_refused(
    change: str, held: Path, empty: Engine, clock: SetClock, tmp_path: Path
) -> None:
    lines = told(held)
    first = next(n for n, said in enumerate(lines) if isinstance(said, list))
    tables = [n for n, said in enumerate(lines) if isinstance(said, dict) and "table" in said]
    {
        "a row more": lambda: lines.insert(first, lines[first]),
        "a row less": lambda: lines.pop(first),
        "a value": lambda: lines[first].__setitem__(0, "another"),
        "a table less": lambda: lines.pop(tables[0]),
        "a line after": lambda: lines.append({}),
        "no end": lambda: lines.pop(),
    }[change]()
    file = forged(tmp_path / "forged", *lines)
    assert "damaged" in refused(lambda: backup.check(file, key=KEY))
    assert "damaged" in refused(lambda: restored(empty, file, clock))


def begins(lines: list[Any], table: str) -> int:
    """Which line opens a table."""
    return next(n for n, said in enumerate(lines) if isinstance(said, dict) and said.get("table") == table)


def recounted(lines: list[Any]) -> list[Any]:
    """The same lines with a manifest that agrees with them."""
    counted: dict[str, tuple[int, str]] = {}
    table, digest, count = "", None, 0
    for said in lines[1:-1]:
        if isinstance(said, dict):
            table, digest, count = said["table"], sealed.hashlib.sha256(), -1
        digest.update(archive_lines.line(said))
        count += 1
        counted[table] = (count, digest.hexdigest())
    return [*lines[:-1], {**lines[-1], "tables": counted}]


@one_kind
def test_rows_that_the_database_refuses_leave_nothing_behind(
    held: Path, target: Engine, clock: SetClock, tmp_path: Path
) -> None:
    lines, was = told(held), rows(target)
    place = 1 + begins(lines, PLACES)
    row = lines[place]
    wrong = {
        "twice": [*lines[:place], row, *lines[place:]],
        "about nobody": [*lines[:place], [*row[:2], "nobody", *row[3:]], *lines[place + 1 :]],
    }
    for how, said in wrong.items():
        file = forged(tmp_path / how, *recounted(said))
        assert backup.check(file, key=KEY)
        assert refused(lambda file=file: restored(target, file, clock))
        assert rows(target) == was


@one_kind
def test_a_backup_that_would_open_the_guards_is_refused(
    held: Path, empty: Engine, clock: SetClock, tmp_path: Path
) -> None:
    lines = told(held)
    at = 1 + begins(lines, "erasing")
    file = forged(tmp_path / "forged", *recounted([*lines[:at], ["e1"], *lines[at:]]))
    assert "erasure" in refused(lambda: restored(empty, file, clock))


def test_the_head_of_the_audit_is_in_the_manifest(
    engine: Engine, empty: Engine, clock: SetClock, tmp_path: Path
) -> None:
    with writing(engine, clock) as write:
        for number in (1, 2):
            sealed_one = {"number": number, "audit_id": f"a{number}", "hash": f"h{number}", "sealed_at": write.now}
            write.session.execute(insert(audit_link).values(**sealed_one))
    assert taken(engine, tmp_path / "b", clock).audit_head == (2, "h2")
    assert restored(empty, tmp_path / "b", clock).audit_head == (2, "h2")
    lines = told(tmp_path / "b")
    lines[-1]["audit_head"] = [3, "h3"]
    file = forged(tmp_path / "forged", *lines)
    assert "does not hold" in refused(lambda: restored(empty_again(empty), file, clock))


def empty_again(engine: Engine) -> Engine:
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        for name in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.commit()
        driver.execute("PRAGMA foreign_keys=OFF")
        for table in METADATA.sorted_tables:
            driver.execute(f"DELETE FROM {table.name}")
        driver.execute("PRAGMA foreign_keys=ON")
    return engine


def test_it_goes_only_into_an_empty_database_of_the_same_schema(
    council: Council, empty: Engine, clock: SetClock, tmp_path: Path
) -> None:
    taken(council.engine, tmp_path / "b", clock)
    was = rows(council.engine)
    assert "not empty" in refused(lambda: restored(council.engine, tmp_path / "b", clock))
    assert rows(council.engine) == was
    old = taken_of(tmp_path / "b", tmp_path / "old", revision="0002")
    assert "schema 0002 and this version has 0004" in refused(lambda: restored(empty, old, clock))
    with empty.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0002'")
    for do in (
        lambda: restored(empty, tmp_path / "b", clock),
        lambda: taken(empty, tmp_path / "c", clock),
    ):
        assert "The database has schema 0002" in refused(do)
    assert not (tmp_path / "c").exists()


def taken_of(file: Path, other: Path, **opening: str) -> Path:
    lines = told(file)
    return forged(other, lines[0] | opening, *lines[1:])


@one_kind
def test_a_file_is_for_its_owner_and_never_written_over(council: Council, clock: SetClock, tmp_path: Path) -> None:
    file = tmp_path / "b"
    was = os.umask(0)
    try:
        taken(council.engine, file, clock)
    finally:
        os.umask(was)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    data = file.read_bytes()
    assert "there already" in refused(lambda: taken(council.engine, file, clock))
    assert file.read_bytes() == data
    assert list(tmp_path.glob("*.partial")) == []
    other = tmp_path / "c.partial"
    other.write_bytes(b"half")
    assert "cut off" in refused(lambda: taken(council.engine, tmp_path / "c", clock))
    assert other.read_bytes() == b"half"
    for place in (tmp_path / "nowhere" / "b", file / "b"):
        assert "cannot be written" in refused(lambda place=place: taken(council.engine, place, clock))
    assert acts(council.engine) == [("backup.taken", "los")]


@one_kind
def test_a_full_disk_leaves_no_half_backup(
    council: Council, clock: SetClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in refused(lambda: taken(council.engine, tmp_path / "b", clock))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("b")]
    assert acts(council.engine) == []


@one_kind
def test_without_an_audit_entry_there_is_no_backup(
    council: Council, clock: SetClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> str:
        raise RuntimeError("the audit cannot be written")

    monkeypatch.setattr(audit, "note", fails)
    with pytest.raises(RuntimeError):
        taken(council.engine, tmp_path / "b", clock)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("b")]


def test_a_backup_is_of_one_moment_though_its_slices_are_many(
    engine: Engine, empty: Engine, clock: SetClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows than are fetched, handed on and copied at once."""
    monkeypatch.setattr(archive_lines, "SLICE", 300)
    many = archive.FETCHED * 5 + 7
    with writing(engine, clock) as write:
        write.session.execute(
            insert(person), [{"person_id": f"p{n}", "restricted": n % 3 == 0, "recorded_at": clock() + timedelta(0, n)}
                             for n in range(many)],
        )  # fmt: skip
    assert taken(engine, tmp_path / "b", clock).tables["person"][0] == many
    restored(empty, tmp_path / "b", clock)
    assert rows(empty)["person"] == rows(engine)["person"]
