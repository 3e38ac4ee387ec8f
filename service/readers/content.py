"""A file as lines of text, read piece by piece: from its bytes, or from wherever it is kept."""

import codecs
import io
from collections.abc import Callable, Iterator
from typing import BinaryIO

MAX_LINE = 1024 * 1024
"""Characters in one line: a file without line ends is not read into memory to find that out."""

Opens = Callable[[], BinaryIO]
"""What opens a file for reading from its beginning, each time it is called."""
Content = bytes | Opens
"""A file: its bytes, or what opens it."""


class Unreadable(Exception):
    """The whole file cannot be read from this line on: (line, code, what is allowed)."""

    def __init__(self, line: int, code: str, allowed: str) -> None:
        super().__init__(code)
        self.line, self.code, self.allowed = line, code, allowed


def opener(content: Content) -> Opens:
    """What opens a file, whichever way it was given."""
    return (lambda: io.BytesIO(content)) if isinstance(content, bytes) else content


def lines(opens: Opens, newline: str) -> Iterator[tuple[int, str]]:
    """(number, line with its end) one by one; with `newline` "" a line ends at CR too, as in CSV.

    Raises Unreadable at a line without end, and where the bytes stop being UTF-8.
    """
    number = 0
    try:
        with io.TextIOWrapper(opens(), "utf-8-sig", newline=newline) as text:
            while line := text.readline(MAX_LINE):
                number += 1
                if len(line) == MAX_LINE:
                    raise Unreadable(number, "line_too_long", f"fewer than {MAX_LINE} characters in a line")
                yield number, line
    except UnicodeDecodeError:
        raise Unreadable(_undecodable_line(opens), "wrong_encoding", "UTF-8, with or without BOM") from None


def first_character(opens: Opens) -> str:
    """The first character that is not blank; none in an empty file."""
    return next((line.strip()[:1] for _, line in lines(opens, "\n") if line.strip()), "")


def _undecodable_line(opens: Opens) -> int:
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with opens() as stream:
        while True:
            block = stream.read(MAX_LINE)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as fault:
                return line + fault.object.count(b"\n", 0, fault.start)
            if not block:
                return line
            line += block.count(b"\n")
