"""The tracker as JSON."""

from typing import Any

import orjson

from service.domain.tracker import Danger, Row, Table, Tracker
from service.writers import words

OPTIONS = orjson.OPT_UTC_Z


def written(tracker: Tracker) -> bytes:
    """The tracker in the shape programs rely on."""
    return dump(
        {
            "as_at": tracker.view.as_at,
            "known_at": tracker.view.known_at,
            "scope": dict(tracker.scope),
            "freshness": [
                {
                    "source": each.source,
                    "extracted_at": each.extracted_at,
                    "age_hours": each.age_hours,
                    "stale": each.stale,
                    "datasets": [{"name": name, "extracted_at": at} for name, at in each.datasets.items()],
                }
                for each in tracker.freshness
            ],
            "held": [dict(each) for each in tracker.held],
            "danger": [_danger(each) for each in tracker.danger],
            "cohorts": [_table(each) for each in tracker.tables],
        }
    )


def dump(value: object) -> bytes:
    """JSON bytes; times in UTC with Z."""
    return orjson.dumps(value, default=words.plain, option=OPTIONS)


def _danger(each: Danger) -> dict[str, Any]:
    return {
        "person": words.person(each.card),
        "team": each.card.team,
        "owner": each.card.owner,
        "cohorts": each.cohorts,
        "missing_since": each.missing_since,
    }


def _table(table: Table) -> dict[str, Any]:
    cohort = table.cohort
    return {
        "code": cohort.code,
        "title": cohort.title,
        "definition": cohort.definition,
        "rule": cohort.rule,
        "count": table.count,
        "of": table.of,
        "population": cohort.population.title,
        "unknown": table.unknown,
        "approaching": table.approaching,
        "not_supplied": table.not_supplied,
        "not_yet_collected": table.not_yet_collected,
        "supplied": table.supplied,
        "families": table.families,
        "lines": [{"code": code, "count": count} for code, count in table.lines],
        "rows": [_row(row) for row in table.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    card, finding = row.card, row.finding
    return {
        "person": words.person(card),
        "locality": card.locality,
        "service": card.service,
        "team": card.team,
        "owner": card.owner,
        "risk": "unknown",  # until risk reviews are recorded: unknown never means fine
        "last_contact": words.last_contact(card),
        "line": None if card.restricted else finding.line,
        "flags": ("restricted",) if card.restricted else finding.flags,
        "clock": words.redacted_clock(finding) if card.restricted else words.clock(finding),
    }
