"""What a serving process does beside answering: it seals the audit, once a minute."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import structlog
from sqlalchemy import Engine

from service.errors import Busy
from service.operations import sealing
from service.store.engine import Clock

SEAL_EVERY = 60.0
PATIENCE = 0.5  # writers who begin meanwhile wait as long; an intake is not waited for: it is the next minute's
log = structlog.get_logger()


@contextmanager
def sealing_on(engine: Engine, clock: Clock, *, every: float = SEAL_EVERY) -> Iterator[None]:
    """Seal the audit every so many seconds, in a thread of its own, for as long as the block runs."""
    stop = Event()
    thread = Thread(target=_keep_sealing, args=(engine, clock, stop, every), name="sealing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)


def _keep_sealing(engine: Engine, clock: Clock, stop: Event, every: float) -> None:
    while not stop.wait(every):
        seal_once(engine, clock)


def seal_once(engine: Engine, clock: Clock) -> None:
    """Seal what there is. Whatever goes wrong is logged and left to the next minute: the audit itself is safe."""
    try:
        sealed = sealing.seal(engine, clock, patience=PATIENCE)
    except Busy:
        log.info("sealing_waits")
        return
    except sealing.Unreadable as passed:
        log.error("sealing_unreadable", entries=len(passed.audit_ids))
        sealed = passed.sealed
    except Exception as error:  # the thread lives on: an unsealed audit shows in the metrics
        log.error("sealing_failed", kind=type(error).__name__)
        return
    if sealed.entries:
        log.info("sealed", entries=sealed.entries, number=sealed.head.number, head=sealed.head.hash)
