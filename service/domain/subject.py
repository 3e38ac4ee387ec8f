"""Whom a valid token speaks for, as its issuer says: a person or a script, and which token it was."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

LEEWAY = timedelta(seconds=30)
"""How far an issuer's clock and ours may be apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Somebody an issuer vouches for. Issuer and subject together are the name; `oid` is Entra's own of a person.

    `token_id` is the issuer's id of the token, or made of what tells it from the subject's other tokens.
    """

    issuer: str
    subject: str
    oid: str | None
    token_id: str
    issued_at: datetime
    expires_at: datetime
    is_script: bool

    @property
    def token(self) -> str:
        """What tells this token from every other, as 64 hexadecimal digits: never the token itself."""
        return digest(self.issuer, self.token_id)

    @property
    def nameless(self) -> str:
        """What tells this subject from every other, without saying who it is."""
        return digest(self.issuer, self.subject)


def digest(*parts: str) -> str:
    """The SHA-256 of these parts, which cannot run into each other."""
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode("utf-8")).hexdigest()
