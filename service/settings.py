"""Settings: read once from LOS_* variables, frozen, handed down as a value; bad ones stop the start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from service.errors import SettingsRefused


class Environment(StrEnum):
    """Where this runs. Development serves this machine only and mints its own tokens."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


DEVELOPMENT_ISSUER = "https://line-of-sight.invalid/development"
DEVELOPMENT_AUDIENCE = "line-of-sight"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

_NAMES = frozenset(
    {
        "LOS_DATABASE_URL",
        "LOS_DATA_DIR",
        "LOS_ENVIRONMENT",
        "LOS_OIDC_ISSUER",
        "LOS_OIDC_AUDIENCE",
        "LOS_JWKS_URL",
        "LOS_MAPPING_FILE",
    }
)
_READ_BY_SCRIPTS = frozenset({"LOS_URL", "LOS_TOKEN"})
_TEST_PREFIX = "LOS_TEST_"
_PSYCOPG = "postgresql+psycopg://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a deployment decides. `jwks_url` is None when development trusts its own key pair instead."""

    environment: Environment = Environment.DEVELOPMENT
    data_dir: Path = Path("var")
    database_url: str = field(default="sqlite:///var/line-of-sight.db", repr=False)
    oidc_issuer: str = DEVELOPMENT_ISSUER
    oidc_audience: str = DEVELOPMENT_AUDIENCE
    jwks_url: str | None = None
    mapping_file: Path | None = None
    port: int = 8000

    @property
    def production(self) -> bool:
        """Whether people's real records are served."""
        return self.environment is Environment.PRODUCTION

    @property
    def loopback_only(self) -> bool:
        """Whether only this machine may connect: always in development, where tokens are home-made."""
        return not self.production

    @property
    def sqlite(self) -> bool:
        """Whether the embedded database is used: one process, one machine."""
        return self.database_url.startswith("sqlite")


def from_environment(env: Mapping[str, str]) -> Settings:
    """Read the settings out of `env`; an empty variable counts as unset.

    Raises SettingsRefused, naming the setting and never its value.
    """
    given = {name: value for name, value in env.items() if value and (name.startswith("LOS_") or name == "PORT")}
    _refuse_unknown(given)
    environment = _environment(given.get("LOS_ENVIRONMENT"))
    if environment is Environment.PRODUCTION:
        _require(given, "LOS_DATABASE_URL", "LOS_OIDC_ISSUER", "LOS_OIDC_AUDIENCE", "LOS_JWKS_URL")
        _secure("LOS_OIDC_ISSUER", given["LOS_OIDC_ISSUER"])
    data_dir = Path(given.get("LOS_DATA_DIR", "var"))
    mapping_file = given.get("LOS_MAPPING_FILE")
    return Settings(
        environment=environment,
        data_dir=data_dir,
        database_url=_database_url(given.get("LOS_DATABASE_URL"), data_dir),
        oidc_issuer=given.get("LOS_OIDC_ISSUER", DEVELOPMENT_ISSUER),
        oidc_audience=given.get("LOS_OIDC_AUDIENCE", DEVELOPMENT_AUDIENCE),
        jwks_url=_jwks_url(given.get("LOS_JWKS_URL"), environment),
        mapping_file=Path(mapping_file) if mapping_file else None,
        port=_port(given.get("PORT")),
    )


def _refuse_unknown(given: Mapping[str, str]) -> None:
    for name in sorted(given):
        if name == "PORT" or name in _NAMES or name in _READ_BY_SCRIPTS or name.startswith(_TEST_PREFIX):
            continue
        raise SettingsRefused(f"{name}: there is no such setting")


def _require(given: Mapping[str, str], *names: str) -> None:
    for name in names:
        if name not in given:
            raise SettingsRefused(f"{name}: must be set in production")


def _environment(value: str | None) -> Environment:
    try:
        return Environment(value or Environment.DEVELOPMENT)
    except ValueError:
        raise SettingsRefused("LOS_ENVIRONMENT: must be development or production") from None


def _database_url(value: str | None, data_dir: Path) -> str:
    if value is None:
        return f"sqlite:///{data_dir / 'line-of-sight.db'}"
    for scheme in (_PSYCOPG, "postgresql://", "postgres://"):
        if value.startswith(scheme):
            return _PSYCOPG + value.removeprefix(scheme)
    if value.startswith("sqlite:///") and len(value) > len("sqlite:///") and ":memory:" not in value:
        return value
    raise SettingsRefused("LOS_DATABASE_URL: must be the address of a PostgreSQL or name a SQLite file")


def _jwks_url(value: str | None, environment: Environment) -> str | None:
    if value is None:
        return None
    if environment is Environment.DEVELOPMENT and _web_address("LOS_JWKS_URL", value).hostname in LOOPBACK:
        return value
    _secure("LOS_JWKS_URL", value)
    return value


def _secure(name: str, value: str) -> None:
    if _web_address(name, value).scheme != "https":
        raise SettingsRefused(f"{name}: must be an https address")


def _web_address(name: str, value: str) -> SplitResult:
    try:
        address = urlsplit(value)
        usable = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:
        usable = None
    if not usable or address.username is not None or any(character.isspace() for character in value):
        raise SettingsRefused(f"{name}: must be an https address without a user name")
    return address


def _port(value: str | None) -> int:
    if value is None:
        return 8000
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:6]) <= 65535):
        raise SettingsRefused("PORT: must be a number from 1 to 65535")
    return int(value)
