"""What every command needs: the settings, the database, a way to stop with a word."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from alembic.config import Config
from sqlalchemy import Engine

from service.errors import SettingsRefused
from service.settings import Settings, from_environment


def settings_here() -> Settings:
    """The settings of this environment, and their folder made. Stops when they are refused."""
    with refusals():
        settings = from_environment(os.environ)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return settings


@contextmanager
def refusals() -> Iterator[None]:
    """Stop with a word where a setting, or the file that it names, cannot be used."""
    try:
        yield
    except SettingsRefused as refused:
        raise stop(f"Refused to start: {refused}") from None


def stop(message: str, code: int = 1) -> typer.Exit:
    """Say why on standard error; what is returned is to be raised."""
    typer.echo(message, err=True)
    return typer.Exit(code)


@contextmanager
def database(settings: Settings) -> Iterator[Engine]:
    """The database, whose connections are given back at the end."""
    from service.store.engine import make_engine

    engine = make_engine(settings.database_url)
    try:
        yield engine
    finally:
        engine.dispose()


def alembic(engine: Engine) -> Config:
    """Alembic's settings for this database."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent.parent.parent / "migrations"))
    config.attributes["engine"] = engine
    return config
