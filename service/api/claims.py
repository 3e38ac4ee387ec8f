"""What the claims of a signed token must say before anybody is believed: times, names, tenant, person or script.

python-jose checks less than it seems to (no `iat`, empty subjects, endless lives), so all but the signature, issuer
and audience is checked here, against the clock that was handed in.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from service.domain.subject import LEEWAY, Subject, digest

LONGEST_LIFE = timedelta(hours=24)
LONGEST_NAME = 255
OF_ID_TOKENS = ("nonce", "at_hash", "c_hash")
KINDS = {"app": True, "user": False}


class Unfit(Exception):
    """A token we do not take. Says which rule, never what the token said."""


def subject_of(claims: Mapping[str, Any], *, issuer: str, tenant: str | None, at: datetime) -> Subject:
    """Whom the claims of a token of `issuer` speak for at `at`. Raises Unfit."""
    issued, expires = _times(claims, at)
    if any(name in claims for name in OF_ID_TOKENS):
        raise Unfit("an ID token")
    if tenant is not None and claims.get("tid") != tenant:
        raise Unfit("tid")
    subject = _name(claims, "sub")
    if subject is None:
        raise Unfit("sub")
    token_id = _name(claims, "jti") or _name(claims, "uti") or f"~{digest(subject, str(issued), str(expires))[:40]}"
    return Subject(
        issuer=issuer,
        subject=subject,
        oid=_name(claims, "oid"),
        token_id=token_id,
        issued_at=datetime.fromtimestamp(issued, UTC),
        expires_at=datetime.fromtimestamp(expires, UTC),
        is_script=_is_script(claims, tenant),
    )


def _times(claims: Mapping[str, Any], now: datetime) -> tuple[int, int]:
    at, leeway = int(now.timestamp()), int(LEEWAY.total_seconds())
    issued, expires, not_before = (_seconds(claims, name) for name in ("iat", "exp", "nbf"))
    if issued is None or expires is None:
        raise Unfit("iat and exp")
    if not 0 < expires - issued <= LONGEST_LIFE.total_seconds():
        raise Unfit("lifetime")
    if issued > at + leeway or expires < at - leeway or (not_before or 0) > at + leeway:
        raise Unfit("time")
    return issued, expires


def _seconds(claims: Mapping[str, Any], name: str) -> int | None:
    """A time claim in whole seconds, None when absent. Only integers are taken: no true, no "1", no Infinity."""
    if name not in claims:
        return None
    value = claims[name]
    if type(value) is not int:
        raise Unfit(name)
    return value


def _name(claims: Mapping[str, Any], name: str) -> str | None:
    """A claim that names something, None when absent: printable text without spaces around it."""
    if name not in claims:
        return None
    value = claims[name]
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        raise Unfit(name)
    if value != value.strip() or not value.isprintable():
        raise Unfit(name)
    return value


def _is_script(claims: Mapping[str, Any], tenant: str | None) -> bool:
    """Whether a script asks for itself, by `idtyp`. What acts for somebody has `scp`: never both.

    A tenant's issuer is Entra, which signs ID tokens and tokens without `idtyp` with the same keys: there a person's
    token must say `scp` and a script's `roles`. Other issuers need not know either claim.
    """
    kind = claims.get("idtyp", "user")
    if not isinstance(kind, str) or kind not in KINDS:
        raise Unfit("idtyp")
    is_script = KINDS[kind]
    if is_script and "scp" in claims:
        raise Unfit("scp")
    if tenant is not None and is_script and not _roles(claims.get("roles")):
        raise Unfit("roles")
    if tenant is not None and not is_script and not _text(claims.get("scp")):
        raise Unfit("scp")
    return is_script


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _roles(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_text(each) for each in value)
