"""The service keeps to its own OpenAPI document, whatever is sent: schemathesis, all phases, in several roles.

The small dose has a fixed seed; the full one begins anew each time and prints its seed with what it finds.
"""

import random
from collections import Counter
from collections.abc import Sequence

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from service.api.facts import PATHS
from service.domain.access import GRANTS, Role
from tests.village import CAST, Village

# Not asked for: that everything generated from the document is taken (an id is of somebody or of nobody), and that
# everything else is refused (headers that an operation does not know are nobody's business).
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "unsupported_method", "allow_header_conformance", "ignored_auth",
    "use_after_free", "missing_required_header",
)  # fmt: skip
PHASES = ("examples", "coverage", "fuzzing", "stateful")
ROLES = ("head", "robot", "administrator")
EVERY_ROLE = (*ROLES, "manager", "senior_manager_safeguarding_qa", "information_governance", "performance_analyst",
              "duty_worker", "chief")  # fmt: skip


def configured(token: str, *, seed: int, examples: int, phases: Sequence[str]) -> SchemathesisConfig:
    """What schemathesis is told: no file of it is read."""
    return SchemathesisConfig.from_dict({
        "seed": seed,
        "headers": {"Authorization": f"Bearer {token}"},
        "continue-on-failure": True,
        "checks": {"enabled": False} | {check: {"enabled": True} for check in CHECKS},
        "phases": {phase: {"enabled": phase in phases} for phase in PHASES},
        "generation": {"max-examples": examples, "database": "none", "no-shrink": True},
    })  # fmt: skip


def found(
    village: Village,
    who: str,
    *,
    seed: int,
    examples: int,
    only: list[str] | None = None,
    phases: Sequence[str] = PHASES,
) -> tuple[list[str], Counter[str]]:
    """What does not keep to the document, and how many cases each phase tried."""
    config = configured(village.token(who), seed=seed, examples=examples, phases=phases)
    schema = schemathesis.openapi.from_asgi("/openapi.json", village.client.app, config=config)
    if only is not None:
        schema = schema.include(operation_id=only)
    told, tried = list[str](), Counter[str]()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            told.append(str(getattr(event, "info", event)))
        if isinstance(event, events.ScenarioFinished):
            tried[str(event.phase)] += len(event.recorder.cases)
            told += failures(event)
    return told, tried


def granted(village: Village, who: str) -> list[str]:
    """The operations of a role, without those of the kinds of fact that are made as accommodation is."""
    others = [f"/v1/{path}" for kind, path in PATHS.items() if kind not in ("contact", "accommodation")]
    may = GRANTS[CAST[who][0] if who in CAST else Role(who)]
    return [
        operation["operationId"]
        for path, verbs in village.client.app.openapi()["paths"].items()
        for operation in verbs.values()
        if operation.get("x-permission") in may and not path.startswith(tuple(others))
    ]


def failures(event: events.ScenarioFinished) -> list[str]:
    """The failed checks of one scenario, each with what was sent."""
    said = []
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                case = event.recorder.cases[case_id].value
                failure = check.failure_info.failure
                said.append(f"{check.name}: {case.method} {case.path}: {failure.title}: {failure.message}")
    return said


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("who", ROLES)
def test_the_document_holds(village: Village, who: str) -> None:
    """What the role may do, of one kind of fact out of nine; every edge of each field for one operation in five."""
    may = granted(village, who)
    told, tried = found(village, who, seed=1, examples=1, only=may, phases=("examples", "fuzzing", "stateful"))
    more, edges = found(village, who, seed=1, examples=1, only=may[::5], phases=("coverage",))
    assert not told + more, "\n".join(sorted({*told, *more}))
    assert {"examples", "coverage", "fuzzing"} <= set(tried + edges)


@pytest.mark.long
@pytest.mark.parametrize("who", EVERY_ROLE)
def test_the_document_holds_in_a_large_dose(village: Village, who: str) -> None:
    seed = random.randrange(2**32)
    told, tried = found(village, who, seed=seed, examples=30)
    assert not told, "\n".join([f"seed {seed}", *sorted(set(told))])
    assert set(tried) >= {"examples", "coverage", "fuzzing"}
