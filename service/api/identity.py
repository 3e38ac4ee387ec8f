"""Who is calling: a bearer token in, a subject out, or one refusal. The only module that touches python-jose.

python-jose checks less than it seems to, and fails in more ways than it says (kid ignored, `crit` ignored, empty
subject taken, endless lives taken, exceptions of many kinds), so everything but the signature, issuer and audience is
checked here, against the clock that was handed in.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from jose import jwk, jwt
from jose.backends.cryptography_backend import CryptographyRSAKey

from service.api import development_keys
from service.api.issuer_keys import IssuerKeys
from service.errors import NotSignedIn, SettingsRefused
from service.settings import LOOPBACK, Settings

Clock = Callable[[], datetime]

ALGORITHM = "RS256"
TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
LEEWAY = timedelta(seconds=30)
LONGEST_LIFE = timedelta(hours=24)
LONGEST_TOKEN = 8 * 1024
LONGEST_SUBJECT = 255
KEY_BITS = range(2048, 8193)

_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


class _Unfit(Exception):
    """A token we do not take. Never leaves this file."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody an issuer vouches for. Only the two together are a name."""

    issuer: str
    subject: str


class Keys(Protocol):
    """Where verification keys come from."""

    def named(self, kid: str) -> CryptographyRSAKey | None:
        """The key of that name, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Verifier:
    """Takes tokens of one issuer for one audience."""

    issuer: str
    audience: str
    keys: Keys
    clock: Clock

    def verify(self, token: object) -> Subject:
        """The subject of a valid token. Raises NotSignedIn for everything else, whatever is wrong with it."""
        try:
            return self._verified(token)
        except Exception:  # python-jose raises what its inputs provoke, RecursionError included
            raise NotSignedIn from None

    def _verified(self, token: object) -> Subject:
        if not isinstance(token, str) or len(token) > LONGEST_TOKEN or not _SHAPE.fullmatch(token):
            raise _Unfit("shape")
        key = self.keys.named(_kid(jwt.get_unverified_header(token)))
        if key is None:
            raise _Unfit("kid")
        # A `require_exp` here would switch python-jose's own system clock on again, so times are required below.
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=self.audience,
            issuer=self.issuer,
            options={
                "require_aud": True,
                "require_iss": True,
                "require_sub": True,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_at_hash": False,
            },
        )
        _check_times(claims, self.clock())
        return Subject(self.issuer, _subject(claims))


def _kid(header: Mapping[str, Any]) -> str:
    if header.get("alg") != ALGORITHM or "crit" in header:
        raise _Unfit("alg or crit")
    if str(header.get("typ", "JWT")).lower() not in TYPES:
        raise _Unfit("typ")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise _Unfit("kid")
    return kid


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    at, leeway = int(now.timestamp()), int(LEEWAY.total_seconds())
    issued, expires, not_before = (_seconds(claims, name) for name in ("iat", "exp", "nbf"))
    if issued is None or expires is None:
        raise _Unfit("iat and exp")
    if not 0 < expires - issued <= LONGEST_LIFE.total_seconds():
        raise _Unfit("lifetime")
    if issued > at + leeway or expires < at - leeway or (not_before or 0) > at + leeway:
        raise _Unfit("time")


def _seconds(claims: Mapping[str, Any], name: str) -> int | None:
    """A time claim in whole seconds, None when absent. Only integers are taken: no true, no "1", no Infinity."""
    if name not in claims:
        return None
    value = claims[name]
    if type(value) is not int:
        raise _Unfit(name)
    return value


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise _Unfit("sub")
    if subject != subject.strip() or not subject.isprintable():
        raise _Unfit("sub")
    return subject


def verification_key(described: object) -> CryptographyRSAKey | None:
    """The key a JWK describes, or None unless it is a public RSA key of 2,048 to 8,192 bits for RS256 signatures."""
    if not isinstance(described, dict) or described.get("kty") != "RSA":
        return None
    if described.get("use", "sig") != "sig" or described.get("alg", ALGORITHM) != ALGORITHM:
        return None
    try:
        # Only the public numbers: no `alg` (some issuers leave it out), nothing private, no certificate.
        key = jwk.construct({name: described[name] for name in ("kty", "n", "e")}, ALGORITHM)
    except Exception:  # python-jose lets the errors of base64 and of the backend through
        return None
    if not isinstance(key, CryptographyRSAKey) or key.prepared_key.key_size not in KEY_BITS:
        return None
    return key


def keys_of(described: object) -> dict[str, CryptographyRSAKey]:
    """The usable keys of a JWK set, by kid; others in it (EC, encryption, short) are passed over.

    Raises ValueError when it is no JWK set.
    """
    if not isinstance(described, dict) or not isinstance(described.get("keys"), list):
        raise ValueError("not a JWK set")
    usable: dict[str, CryptographyRSAKey] = {}
    for one in described["keys"]:
        key = verification_key(one)
        if key is not None and isinstance(one.get("kid"), str):
            usable.setdefault(one["kid"], key)
    return usable


@dataclass(frozen=True, slots=True)
class FixedKeys:
    """Keys that do not change: those of a development machine."""

    by_kid: Mapping[str, CryptographyRSAKey]

    def named(self, kid: str) -> CryptographyRSAKey | None:
        """The key of that name, or None."""
        return self.by_kid.get(kid)


def verifier_for(settings: Settings, *, clock: Clock) -> Verifier:
    """What the settings trust: the issuer's keys, or in development without an issuer the local key pair."""
    keys: Keys
    if settings.jwks_url is None:
        _refuse_beyond_development(settings)
        keys = FixedKeys(keys_of({"keys": [development_keys.public_jwk(settings.data_dir)]}))
    else:
        elsewhere = urlsplit(settings.jwks_url).hostname not in LOOPBACK
        keys = IssuerKeys(settings.jwks_url, read=keys_of, through_proxy=elsewhere, clock=clock)
        keys.renew()
    return Verifier(settings.oidc_issuer, settings.oidc_audience, keys, clock)


def mint(settings: Settings, subject: str, *, at: datetime, lifetime: timedelta) -> str:
    """A development token for `subject`, valid from `at` (aware) for `lifetime` (at most 24 hours).

    Raises SettingsRefused where such a token must not be, or would not be, believed.
    """
    _refuse_beyond_development(settings)
    if not timedelta(seconds=1) <= lifetime <= LONGEST_LIFE:
        raise ValueError("a token lives from a second to 24 hours")
    issued = int(at.timestamp())
    claims = {
        "iss": settings.oidc_issuer,
        "aud": settings.oidc_audience,
        "sub": subject,
        "iat": issued,
        "exp": issued + int(lifetime.total_seconds()),
    }
    return development_keys.signed(settings.data_dir, claims)


def _refuse_beyond_development(settings: Settings) -> None:
    if settings.production:
        raise SettingsRefused("LOS_ENVIRONMENT: only development mints and trusts tokens of its own")
    if settings.jwks_url is not None:
        raise SettingsRefused("LOS_JWKS_URL: tokens come from that issuer while it is set")
