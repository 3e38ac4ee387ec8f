"""Who is calling: a bearer token in, a subject out, or one refusal. The only module that touches python-jose.

python-jose fails in more ways than it says (kid and `crit` ignored, exceptions of many kinds, a key tried by whichever
algorithm the header names), so it gets one prebuilt public key and that key's own algorithm, and all else is ours.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

import structlog
from jose import jwk, jwt
from jose.backends.cryptography_backend import CryptographyECKey, CryptographyRSAKey
from prometheus_client import Counter

from service.api import claims, development_keys, unambiguous
from service.api.claims import LONGEST_LIFE, Unfit
from service.api.issuer_keys import IssuerKeys
from service.domain.subject import Subject
from service.errors import IssuerAway, NotSignedIn, SettingsRefused
from service.settings import LOOPBACK, Settings

Clock = Callable[[], datetime]

# Both are asymmetric: with an HMAC family beside them, a public key could pass for a secret.
ALGORITHMS = {"RSA": "RS256", "EC": "ES256"}
NUMBERS = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
LONGEST_TOKEN = 8 * 1024
KEY_BITS = range(2048, 8193)
CURVE = "secp256r1"  # P-256
OPTIONS = {
    "require_aud": True,
    "require_iss": True,
    "require_sub": True,
    # A `require_exp` here would switch python-jose's own system clock on again: `claims` requires the times.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_at_hash": False,
}
REFUSED = Counter("los_tokens_refused", "Bearer tokens that are not a valid token of the issuer")

_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key of the issuer, and the one algorithm it verifies."""

    algorithm: str
    key: CryptographyRSAKey | CryptographyECKey


class Keys(Protocol):
    """Where verification keys come from."""

    def named(self, name: str) -> VerificationKey | None:
        """The key of that algorithm and kid (see `key_name`), or None. Raises IssuerAway when none was ever had."""
        ...

    def known(self) -> bool:
        """Whether there have been keys at all."""
        ...


@dataclass(frozen=True, slots=True)
class Verifier:
    """Takes tokens of one issuer for one audience, and of one tenant where one is named."""

    issuer: str
    audience: str
    keys: Keys
    clock: Clock
    tenant: str | None = None

    def verify(self, token: object) -> Subject:
        """The subject of a valid token. Raises NotSignedIn for everything else, whatever is wrong with it.

        Raises IssuerAway while the issuer's keys have never been fetched: nobody can be believed, or refused.
        """
        try:
            return self._verified(token)
        except IssuerAway:
            raise
        except Exception as error:  # python-jose raises what its inputs provoke, RecursionError included
            REFUSED.inc()
            structlog.get_logger().info("token_refused", rule=_rule(error))
        raise NotSignedIn from None

    def ready(self) -> bool:
        """Whether tokens can be verified: false until the issuer's keys have been fetched once."""
        return self.keys.known()

    def _verified(self, token: object) -> Subject:
        if not isinstance(token, str) or len(token) > LONGEST_TOKEN or not _SHAPE.fullmatch(token):
            raise Unfit("shape")
        algorithm, kid = _named(jwt.get_unverified_header(token))
        _read_alike(token)
        found = self.keys.named(key_name(algorithm, kid))
        if found is None or found.algorithm != algorithm:
            raise Unfit("kid")
        said = jwt.decode(
            token, found.key, algorithms=[found.algorithm], audience=self.audience, issuer=self.issuer, options=OPTIONS
        )  # fmt: skip
        return claims.subject_of(said, issuer=self.issuer, tenant=self.tenant, at=self.clock())


def _rule(error: Exception) -> str:
    """Which rule a token broke, in our words: an error of python-jose could hold what the token said."""
    return str(error) if isinstance(error, Unfit) else "signature, issuer or audience"


def _read_alike(token: str) -> None:
    """Raise where another parser than python-jose's could read another name in it, as of a subject said twice."""
    for part in token.split(".")[:2]:
        unambiguous.read(urlsafe_b64decode(f"{part}=="))


def _named(header: Mapping[str, Any]) -> tuple[str, str]:
    """Algorithm and kid of a header; whatever else it offers (`jku`, `jwk`, `x5u`) is not looked at."""
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS.values() or "crit" in header:
        raise Unfit("alg or crit")
    if str(header.get("typ", "JWT")).lower() not in TYPES:
        raise Unfit("typ")
    if not isinstance(kid, str) or not kid:
        raise Unfit("kid")
    return algorithm, kid


def key_name(algorithm: str, kid: str) -> str:
    """What a key is kept under: issuers may use one kid for two keys of different kinds."""
    return f"{algorithm} {kid}"


def verification_key(described: object) -> VerificationKey | None:
    """The key a JWK describes, or None unless it is a public key for signatures of ours.

    RSA of 2,048 to 8,192 bits for RS256, or P-256 for ES256. A key whose private half is published is nobody's.
    """
    if not isinstance(described, dict) or described.get("kty") not in ("RSA", "EC"):
        return None
    kind = described["kty"]
    if described.get("use", "sig") != "sig" or described.get("alg", ALGORITHMS[kind]) != ALGORITHMS[kind]:
        return None
    for_what = described.get("key_ops", ["verify"])
    if not isinstance(for_what, list) or "verify" not in for_what or PRIVATE & described.keys():
        return None
    try:
        # Only the public numbers, and the algorithm from us: some issuers leave `alg` out.
        key = jwk.construct({name: described[name] for name in NUMBERS[kind]}, ALGORITHMS[kind])
    except Exception:  # python-jose lets the errors of base64 and of the backend through
        return None
    # Of the cryptography backend only: the others are slow, or leak by their timing.
    if isinstance(key, CryptographyRSAKey) and key.prepared_key.key_size in KEY_BITS:
        return VerificationKey(ALGORITHMS["RSA"], key)
    if isinstance(key, CryptographyECKey) and key.prepared_key.curve.name == CURVE:
        return VerificationKey(ALGORITHMS["EC"], key)
    return None


def keys_of(described: object) -> dict[str, VerificationKey]:
    """The usable keys of a JWK set, by `key_name`; others in it (encryption, short, other curves) are passed over.

    Of two keys of one kind with one kid the first counts. Raises ValueError when it is no JWK set.
    """
    if not isinstance(described, dict) or not isinstance(described.get("keys"), list):
        raise ValueError("not a JWK set")
    usable: dict[str, VerificationKey] = {}
    for one in described["keys"]:
        key = verification_key(one)
        if key is not None and isinstance(one.get("kid"), str):
            usable.setdefault(key_name(key.algorithm, one["kid"]), key)
    return usable


@dataclass(frozen=True, slots=True)
class FixedKeys:
    """Keys that do not change: those of a development machine."""

    by_name: Mapping[str, VerificationKey]

    def named(self, name: str) -> VerificationKey | None:
        """The key of that name, or None."""
        return self.by_name.get(name)

    def known(self) -> bool:
        """Always: they came with the machine."""
        return True


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
    return Verifier(settings.oidc_issuer, settings.oidc_audience, keys, clock, settings.oidc_tenant)


def mint(settings: Settings, subject: str, *, at: datetime, lifetime: timedelta, script: bool = False) -> str:
    """A development token for `subject`, valid from `at` (aware) for `lifetime` (at most 24 hours).

    `script`: as a script gets one, for an account that pushes extracts. Raises SettingsRefused where such a token must
    not be, or would not be, believed.
    """
    _refuse_beyond_development(settings)
    if not timedelta(seconds=1) <= lifetime <= LONGEST_LIFE:
        raise ValueError("a token lives from a second to 24 hours")
    issued = int(at.timestamp())
    said: dict[str, object] = {
        "iss": settings.oidc_issuer,
        "aud": settings.oidc_audience,
        "sub": subject,
        "iat": issued,
        "exp": issued + int(lifetime.total_seconds()),
    }
    if script:
        said["idtyp"] = "app"
    if settings.oidc_tenant is not None:
        said |= {"tid": settings.oidc_tenant} | ({"roles": ["development"]} if script else {"scp": "development"})
    return development_keys.signed(settings.data_dir, said)


def _refuse_beyond_development(settings: Settings) -> None:
    if settings.production:
        raise SettingsRefused("LOS_ENVIRONMENT: only development mints and trusts tokens of its own")
    if settings.jwks_url is not None:
        raise SettingsRefused("LOS_JWKS_URL: tokens come from that issuer while it is set")
