"""A file in frames: compressed, sealed with a key or a hash, numbered and closed, so that any damage is noticed."""

import errno
import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from service.errors import BackupRefused

MAGIC = b"Line of Sight backup 1\n"
KEYED, PLAIN = b"k", b"n"
SALT = CHECK = 16
FRAME = 1024 * 1024
"""Compressed bytes to a frame: what is held in memory at a time, and what one seal covers."""
LONGEST = 256 * 1024 * 1024
"""Bytes of the longest line that is read: more is no backup, but something that grows when it is unpacked."""
KEY_LEAST = 32
COST = 2**15
"""What trying a key costs (scrypt): a tenth of a second and 32 MiB, in case a key file holds words."""
PARTIAL = ".partial"
# What a share answers whose file system has no links, or no folders to be seen to the disk.
UNKNOWN_THERE = frozenset({errno.EPERM, errno.ENOTSUP, errno.EINVAL})

# (number of the frame, whether it is the last, its bytes) -> the bytes sealed, or opened again.
Seal = Callable[[int, bool, bytes], bytes]


def key_in(path: Path) -> bytes:
    """The bytes of a key file. Raises BackupRefused when it cannot be read or is too short to be a key."""
    try:
        key = path.read_bytes()
    except OSError as error:
        raise BackupRefused(f"The key file cannot be read: {error.strerror}") from None
    if len(key) < KEY_LEAST:
        raise BackupRefused(f"The key file is too short: a key has at least {KEY_LEAST} bytes")
    return key


def write(path: Path, lines: Iterable[bytes], *, key: bytes | None) -> None:
    """Write lines to a new file beside `path`, for its owner's eyes only, and see that they are on the disk.

    It gets its name by `keep`, once it has been read back. Raises BackupRefused when a file is there already.
    """
    partial = beside(path)
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise _unwritable(error, f"{partial.name} is there: a backup is under way, or one was cut off") from None
    try:
        with os.fdopen(handle, "wb") as file:
            if path.exists() or path.is_symlink():
                raise BackupRefused("A file of that name is there already; a backup is never written over")
            file.writelines(_frames(lines, key))
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(error) from None
        raise


def beside(path: Path) -> Path:
    """Where a file stands while it is written."""
    return path.with_name(path.name + PARTIAL)


def keep(path: Path) -> None:
    """Give the file that was written its name, and see that the folder has it on the disk."""
    try:
        _name(beside(path), path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        except OSError as error:
            if error.errno not in UNKNOWN_THERE:
                raise
        finally:
            os.close(folder)
    except OSError as error:
        raise _unwritable(error) from None


def _name(partial: Path, path: Path) -> None:
    try:
        os.link(partial, path)  # unlike a rename, it never takes the place of another file
        partial.unlink()
    except OSError as error:
        if error.errno not in UNKNOWN_THERE or path.exists():
            raise
        partial.rename(path)


def forget(path: Path) -> None:
    """Delete the file that was written and will not be kept."""
    beside(path).unlink(missing_ok=True)


def read(path: Path, *, key: bytes | None) -> Iterator[bytes]:
    """The lines of a file, each without its end. Raises BackupRefused at the first sign of damage."""
    try:
        with path.open("rb") as file:
            yield from _lines(_pieces(file, key))
    except OSError as error:
        raise BackupRefused(f"The backup cannot be read: {error.strerror}") from None


def _unwritable(error: OSError, there: str = "") -> BackupRefused:
    exists = isinstance(error, FileExistsError) and there
    return BackupRefused(there if exists else f"The backup cannot be written: {error.strerror}")


def _derived(key: bytes, salt: bytes) -> tuple[AESGCM, bytes]:
    """A key of this file's own, and bytes by which a wrong key file is told from damage."""
    made = Scrypt(salt=salt, length=32 + CHECK, n=COST, r=8, p=1).derive(key)
    return AESGCM(made[:32]), made[32:]


def _frames(lines: Iterable[bytes], key: bytes | None) -> Iterator[bytes]:
    header = MAGIC + PLAIN
    seal = _hashing(header)
    if key is not None:
        salt = os.urandom(SALT)
        cipher, check = _derived(key, salt)
        header = MAGIC + KEYED + salt + check
        seal = _sealing(cipher, header)
    yield header
    for number, (piece, last) in enumerate(_compressed(lines)):
        body = seal(number, last, piece)
        yield len(body).to_bytes(4) + last.to_bytes() + body


def _compressed(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    packing, held = zlib.compressobj(), bytearray()
    for line in lines:
        held += packing.compress(line)
        while len(held) >= FRAME:
            yield bytes(held[:FRAME]), False
            del held[:FRAME]
    held += packing.flush()
    while len(held) > FRAME:
        yield bytes(held[:FRAME]), False
        del held[:FRAME]
    yield bytes(held), True


def _pieces(file: BinaryIO, key: bytes | None) -> Iterator[bytes]:
    """The frames of a file, opened: each where it belongs, the last one marked, and nothing after it."""
    opened = _opener(file, key)
    number, last = 0, False
    while not last:
        head = _exactly(file, 5)
        last = head[4] == 1
        size = int.from_bytes(head[:4])
        if head[4] > 1 or size > FRAME + 64:
            raise _damaged()
        yield opened(number, last, _exactly(file, size))
        number += 1
    if file.read(1):
        raise _damaged()


def _opener(file: BinaryIO, key: bytes | None) -> Seal:
    if file.read(len(MAGIC)) != MAGIC:
        raise BackupRefused("This is no backup of Line of Sight, or its beginning is damaged")
    kind = file.read(1)
    if kind == PLAIN:
        if key is not None:
            raise BackupRefused("This backup is not encrypted: it needs --unencrypted, and no key")
        return _unhashing(MAGIC + kind)
    if kind != KEYED:
        raise _damaged()
    if key is None:
        raise BackupRefused("This backup is encrypted: it needs its key file")
    salt = _exactly(file, SALT)
    cipher, check = _derived(key, salt)
    if _exactly(file, CHECK) != check:
        raise BackupRefused("This key file does not open this backup, or its beginning is damaged")
    return _unsealing(cipher, MAGIC + kind + salt + check)


def _exactly(file: BinaryIO, size: int) -> bytes:
    said = file.read(size)
    if len(said) != size:
        raise BackupRefused("The backup is cut short: it ends before its end was written")
    return said


def _damaged() -> BackupRefused:
    return BackupRefused("The backup is damaged: it is not what was written")


def _place(header: bytes, number: int, last: bool) -> bytes:
    """What a seal covers beside the bytes: a frame holds in this file, at this place, and nowhere else."""
    return header + number.to_bytes(8) + last.to_bytes()


def _sealing(cipher: AESGCM, header: bytes) -> Seal:
    # The key is this file's alone, so a frame's number is a nonce that never comes twice.
    return lambda number, last, body: cipher.encrypt(number.to_bytes(12), body, _place(header, number, last))


def _unsealing(cipher: AESGCM, header: bytes) -> Seal:
    def opened(number: int, last: bool, body: bytes) -> bytes:
        try:
            return cipher.decrypt(number.to_bytes(12), body, _place(header, number, last))
        except InvalidTag:
            raise _damaged() from None

    return opened


def _hashing(header: bytes) -> Seal:
    return lambda number, last, body: hashlib.sha256(_place(header, number, last) + body).digest() + body


def _unhashing(header: bytes) -> Seal:
    def opened(number: int, last: bool, body: bytes) -> bytes:
        said = body[32:]
        if hashlib.sha256(_place(header, number, last) + said).digest() != body[:32]:
            raise _damaged()
        return said

    return opened


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    unpacking, rest = zlib.decompressobj(), b""
    try:
        for piece in pieces:
            more = True
            while more:
                said = unpacking.decompress(piece, FRAME)
                piece = unpacking.unconsumed_tail
                more = bool(piece) or len(said) == FRAME
                *whole, rest = (rest + said).split(b"\n")
                if len(rest) > LONGEST:
                    raise _damaged()
                yield from whole
    except zlib.error:
        raise _damaged() from None
    if rest or not unpacking.eof or unpacking.unused_data:
        raise _damaged()
