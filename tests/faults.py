"""A line that can be trusted with nothing: a small TCP proxy that delays, freezes, refuses, cuts, and loses answers."""

import random
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from sqlalchemy.engine import make_url

BLOCK = 65536


class _Wire:
    """One connection through the line: the caller's end, and the server's once it is there."""

    def __init__(self, near: socket.socket) -> None:
        self.near, self.far = near, socket.socket()
        self.answer_lost = False

    def cut(self) -> None:
        """Break both ends without a word, as a cable does."""
        for end in (self.near, self.far):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Line:
    """The line to a server. Nothing is wrong with it until somebody says so; chance comes from `seed` alone."""

    def __init__(self, target: tuple[str, int] | str, *, seed: int = 0) -> None:
        self._target, self._chance = target, random.Random(seed)
        self._guard = threading.Lock()
        self._flows = threading.Event()
        self._flows.set()
        self._wires: set[_Wire] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.refused = 0.0
        """The share of connections that are refused."""
        self.latency = 0.0
        self.loses: Callable[[bytes], bool] = lambda _asked: False
        """Whether the answer to what was just asked is lost, and the connection with it."""
        self.lost = self.turned_away = 0
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "Line":
        self._accepting.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._flows.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._accepting.join(5)

    def freeze(self) -> None:
        """Take everything and pass nothing on."""
        self._flows.clear()

    def thaw(self) -> None:
        """Pass on what was taken meanwhile, however late, and all that comes."""
        self._flows.set()

    def cut(self) -> None:
        """Break every connection there is."""
        with self._guard:
            wires = list(self._wires)
        for wire in wires:
            wire.cut()

    def happens(self, share: float) -> bool:
        """Whether chance strikes this time."""
        with self._guard:
            return self._chance.random() < share

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                wire = _Wire(near)
                if self.happens(self.refused):
                    self.turned_away += 1
                    wire.cut()
                    continue
                with self._guard:
                    self._wires.add(wire)
                threading.Thread(target=self._carry, args=(wire,), daemon=True).start()

    def _carry(self, wire: _Wire) -> None:
        """Connect to the server and carry both ways until either end is gone."""
        try:
            self._flows.wait()
            wire.far.close()
            wire.far = _connected(self._target)
            there = threading.Thread(target=self._there, args=(wire,), daemon=True)
            there.start()
            self._back(wire)
            there.join()
        except OSError:
            pass
        finally:
            wire.cut()
            with self._guard:
                self._wires.discard(wire)

    def _there(self, wire: _Wire) -> None:
        with suppress(OSError):
            while asked := wire.near.recv(BLOCK):
                self._delay()
                wire.answer_lost = wire.answer_lost or self.loses(asked)
                wire.far.sendall(asked)
        wire.cut()

    def _back(self, wire: _Wire) -> None:
        with suppress(OSError):
            while answer := wire.far.recv(BLOCK):
                self._delay()
                if wire.answer_lost:
                    self.lost += 1
                    break
                wire.near.sendall(answer)
        wire.cut()

    def _delay(self) -> None:
        if self.latency:
            threading.Event().wait(self.latency)
        self._flows.wait()


def _connected(target: tuple[str, int] | str) -> socket.socket:
    if not isinstance(target, str):
        return socket.create_connection(target)
    far = socket.socket(socket.AF_UNIX)
    far.connect(target)
    return far


def line_to(url: str, *, seed: int = 0) -> tuple[Line, str]:
    """A line to the PostgreSQL of a SQLAlchemy address, and the address that goes through it."""
    address = make_url(url)
    folder = address.query.get("host")
    port = address.port or 5432
    target = f"{folder}/.s.PGSQL.{port}" if isinstance(folder, str) else (address.host or "127.0.0.1", port)
    line = Line(target, seed=seed)
    through = address.set(host="127.0.0.1", port=line.port, query={"sslmode": "disable", "gssencmode": "disable"})
    return line, through.render_as_string(hide_password=False)
