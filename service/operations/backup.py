"""Take a backup of everything while the service works, check one, and put one back into an empty database."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError
from sqlmodel import Session

from service.errors import BackupRefused
from service.store import archive, archive_lines, audit, health, sealed
from service.store.archive_lines import Manifest, Opening, Part
from service.store.engine import Clock, reading, writing

BY = "los"


def take(engine: Engine, path: Path, *, key: bytes | None, revision: str, version: str, clock: Clock) -> Manifest:
    """Write everything that was acknowledged before now to a new file, from one snapshot; nobody waits for it.

    `key` None: not encrypted. `revision`: the schema this version has. The file gets its name only once it has been
    read back whole and the audit knows of it. Raises BackupRefused, and leaves no file then.
    """
    opening = Opening(revision, version, clock())
    with reading(engine, intake=True) as session:
        _refuse_other_schema(session, revision)
        sealed.write(path, archive.lines(session, opening), key=key)
    try:
        manifest = check(sealed.beside(path), key=key)
        with writing(engine, clock) as write:
            _note(write.session, "backup.taken", manifest, encrypted=key is not None, at=write.now)
        sealed.keep(path)
    except BaseException:
        sealed.forget(path)
        raise
    return manifest


def check(path: Path, *, key: bytes | None) -> Manifest:
    """Read a backup to its end: every seal, hash and count. Raises BackupRefused at the first that is not right."""
    return _last(archive_lines.read(sealed.read(path, key=key)))


def restore(engine: Engine, path: Path, *, key: bytes | None, revision: str, clock: Clock) -> Manifest:
    """Put a backup back into an empty database of the same schema: all of it, or nothing.

    It is checked to its end before a row is written, and counted again before what was written stands.
    Raises BackupRefused.
    """
    for said in archive_lines.read(sealed.read(path, key=key)):
        if isinstance(said, Opening) and said.revision != revision:
            raise BackupRefused(
                f"The backup is of schema {said.revision} and this version has {revision}: "
                f"restore it with the version that took it ({said.version}), then migrate"
            )
    try:
        with writing(engine, clock, intake=True) as write:
            _refuse_other_schema(write.session, revision)
            manifest = _put(write.session, archive_lines.read(sealed.read(path, key=key)))
            _note(write.session, "backup.restored", manifest, encrypted=key is not None, at=write.now)
    except (DataError, IntegrityError):
        raise BackupRefused("The database does not take what the backup holds") from None
    return manifest


def _refuse_other_schema(session: Session, revision: str) -> None:
    held = health.schema_revision(session)
    if held != revision:
        raise BackupRefused(f"The database has schema {held} and this version has {revision}: run `los migrate`")


def _put(session: Session, coming: Iterable[Opening | Part | Manifest]) -> Manifest:
    filled = archive.filled(session)
    if filled:
        raise BackupRefused(f"The database is not empty ({len(filled)} tables are not): restore into a new one")
    manifest = _last(coming, session)
    archive.refuse_unequal(session, manifest)
    return manifest


def _last(coming: Iterable[Opening | Part | Manifest], session: Session | None = None) -> Manifest:
    """What a backup ends with; its rows go to `session` on the way, where there is one."""
    for said in coming:
        if isinstance(said, Part) and session is not None:
            archive.put(session, said)
        if isinstance(said, Manifest):
            return said
    raise BackupRefused("The backup has no end")


def _note(session: Session, act: str, manifest: Manifest, *, encrypted: bool, at: datetime) -> None:
    detail = {"rows": manifest.rows, "schema": manifest.opening.revision, "taken_at": manifest.opening.taken_at,
              "encrypted": encrypted}  # fmt: skip
    audit.note(session, act, by=BY, at=at, detail=detail, changes=act == "backup.restored")
