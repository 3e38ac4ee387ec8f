"""Everything held on one person, gathered for a subject access request, with what a person has to look at first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from service.domain.conflicts import conflicts_of
from service.domain.facts import KINDS
from service.errors import SealedByAdoption
from service.operations.rights import officers, review
from service.store import audit, facts, reference, rights, settlements
from service.store.rights import Subject

ACT = "rights.subject_access"
WORKER_REFS = frozenset({"worker_ref", "personal_adviser_ref"})
NOT_AS_IT_IS = (
    "Not to be handed over as it is. A person decides what of it may be: other people's data (section `review`), and "
    "the exemptions, among them serious harm (Data Protection Act 2018, Schedule 3), adoption records and "
    "proceedings in court."
)
READ_FIRST = (
    NOT_AS_IT_IS,
    "Every version of every fact is here, those since corrected, not yet approved or withdrawn too.",
    "`recipients` are those who saw or changed something, by the audit, also where the person was one of a list.",
    "Not here: files of a push that waits for a decision, backups, and anything Eclipse holds and has not sent.",
)


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


# Section -> what stands in it -> the table.
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "who": {"record": "person"} | _same("person_identifier", "person_merge"),
    "facts": {kind: f"fact_{kind}" for kind in KINDS},
    "decisions": _same("approval", "withdrawal", "settlement"),
    "intake": _same("held_change", "row_issue", "fact_alias"),
    "first_load": _same("campaign_person", "campaign_answer"),
    "access": _same("restriction", "allowed", "clearing", "referral", "emergency_access"),
    "retention": _same("legal_hold", "erasure"),
}


@dataclass(frozen=True, slots=True)
class Export:
    """All that is held on somebody: whom, how many rows of each sort, and the file itself, as plain values."""

    whom: Subject
    counts: Mapping[str, int]
    document: Mapping[str, Any]


def gather(session: Session, whom: Subject, *, include_sealed: bool, at: datetime) -> Export:
    """Gather it, in one snapshot. Raises SealedByAdoption for a sealed record unless a sealed one was asked for."""
    if whom.sealed and not include_sealed:
        raise SealedByAdoption(about=whom.named)
    held = rights.rows(session, whom.ids)
    sections: dict[str, Any] = {
        section: {kind: _plain(held[name]) for kind, name in names.items()} for section, names in SECTIONS.items()
    }
    sections["decisions"]["conflicts"] = _conflicts(session, whom, at)
    accounts = rights.accounts(session)
    seen = [{**row, "name": accounts.get(row["by_user"])} for row in rights.recipients(session, whom.ids)]
    sections["recipients"] = _plain(seen)
    sections["workers"] = _workers(session, sections["facts"])
    sections["accounts"] = _accounts(sections, accounts)
    counts = {name: len(rows) for part in sections.values() if isinstance(part, dict) for name, rows in part.items()}
    counts |= {name: len(sections[name]) for name in ("recipients", "workers", "accounts")}
    looked_at = review.listed(sections, whom.ids)
    return Export(whom, counts, {"head": _head(whom, counts, at), "review": looked_at, **sections})


def _head(whom: Subject, counts: Mapping[str, int], at: datetime) -> dict[str, Any]:
    return {
        "person_id": whom.person_id, "records": list(whom.ids), "known_at": at.isoformat(), "made_by": None,
        "reason": None, "restricted": whom.restricted, "sealed_by_adoption": whom.sealed,
        "read_first": list(READ_FIRST), "counts": dict(counts),
    }  # fmt: skip


def _conflicts(session: Session, whom: Subject, at: datetime) -> list[dict[str, Any]]:
    """What sources contradict each other about, and nobody has settled."""
    found = conflicts_of(
        facts.of_people(session, KINDS, whom.ids, None), apart=settlements.found_apart(session, at)
    )  # fmt: skip
    return [
        {"question": each.question.value, "kind": each.kind, "fact_ids": " ".join(each.fact_ids), "why": each.why,
         "since": each.since.isoformat(),
         "sources": " ".join(sorted({side.known.source.value for side in each.sides}))}
        for each in found
    ]  # fmt: skip


def _workers(session: Session, kinds: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The names of the workers whom the facts name by a reference."""
    refs = {row[name] for rows in kinds.values() for row in rows for name in WORKER_REFS & row.keys()}
    known = reference.workers(session)
    return [{"worker_ref": ref, "name": known[ref].name} for ref in sorted(refs & known.keys())]


def _accounts(sections: Mapping[str, Any], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The names of the accounts that the rows name by an id."""
    tables = [rows for part in sections.values() if isinstance(part, dict) for rows in part.values()]
    said = {
        value
        for rows in tables
        for row in rows
        for field, value in row.items()
        if field.endswith("_by") or field == "user_id"
    }
    return [{"user_id": user_id, "name": names[user_id]} for user_id in sorted(said & names.keys())]


def _plain(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: _value(value) for name, value in row.items() if name != "audit_id"} for row in rows]


def _value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def foreseen(session: Session, export: Export, *, by: str, reason: str, at: datetime) -> None:
    """Note that somebody asked how much is held on a person."""
    _note(session, export, outcome="counted", by=by, reason=reason, at=at)


def taken(session: Session, export: Export, *, by: str, reason: str, at: datetime) -> Export:
    """Note that the file is made, by whom and why; the file, which says so too. No entry, no file."""
    _note(session, export, outcome="done", by=by, reason=reason, at=at)
    head = {**export.document["head"], "made_by": rights.accounts(session).get(by), "reason": reason.strip()}
    return replace(export, document={**export.document, "head": head})


def _note(session: Session, export: Export, *, outcome: str, by: str, reason: str, at: datetime) -> None:
    audit.note(
        session, ACT, by=by, at=at, person_id=export.whom.named, people=export.whom.ids, outcome=outcome,
        detail={"rows": dict(export.counts), "sealed": export.whom.sealed},
        reason=officers.because(reason), changes=False,
    )  # fmt: skip
