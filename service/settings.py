"""Settings: read once from LOS_* variables, frozen, handed down as a value; bad ones stop the start."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from service import places
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
        "LOS_OIDC_TENANT",
        "LOS_ALLOWED_HOSTS",
        "LOS_BACKUP_KEY_FILE",
        "LOS_MAPPING_FILE",
    }
)
_READ_BY_SCRIPTS = frozenset({"LOS_URL", "LOS_TOKEN"})
_TEST_PREFIX = "LOS_TEST_"
# What makes Python or what stands on it talkative, or slow, or stop for a debugger.
_DEBUGS = ("DEBUG", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONINSPECT", "SQLALCHEMY_ECHO")
_OFF = frozenset({"", "0", "false", "no", "off"})
_DEVELOPMENT_KEY = "development-key.pem"
_SHORTEST_SECRET = 32
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]", re.ASCII)
_PSYCOPG = "postgresql+psycopg://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a deployment decides. `jwks_url` is None when development trusts its own key pair instead.

    `oidc_tenant`: the only one whose tokens are taken. `allowed_hosts`: the only names answered to; empty in
    development alone, which answers to all.
    """

    environment: Environment = Environment.DEVELOPMENT
    data_dir: Path = Path("var")
    database_url: str = field(default="sqlite:///var/line-of-sight.db", repr=False)
    oidc_issuer: str = DEVELOPMENT_ISSUER
    oidc_audience: str = DEVELOPMENT_AUDIENCE
    oidc_tenant: str | None = None
    jwks_url: str | None = None
    allowed_hosts: frozenset[str] = frozenset()
    backup_key_file: Path | None = None
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
    ours = {name: value for name, value in env.items() if name.upper().startswith("LOS_") or name == "PORT"}
    given = {name: value for name, value in ours.items() if value}
    _refuse_unknown(given)
    environment = _environment(given.get("LOS_ENVIRONMENT"))
    data_dir = Path(given.get("LOS_DATA_DIR", "var"))
    if environment is Environment.PRODUCTION:
        _refuse_in_production(given, env, data_dir)
    mapping_file = given.get("LOS_MAPPING_FILE")
    return Settings(
        environment=environment,
        data_dir=data_dir,
        database_url=_database_url(given.get("LOS_DATABASE_URL"), data_dir),
        oidc_issuer=given.get("LOS_OIDC_ISSUER", DEVELOPMENT_ISSUER),
        oidc_audience=_name("LOS_OIDC_AUDIENCE", given.get("LOS_OIDC_AUDIENCE")) or DEVELOPMENT_AUDIENCE,
        oidc_tenant=_name("LOS_OIDC_TENANT", given.get("LOS_OIDC_TENANT")),
        jwks_url=_jwks_url(given.get("LOS_JWKS_URL"), environment),
        allowed_hosts=_hosts(given.get("LOS_ALLOWED_HOSTS")),
        backup_key_file=_secret("LOS_BACKUP_KEY_FILE", given.get("LOS_BACKUP_KEY_FILE")),
        mapping_file=Path(mapping_file) if mapping_file else None,
        port=_port(given.get("PORT")),
    )


def _refuse_in_production(given: Mapping[str, str], env: Mapping[str, str], data_dir: Path) -> None:
    """Refuse what only development may do, and whatever leaves in doubt whose token or whose database it is."""
    _require(
        given, "LOS_DATABASE_URL", "LOS_OIDC_ISSUER", "LOS_OIDC_AUDIENCE", "LOS_JWKS_URL", "LOS_ALLOWED_HOSTS"
    )  # fmt: skip
    places.secure("LOS_OIDC_ISSUER", given["LOS_OIDC_ISSUER"])
    places.of_one_tenant("LOS_OIDC_ISSUER", given["LOS_OIDC_ISSUER"])
    places.in_the_world("LOS_JWKS_URL", places.secure("LOS_JWKS_URL", given["LOS_JWKS_URL"]))
    if given["LOS_OIDC_ISSUER"] == DEVELOPMENT_ISSUER:
        raise SettingsRefused("LOS_OIDC_ISSUER: development's own issuer vouches for nobody in production")
    if (data_dir / _DEVELOPMENT_KEY).exists():
        raise SettingsRefused("LOS_DATA_DIR: holds a development key; production has a folder of its own")
    if not _database_url(given["LOS_DATABASE_URL"], data_dir).startswith("sqlite"):
        places.verified("LOS_DATABASE_URL", given["LOS_DATABASE_URL"], env)
    for name in _DEBUGS:
        if env.get(name, "").strip().lower() not in _OFF:
            raise SettingsRefused(f"{name}: must not be set in production")


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
    if environment is Environment.DEVELOPMENT and places.web_address("LOS_JWKS_URL", value).hostname in LOOPBACK:
        return value
    places.secure("LOS_JWKS_URL", value)
    return value


def _name(name: str, value: str | None) -> str | None:
    if value is not None and (value != value.strip() or not value.isprintable()):
        raise SettingsRefused(f"{name}: must be a name without spaces around it")
    return value


def _hosts(value: str | None) -> frozenset[str]:
    """Host names out of a comma list: plain ones, since a pattern that fits any is as good as no list."""
    named = [each.strip().lower() for each in (value or "").split(",")] if value else []
    if not all(_HOST.fullmatch(each) for each in named):
        raise SettingsRefused("LOS_ALLOWED_HOSTS: must be host names with commas between, no patterns and no ports")
    return frozenset(named)


def _secret(name: str, value: str | None) -> Path | None:
    """The file of a secret, which must be long enough not to be guessed."""
    if value is None:
        return None
    try:
        size = Path(value).stat().st_size if Path(value).is_file() else 0
    except OSError:
        size = 0
    if size < _SHORTEST_SECRET:
        raise SettingsRefused(f"{name}: must name a file of at least {_SHORTEST_SECRET} bytes")
    return Path(value)


def _port(value: str | None) -> int:
    if value is None:
        return 8000
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:6]) <= 65535):
        raise SettingsRefused("PORT: must be a number from 1 to 65535")
    return int(value)
