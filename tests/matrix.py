"""Every operation about a person, and how to ask for it about somebody: the lines of a matrix of roles and records."""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import select

from service.api.bodies import example_of
from service.api.facts import PATHS
from service.domain.access import Role, ScopeKind
from service.domain.facts import KINDS
from service.store.engine import reading
from service.store.schema import FACTS
from tests.village import DECIDED, Village

Key = tuple[str, str]
NOBODY = "01738b11-2f00-7c44-8e21-0c1e7d9a4f10"
LAST = "f1738b11-2f00-7c44-8e21-0c1e7d9a4f10"  # of two facts the one with the lesser id is looked up first
WHY = "Asked by the matrix of roles"
# On duty for care leavers: everybody of the village but CH1, who is a child, and with her CH2. It opens no restricted
# record, and asks everybody for a reason.
REACH = (ScopeKind.DUTY, "care_leavers")
READER = "reader"
OF_ANOTHER_KIND = frozenset({"not_permitted"})  # who may send forms in, but not those of accommodation


@dataclass(frozen=True)
class Record:
    """Somebody, by every id that an operation may be given."""

    person_id: str = NOBODY
    eclipse_id: str = "XX9"
    facts: Mapping[str, str] = field(default_factory=dict)
    merge_id: str = NOBODY
    referral_id: str = NOBODY
    restriction_id: str = NOBODY

    def fact(self, kind: str) -> str:
        """A fact of this kind that is theirs; nobody's, if they are nobody."""
        return self.facts[kind] if self.facts else NOBODY


UNKNOWN = Record()


@dataclass(frozen=True)
class Asked:
    """What is sent but for the token and the keys."""

    path: str
    body: Any = None
    sheet: bytes | None = None


@dataclass(frozen=True)
class Line:
    """An operation about a person. `refuses`: codes of a 403 that in scope is no matter of role or of sight.

    `spoils`: it is asked after those that spoil less. `restricted_only`: about records that are restricted.
    `opens_outside`, `opens_all`: it is for people out of scope; for every record there is.
    `nobody`: statuses about somebody unknown; `whole`: they are told within a report. `hides_from_posts`: it has no
    place for a reason, so whoever opens a restricted record by their post is told nothing either.
    """

    ask: Callable[[Record], Asked]
    spoils: int = 0
    refuses: frozenset[str] = frozenset()
    restricted_only: bool = False
    opens_outside: bool = False
    opens_all: bool = False
    whole: bool = False
    nobody: frozenset[int] = frozenset({404})
    hides_from_posts: bool = False


@dataclass(frozen=True)
class Laid:
    """What the matrix stands on: the records, and what is open that lists tell of."""

    near: Record
    outside: Record
    restricted: Record
    campaign_id: str
    batch_id: str
    colleague: str
    other_fact: str


def line(path: str, body: Callable[[Record], Any] | None = None, **more: Any) -> Line:
    """A line whose address names a person or a thing of theirs, or whose body does."""
    return Line(lambda r: Asked(_address(path, r), body(r) if body else None), **more)


def _address(path: str, r: Record) -> str:
    return path.format(person_id=r.person_id, merge_id=r.merge_id, referral_id=r.referral_id,
                       restriction_id=r.restriction_id)  # fmt: skip


def of_campaign(campaign_id: str) -> Line:
    """To answer for somebody in the campaign under way."""
    return Line(
        lambda r: Asked(
            f"/v1/campaigns/{campaign_id}/answers",
            {"eclipse_id": r.eclipse_id, "answer": "cannot_be_found_out", "reason": WHY},
        ),
        refuses=OF_ANOTHER_KIND,
    )


def _facts() -> dict[Key, Line]:
    lines: dict[Key, Line] = {}
    for kind, path in PATHS.items():
        said = {"occurred_at": "2020-07-30T14:05:00+01:00", "contact_kind": "phone", "outcome": "made"}
        said = said if kind == "contact" else dict(example_of(KINDS[kind]))
        lines["POST", f"/v1/{path}"] = line(f"/v1/{path}", _by_id(said), spoils=2)
        lines["PUT", f"/v1/{path}/{{fact_id}}"] = _of_fact(kind, f"/v1/{path}/{{}}", said | {"reason": WHY})
        lines["POST", f"/v1/{path}/{{fact_id}}/withdraw"] = _of_fact(
            kind, f"/v1/{path}/{{}}/withdraw", {"reason": WHY}, spoils=1, refuses=frozenset({"needs_manager"})
        )
        if kind != "contact":
            lines["POST", f"/v1/{path}/{{fact_id}}/approve"] = _of_fact(kind, f"/v1/{path}/{{}}/approve", {})
    return lines


def _by_id(said: Mapping[str, Any]) -> Callable[[Record], Any]:
    return lambda r: {"eclipse_id": r.eclipse_id, **said}


def _of_fact(kind: str, path: str, said: Mapping[str, Any], **more: Any) -> Line:
    return Line(lambda r: Asked(path.format(r.fact(kind)), dict(said)), **more)


def _conflict(what: str, name: str, value: Callable[[Record], str]) -> Line:
    return line(
        f"/v1/conflicts/{what}",
        lambda r: {"kind": "accommodation", "fact_id": r.fact("accommodation"), name: value(r), "reason": WHY},
        hides_from_posts=what != "settle",  # the other fact is somebody else's
    )


def _key(r: Record) -> str:
    """It is repeated in the answer: one for all who may be hidden, and another for whom a contact is logged."""
    return "near" if r.eclipse_id == "EX1" else "hidden"


def _place(r: Record) -> bytes:
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    rows.writerows([
        ("eclipse_id", "code", "suitable", "judged_on", "started_on"),
        (r.eclipse_id, "U", "yes", "2020-07-30", "2020-07-29"),
    ])  # fmt: skip
    return out.getvalue().encode()


def _refer(user_id: str) -> Line:
    return line(
        "/v1/referrals",
        lambda r: {"person_id": r.person_id, "user_id": user_id, "ends_on": "2020-08-31", "reason": WHY}, spoils=1,
    )  # fmt: skip


def lines(laid: Laid) -> dict[Key, Line]:
    """Every operation about a person."""
    call = {"occurred_at": "2020-07-30T14:05:00+01:00", "contact_kind": "phone", "outcome": "made"}
    merged = {"reason": WHY, "although_births_differ": True, "merge": {"eclipse_id": "EX2"}}
    by_id, kept = "/v1/people/{person_id}", "/v1/restrictions/{restriction_id}"
    on_list = {"user_id": laid.colleague, "reason": WHY}
    audit: Any = {"opens_all": True}

    def other(r: Record) -> str:
        return laid.other_fact if r == laid.near else LAST

    return _facts() | {
        ("GET", by_id): line(by_id),
        ("GET", f"{by_id}/timeline"): line(f"{by_id}/timeline"),
        ("GET", f"{by_id}/contacts"): line(f"{by_id}/contacts"),
        ("POST", "/v1/people/lookup"): line("/v1/people/lookup", _by_id({})),
        ("POST", "/v1/people/merge"): line(
            "/v1/people/merge", lambda r: merged | {"keep": {"eclipse_id": r.eclipse_id}}, spoils=3
        ),
        ("POST", "/v1/people/merge/{merge_id}/undo"): line(
            "/v1/people/merge/{merge_id}/undo", lambda _: {"reason": WHY}, spoils=2
        ),
        ("POST", "/v1/people/identifiers/release"): line(
            "/v1/people/identifiers/release", _by_id({"reason": WHY}), spoils=4
        ),
        ("POST", "/v1/contacts/batch"): line(
            "/v1/contacts/batch",
            lambda r: {"contacts": [call | {"eclipse_id": r.eclipse_id, "idempotency_key": _key(r)}]},
            whole=True,
        ),
        ("GET", "/v1/conflicts"): line("/v1/conflicts?person_id={person_id}"),
        ("POST", "/v1/conflicts/settle"): _conflict("settle", "version_id", lambda _: "x"),
        ("POST", "/v1/conflicts/join"): _conflict("join", "same_as", other),
        ("POST", "/v1/conflicts/apart"): _conflict("apart", "other_fact_id", other),
        ("POST", "/v1/campaigns/{campaign_id}/answers"): of_campaign(laid.campaign_id),
        ("POST", "/v1/uploads/{form}"): Line(
            lambda r: Asked("/v1/uploads/accommodation", sheet=_place(r)), spoils=1, whole=True, hides_from_posts=True,
            refuses=OF_ANOTHER_KIND,
        ),
        ("POST", "/v1/referrals"): _refer(laid.colleague),
        ("POST", "/v1/referrals/{referral_id}/end"): line(
            "/v1/referrals/{referral_id}/end", lambda _: {"reason": WHY}, spoils=2
        ),
        ("POST", "/v1/emergency-sight"): line(
            "/v1/emergency-sight", _by_id({"reason": WHY}), spoils=5, opens_outside=True
        ),
        ("POST", "/v1/restrictions"): line("/v1/restrictions", _by_id({"reason": WHY, "allow": []}), spoils=6),
        ("POST", "/v1/restrictions/{restriction_id}/allow"): line(
            f"{kept}/allow", lambda _: on_list, restricted_only=True
        ),
        ("POST", "/v1/restrictions/{restriction_id}/disallow"): line(
            f"{kept}/disallow", lambda _: on_list, restricted_only=True, spoils=1
        ),
        ("POST", "/v1/restrictions/{restriction_id}/clear"): line(
            f"{kept}/clear", lambda _: {"reason": WHY}, restricted_only=True, spoils=2
        ),
        ("POST", "/v1/restrictions/{restriction_id}/clearing"): line(
            f"{kept}/clearing", lambda _: {"decision": "refused", "reason": WHY}, restricted_only=True, spoils=3,
            refuses=frozenset({"own_request"}),
        ),
        ("GET", "/v1/audit/people/{person_id}"): line("/v1/audit/people/{person_id}", **audit),
        ("POST", "/v1/audit/people/lookup"): line("/v1/audit/people/lookup", _by_id({}), **audit),
    }  # fmt: skip


def lists(laid: Laid) -> dict[Key, tuple[str, ...]]:
    """Every operation that lists or counts people, and the addresses it is asked at."""
    tracker = "/v1/tracker"
    here, forms = f"/v1/ingest/batches/{laid.batch_id}", "/v1/forms/accommodation?campaign="
    return {
        ("GET", "/v1/tracker"): (tracker, *(f"{tracker}?format={each}" for each in ("csv", "html"))),
        ("GET", "/v1/people"): ("/v1/people", "/v1/people?limit=2"),
        ("GET", "/v1/people/merges"): ("/v1/people/merges",),
        ("GET", "/v1/conflicts"): ("/v1/conflicts",),
        ("POST", "/v1/ingest/batches/{batch_id}/plan"): (f"{here}/plan",),
        ("GET", "/v1/ingest/batches/{batch_id}/report"): (f"{here}/report",),
        ("GET", "/v1/ingest/batches/{batch_id}/held"): (f"{here}/held",),
        ("GET", "/v1/ingest/held"): ("/v1/ingest/held",),
        ("GET", "/v1/campaigns"): ("/v1/campaigns",),
        ("GET", "/v1/campaigns/{campaign_id}"): (f"/v1/campaigns/{laid.campaign_id}",),
        ("GET", "/v1/forms/{form}"): (f"{forms}{laid.campaign_id}", f"{forms}{laid.campaign_id}&format=csv"),
        ("GET", "/v1/ingest/coverage"): ("/v1/ingest/coverage",),
        ("GET", "/v1/data-quality"): ("/v1/data-quality",),
        ("GET", "/v1/data-quality/rows"): ("/v1/data-quality/rows",),
        ("GET", "/v1/policy"): ("/v1/policy",),
        ("GET", "/v1/referrals"): ("/v1/referrals",),
        ("GET", "/v1/referrals/colleagues"): ("/v1/referrals/colleagues",),
        ("GET", "/v1/restrictions"): ("/v1/restrictions",),
        ("GET", "/v1/users"): ("/v1/users",),
        ("GET", "/v1/audit/mine"): ("/v1/audit/mine",),
    }


# Neither about a person nor a list of any: accounts, tokens, pushes and campaigns as a whole; alerts are for who
# watches over everybody.
OF_NOBODY: frozenset[Key] = frozenset({
    ("POST", "/v1/ingest/batches"), ("PUT", "/v1/ingest/batches/{batch_id}/datasets/{name}"),
    ("POST", "/v1/ingest/batches/{batch_id}/apply"), ("POST", "/v1/ingest/batches/{batch_id}/approve"),
    ("POST", "/v1/ingest/batches/{batch_id}/reject"), ("POST", "/v1/campaigns"),
    ("POST", "/v1/campaigns/{campaign_id}/close"), ("POST", "/v1/users"), ("PUT", "/v1/users/{user_id}/access"),
    ("PUT", "/v1/users/{user_id}/worker"), ("POST", "/v1/users/{user_id}/sign-out"), ("POST", "/v1/tokens/revoke"),
    ("GET", "/v1/audit/alerts"),
})  # fmt: skip


def asked(village: Village, who: str, method: str, sent: Asked, key: str, *, why: str = WHY) -> httpx.Response:
    """One request of somebody, under a key of its own, with an If-Match that is true for deciding on a fact alone."""
    decided = DECIDED.fullmatch(sent.path)
    tag = village.etag_of_fact(decided["noun"], decided["fact_id"]) if decided else "x"
    headers = village.headers(who, idempotency_key=key, if_match=tag, **({"access_reason": why} if why else {}))
    if sent.sheet is not None:
        headers["Content-Type"] = "text/csv"
        return village.client.request(method, sent.path, content=sent.sheet, headers=headers)
    more = {} if sent.body is None else {"json": sent.body}
    return village.client.request(method, sent.path, headers=headers, **more)


def signed_in_as(village: Village, role: Role) -> str:
    """Somebody of this role who is on duty for care leavers, and reaches nobody else."""
    kind, code = REACH
    village.tokens[f"{READER} {role}"] = village.sign_in(role, scope=kind, code=code, name=f"{READER} {role}")
    return f"{READER} {role}"


def first_fact(village: Village, kind: str, eclipse_id: str, nth: int = 0) -> str:
    """The id of a fact of somebody, oldest first."""
    table = FACTS[kind]
    whose = select(table.c.fact_id).where(table.c.person_id == village.ids[eclipse_id]).order_by(table.c.fact_id)
    with reading(village.engine) as session:
        return str(list(dict.fromkeys(session.scalars(whose)))[nth])
