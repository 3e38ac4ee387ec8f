"""Answers kept as bytes, each for one account, while nothing they rest on has changed. Bounded; lost at restart."""

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import date, datetime
from threading import Lock
from typing import Annotated

from fastapi import Depends, Header, Response

from service.domain.access import User
from service.operations.tracker import Computed
from service.store.changes import Mark

MOST_BYTES = 32 * 1024 * 1024
PART = 2000  # bytes that one person's part of a tracker takes, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was shown to one account, and what must still be so for it to be shown again."""

    user: User
    people: tuple[str, ...]
    mark: Mark
    today: date
    computed_at: datetime
    good_until: datetime
    body: bytes
    digest: str
    media_type: str
    headers: dict[str, str]
    zipped: bytes | None = None
    basis: Computed | None = None

    @property
    def size(self) -> int:
        """Bytes it takes, roughly."""
        basis = PART * len(self.basis.parts) if self.basis else 0
        return len(self.body) + len(self.zipped or b"") + sum(map(len, self.people)) + basis

    def stands_for(self, user: User, *, at: datetime, today: date) -> bool:
        """Whether it still reads so to this user, as far as access and the clock go."""
        same = replace(user, at=None) == replace(self.user, at=None)
        return same and today == self.today and self.computed_at <= at < self.good_until


def digest_of(body: bytes) -> str:
    """What tells these bytes from any others, short enough for a header."""
    return hashlib.sha256(body).hexdigest()[:32]


class Kept:
    """The answers of one process; those not asked for longest go first. No other worker needs to know of them."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most, self._bytes, self._lock = most, 0, Lock()
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()

    def get(self, key: Hashable) -> Answer | None:
        """What was kept there last."""
        with self._lock:
            found = self._answers.get(key)
            if found is not None:
                self._answers.move_to_end(key)
            return found

    def put(self, key: Hashable, answer: Answer) -> None:
        """Keep it instead of what was kept there; never anything that would push most of the others out."""
        with self._lock:
            self._drop(key)
            if answer.size > self._most // 4:
                return
            self._answers[key] = answer
            self._bytes += answer.size
            while self._bytes > self._most:
                self._drop(next(iter(self._answers)))

    def _drop(self, key: Hashable) -> None:
        gone = self._answers.pop(key, None)
        self._bytes -= gone.size if gone else 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request says of the answer it has and of the encodings it takes."""

    tags: str | None
    encodings: str | None

    @property
    def zipped(self) -> bool:
        """Whether gzip is welcome (RFC 9110, 12.5.3)."""
        weights = {}
        for each in (self.encodings or "").lower().split(","):
            name, _, weight = each.partition(";")
            weights[name.strip()] = weight.replace(" ", "").removeprefix("q=")
        said = weights.get("gzip", weights.get("*"))
        return said is not None and (said == "" or said.strip("0.") != "")

    def has(self, digest: str) -> bool:
        """Whether the one who asks has these bytes, in whichever encoding."""
        tags = {tag.strip().removeprefix("W/").strip('"').removesuffix(ZIPPED) for tag in (self.tags or "").split(",")}
        return digest in tags or "*" in tags


ZIPPED = "-gzip"  # two encodings are two representations, so a strong tag must tell them apart


async def wanted(
    if_none_match: Annotated[
        str | None, Header(description="The ETag of the answer you have: 304 if it would be the same")
    ] = None,
    accept_encoding: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Wanted:
    """What a request says of the answer it wants."""
    return Wanted(if_none_match, accept_encoding)


AsWanted = Annotated[Wanted, Depends(wanted)]


def zipped(answer: Answer) -> Answer:
    """The answer with its bytes in gzip too."""
    return answer if answer.zipped is not None else replace(answer, zipped=gzip.compress(answer.body, 1))


def shown(answer: Answer, want: Wanted) -> Response:
    """The answer as wanted: nothing but 304 to whoever has it, in gzip where that is welcome and made."""
    packed = answer.zipped if want.zipped else None
    headers = {"ETag": f'"{answer.digest}{ZIPPED if packed else ""}"', "Vary": "Accept-Encoding"}
    if want.has(answer.digest):
        return Response(status_code=304, headers=headers)
    encoding = {"Content-Encoding": "gzip"} if packed else {}
    return Response(packed or answer.body, headers=answer.headers | headers | encoding, media_type=answer.media_type)
