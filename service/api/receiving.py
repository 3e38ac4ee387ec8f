"""A large body on its way in: hashed, counted and unpacked as it comes; kept in a nameless file, not in memory."""

import hashlib
import zlib
from collections.abc import AsyncIterator, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from anyio.to_thread import run_sync
from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from service.api.dependencies import Caller, TheDoor, admitted
from service.domain.access import Permission
from service.errors import CutShort, EncodingUnknown, TooLarge, Unprocessable
from service.store.engine import reading
from service.store.extracts import CHUNK, Content

MOST_UNPACKED = 256 * 1024 * 1024
"""Bytes of a dataset once unpacked. What may come over the wire is the middleware's LARGE, 64 MiB."""
RATIO = 250
"""Times the packed size: a table that says the same in every row stays below, a bomb goes up to a thousand."""
RATIO_FROM = 16 * 1024 * 1024
MEMBERS = 10_000
SLICE = 16 * 1024
BLOCK = 256 * 1024
ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip"})


class Spool:
    """Bytes as they come: put in with `take`, closed with `done`, read again through `content`."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self._file, self._hash, self._size = file, hashlib.sha256(), 0
        self._unpacker = _Unpacker() if encoding.endswith("gzip") else None

    def take(self, data: bytes) -> None:
        """The next bytes of the body."""
        for piece in self._unpacker.unpacked(data) if self._unpacker else (data,):
            self._size += len(piece)
            self._bounded()
            self._hash.update(piece)
            self._file.write(piece)

    def _bounded(self) -> None:
        packed = self._unpacker.packed if self._unpacker else self._size
        if self._size > MOST_UNPACKED or (self._size > RATIO_FROM and self._size > packed * RATIO):
            raise TooLarge(("body", "unpacks_too_large", f"at most {MOST_UNPACKED} bytes unpacked"))

    def done(self) -> None:
        """There is no more to come."""
        if self._unpacker and not self._unpacker.whole:
            raise _malformed()

    def content(self) -> Content:
        """What came, from the beginning."""
        return Content(self._pieces(), self._size, self._hash.hexdigest())

    def _pieces(self) -> Iterator[bytes]:
        self._file.seek(0)
        while piece := self._file.read(CHUNK):
            yield piece


class _Unpacker:
    """gzip, in as many members as there are; never more than CHUNK bytes of it at a time."""

    def __init__(self) -> None:
        self.packed = 0
        self._members = 0
        self._member: Any = None

    @property
    def whole(self) -> bool:
        """Whether the last member came to its end."""
        return self._members > 0 and self._member is None

    def unpacked(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes of the stream hold."""
        for start in range(0, len(data), SLICE):
            part = data[start : start + SLICE]
            self.packed += len(part)
            while part := part if self._member else part.lstrip(b"\0"):  # members may be padded with zeros
                self._begin()
                try:
                    piece = self._member.decompress(part, CHUNK)
                except zlib.error:
                    raise _malformed() from None
                if piece:
                    yield piece
                part = self._rest()

    def _begin(self) -> None:
        if self._member is None:
            self._member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            self._members += 1
        if self._members > MEMBERS:
            raise _malformed()

    def _rest(self) -> bytes:
        if not self._member.eof:
            return bytes(self._member.unconsumed_tail)
        rest, self._member = bytes(self._member.unused_data), None
        return rest


def _malformed() -> Unprocessable:
    return Unprocessable(("body", "malformed_gzip", "a whole gzip stream, as content-encoding says"))


def receiving(permission: Permission) -> Any:
    """Depends: the body as Content, for a user with this permission.

    Who may not send it is told before it is read. No transaction is open while it comes, however slowly.
    """

    async def receive(request: Request, door: TheDoor, subject: Caller) -> AsyncIterator[Content]:
        def admit() -> None:
            with reading(door.engine) as session:
                admitted(session, subject, permission, request, at=door.clock())

        await run_sync(admit)
        encoding = request.headers.get("content-encoding", "").strip().lower()
        if encoding not in ENCODINGS:
            raise EncodingUnknown(("content-encoding", "unsupported_encoding", "gzip, or none"))
        with SpooledTemporaryFile(max_size=CHUNK) as file:
            spool = Spool(file, encoding)
            async for block in _blocks(request):
                await run_sync(spool.take, block)
            spool.done()
            yield spool.content()

    return Depends(receive, scope="function")


async def _blocks(request: Request) -> AsyncIterator[bytes]:
    """The body in blocks worth a thread's while."""
    waiting = bytearray()
    try:
        async for data in request.stream():
            waiting += data
            if len(waiting) >= BLOCK:
                yield bytes(waiting)
                waiting.clear()
    except ClientDisconnect:
        raise CutShort from None
    if waiting:
        yield bytes(waiting)
