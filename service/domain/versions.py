"""What the record is asked to remember: a version of a fact, before it has an id and a time."""

from dataclasses import dataclass

from service.domain.facts import Confidence, Fact, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A version to be added, and the ids of the versions of the same stream it closes.

    A stream is (fact, source, source_ref). `proposed`: better news that counts once a second person approves.
    """

    fact: Fact
    person_id: str
    fact_id: str
    source: Source
    source_ref: str = ""
    confidence: Confidence = Confidence.CONFIRMED
    proposed: bool = False
    reason: str | None = None
    flags: tuple[str, ...] = ()
    closes: tuple[str, ...] = ()
