"""Where the parts meet: settings, database, clock, routes."""

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import structlog
from alembic.script import ScriptDirectory
from fastapi import APIRouter, FastAPI

from service.api import (
    audit,
    campaigns,
    conflicts,
    contacts,
    coverage,
    data_quality,
    emergency,
    facts,
    health,
    identity,
    ingest,
    merging,
    people,
    policy,
    problems,
    referrals,
    restrictions,
    tracker,
    uploads,
    users,
)
from service.api.denials import denied
from service.api.dependencies import Door
from service.api.described import PREFIX
from service.api.hosts import Hosts
from service.api.middleware import Around, a_thread_for_each
from service.readers import mapping
from service.settings import Settings
from service.store.engine import Clock, make_engine
from service.timers import sealing_on

MIGRATIONS = Path(__file__).parent.parent / "migrations"
DESCRIPTION = """Who among a council's children and young people needs somebody senior to notice, and by when.

Every answer is as at a London date and as known at a moment. Every number is n of N with its definition. Every row
explains itself. Errors are `application/problem+json` with a stable `code`, and never repeat what was sent."""


NEEDED = frozenset({"idempotency-key"})


def utc_now() -> datetime:
    """The one place where the service looks at the clock."""
    return datetime.now(UTC)


def create_app(settings: Settings, clock: Clock = utc_now) -> FastAPI:
    """The service for these settings, reading time from `clock`."""
    app = FastAPI(
        title="Line of Sight",
        version="0.1.0",
        description=DESCRIPTION,
        openapi_url=None if settings.production else "/openapi.json",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        redirect_slashes=False,
        lifespan=_open,
    )
    app.state.door = door(settings, clock)
    v1 = APIRouter(prefix=PREFIX)
    for router in (
        contacts.router,  # what is asked most comes first: each before it is tried in vain
        tracker.router,
        merging.router,  # before people: /people/merges is nobody's id
        people.router,
        *facts.routers(),
        conflicts.router,
        ingest.router,
        ingest.waiting_router,
        campaigns.router,
        uploads.router,
        coverage.router,
        data_quality.router,
        policy.router,
        referrals.router,
        emergency.router,
        restrictions.router,
        users.router,
        users.tokens_router,
        audit.router,
    ):
        v1.include_router(router)
    app.include_router(v1)
    app.include_router(health.router)
    problems.install(app, denied)
    if settings.allowed_hosts:
        app.add_middleware(Hosts, allowed=settings.allowed_hosts)
    app.add_middleware(Around)
    _sign_in(app)
    return app


def door(settings: Settings, clock: Clock) -> Door:
    """What requests come in by: database, clock, verifier, code map."""
    return Door(
        engine=make_engine(settings.database_url),
        clock=clock,
        verifier=identity.verifier_for(settings, clock=clock),
        codes=mapping.load(settings.mapping_file),
        schema=_newest_schema(),
    )


@cache
def _newest_schema() -> str | None:
    """The schema that this version is written for."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


@asynccontextmanager
async def _open(app: FastAPI) -> AsyncIterator[None]:
    """While the process serves the audit is sealed behind it; its connections are given back at the end."""
    a_thread_for_each()
    door: Door = app.state.door
    with sealing_on(door.engine, door.clock):
        yield
    door.engine.dispose()


def _sign_in(app: FastAPI) -> None:
    """Say in OpenAPI that everything under /v1 needs a bearer token."""
    built = app.openapi

    def described() -> dict[str, object]:
        document = built()
        components = document.setdefault("components", {})
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
        for path, verbs in document["paths"].items():
            for operation in verbs.values():
                if path.startswith(PREFIX):
                    operation["security"] = [{"token": []}]
                for parameter in operation.get("parameters", []):
                    if parameter["name"] in NEEDED:  # refused with a status of their own, not by validation
                        parameter["required"] = True
        return document

    app.openapi = described  # type: ignore[method-assign]


def log_as_json() -> None:
    """One JSON object a line, on standard output, with the request it belongs to; what libraries warn of too."""
    every: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*every, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    handler = logging.StreamHandler(sys.stdout)
    ours = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*every, _of_a_library],
            processors=[ours, structlog.processors.JSONRenderer()],
        )
    )
    logging.getLogger().handlers = [handler]


def _of_a_library(_logger: object, _name: str, said: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What a library's line may say: the text in its source, never what it was filled with, and the kind of error."""
    record: logging.LogRecord = said["_record"]
    told = {"event": str(record.msg).partition("\n")[0], "logger": record.name}
    if record.exc_info and record.exc_info[0]:
        told["kind"] = record.exc_info[0].__name__
    record.exc_info = record.exc_text = record.stack_info = None
    return {key: value for key, value in said.items() if key not in ("exc_info", "stack_info")} | told
