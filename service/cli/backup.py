"""Backups: taken while the service works, checked anywhere, restored into an empty database."""

from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from service.app import utc_now
from service.cli import shell
from service.errors import BackupRefused
from service.settings import Settings
from service.store.archive_lines import Manifest

File = Annotated[Path, typer.Argument(help="The backup")]
KeyFile = Annotated[
    Path | None, typer.Option(help="A file of at least 32 random bytes; LOS_BACKUP_KEY_FILE when left out")
]
Unencrypted = Annotated[bool, typer.Option("--unencrypted", help="Without a key; refused in production")]


def backup(file: File, key_file: KeyFile = None, unencrypted: Unencrypted = False) -> None:
    """Take a backup of everything, while the service works, into a new encrypted file, and read it back."""
    from service.operations import backup as backups

    settings = shell.settings_here()
    with shell.database(settings) as engine:
        try:
            key = _key(settings, key_file, unencrypted=unencrypted)
            taken = backups.take(
                engine, file, key=key, revision=_newest(engine), version=metadata.version("line-of-sight"),
                clock=utc_now,
            )  # fmt: skip
        except BackupRefused as refused:
            raise shell.stop(str(refused)) from None
    _say("Backup taken and read back", taken)


def verify_backup(file: File, key_file: KeyFile = None, unencrypted: Unencrypted = False) -> None:
    """Read a backup to its end and check every seal, hash and count. Needs no database."""
    from service.operations import backup as backups

    settings = shell.settings_here()
    try:
        found = backups.check(file, key=_key(settings, key_file, unencrypted=unencrypted))
    except BackupRefused as refused:
        raise shell.stop(str(refused)) from None
    _say("The backup is whole", found)


def restore(file: File, key_file: KeyFile = None, unencrypted: Unencrypted = False) -> None:
    """Put a backup into an empty database of the same schema: all of it, or nothing."""
    from service.operations import backup as backups

    settings = shell.settings_here()
    with shell.database(settings) as engine:
        try:
            key = _key(settings, key_file, unencrypted=unencrypted)
            restored = backups.restore(engine, file, key=key, revision=_newest(engine), clock=utc_now)
        except BackupRefused as refused:
            raise shell.stop(str(refused)) from None
    _say("Restored and counted", restored)


def _key(settings: Settings, named: Path | None, *, unencrypted: bool) -> bytes | None:
    from service.store import sealed

    if unencrypted and settings.production:
        raise BackupRefused("--unencrypted: refused in production")
    if unencrypted and named is not None:
        raise BackupRefused("--unencrypted: not together with --key-file")
    file = named or settings.backup_key_file
    if unencrypted:
        return None
    if file is None:
        raise BackupRefused("--key-file: name a key file, or set LOS_BACKUP_KEY_FILE, or ask for --unencrypted")
    return sealed.key_in(file)


def _newest(engine: Engine) -> str:
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory.from_config(shell.alembic(engine)).get_current_head())


def _say(what: str, manifest: Manifest) -> None:
    taken = manifest.opening
    number, digest = manifest.audit_head or (0, "nothing sealed yet")
    typer.echo(f"{what}: {manifest.rows} rows in {len(manifest.tables)} tables.")
    typer.echo(f"As of {taken.taken_at:%Y-%m-%dT%H:%M:%SZ}, schema {taken.revision}, version {taken.version}.")
    typer.echo(f"Audit head: {number} {digest}")
