"""Whether the database keeps what it has acknowledged when the power goes."""

from sqlalchemy import text
from sqlmodel import Session

# What each setting must say: any other value answers before the disk has it.
OF_SQLITE = {"journal_mode": {"wal"}, "synchronous": {"2", "3"}, "foreign_keys": {"1"}}
OF_POSTGRESQL = {
    "fsync": {"on"},
    "full_page_writes": {"on"},
    "synchronous_commit": {"on", "local", "remote_write", "remote_apply"},
}


def careless(session: Session) -> list[str]:
    """The settings under which an acknowledged write may be lost, or refer to nothing; none where all is well."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    asked, wanted = ("PRAGMA", OF_SQLITE) if sqlite else ("SHOW", OF_POSTGRESQL)
    return [name for name, good in wanted.items() if str(session.scalar(text(f"{asked} {name}"))).lower() not in good]
