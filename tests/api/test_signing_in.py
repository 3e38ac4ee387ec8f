"""Sign-ins, people and scripts, sessions that end: what the audit says, and that it counts from the next request."""

import json
import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from string import Template
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from service.api import development_keys, identity
from service.app import create_app
from service.domain.access import GRANTS, Permission, Role
from service.domain.subject import digest
from service.settings import Settings
from service.store.engine import reading
from service.store.schema_access import revoked_token
from service.store.users import access_version
from tests.conftest import ROOT, SetClock, TokenFor
from tests.village import Village

ADMIN = Role.ADMINISTRATOR.value
STOLEN = {"reason": "zq-canary: the laptop was stolen"}


def acts(village: Village, before: dict[str, Any], *wanted: str) -> list[Any]:
    """The entries that were not there before, of these acts."""
    return [e for i, e in village.audit(sign_ins=True).items() if i not in before and e.act in wanted]


def token_id(village: Village, token: str) -> str:
    return identity.verifier_for(village.settings, clock=village.clock).verify(token).token_id


def minted(village: Village, who: str, **claims: object) -> str:
    """A token of one of CAST with claims of our own."""
    now = int(village.clock().timestamp())
    said = {"iss": village.settings.oidc_issuer, "aud": village.settings.oidc_audience, "sub": f"cast:{who}"}
    return development_keys.signed(village.settings.data_dir, said | {"iat": now, "exp": now + 3600} | claims)


def user_id(village: Village, name: str) -> str:
    users = village.get(ADMIN, "/v1/users").json()["users"]
    return str(next(each["user_id"] for each in users if each["name"] == name))


# --- the first request with a token is a sign-in


def test_the_first_read_with_a_token_is_a_sign_in_and_the_next_are_not(village: Village) -> None:
    before = village.audit(sign_ins=True)
    for _ in range(3):
        assert village.get("head", "/v1/tracker").status_code == 200
    (entry,) = acts(village, before, "sign_in")
    detail = orjson.loads(entry.detail)
    assert (entry.by_user, entry.outcome, entry.changes) == (user_id(village, "Head"), "done", False)
    assert detail["token_id"] == token_id(village, village.token("head"))
    assert (detail["script"], detail["expires_at"]) == (False, "2020-07-31T09:00:00+00:00")
    assert entry.request_id in {e.request_id for e in acts(village, before, "read.tracker")}
    assert village.token("head").split(".")[2] not in entry.detail


def test_the_first_write_with_a_token_is_a_sign_in_in_its_own_transaction(village: Village) -> None:
    before = village.audit(sign_ins=True)
    said = {"eclipse_id": "EX1", "occurred_at": "2020-07-31T08:30:00+01:00", "contact_kind": "phone", "outcome": "made"}
    for key in ("a", "a", "b"):
        assert village.post("adviser", "/v1/contacts", said, key=key).status_code == 201
    assert len(acts(village, before, "sign_in")) == 1


def test_a_refusal_is_a_sign_in_too(village: Village) -> None:
    before = village.audit(sign_ins=True)
    assert village.get("adviser", "/v1/users").status_code == 403
    assert village.get("adviser", "/v1/users").status_code == 403
    assert [len(acts(village, before, act)) for act in ("sign_in", "denied")] == [1, 2]


def test_each_token_is_a_sign_in_of_its_own(village: Village) -> None:
    before = village.audit(sign_ins=True)
    for name in ("j-1", "j-2", "j-1"):
        village.tokens["head"] = minted(village, "head", jti=name)
        assert village.get("head", "/v1/tracker").status_code == 200
    assert [orjson.loads(e.detail)["token_id"] for e in acts(village, before, "sign_in")] == ["j-1", "j-2"]


# --- people and scripts, and valid tokens without a usable account


def test_a_script_pushes_with_a_scripts_token_and_nobody_else_has_one(village: Village) -> None:
    before = village.audit()
    for who, claims in (("robot", {}), ("head", {"idtyp": "app"})):
        village.tokens[who] = minted(village, who, **claims)
        answer = village.get(who, "/v1/data-quality" if who == "robot" else "/v1/tracker")
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert [e.outcome for e in acts(village, before, "sign_in.refused")] == ["other_kind"] * 2
    village.tokens["robot"] = minted(village, "robot", idtyp="app")
    assert village.get("robot", "/v1/data-quality").status_code == 200


def test_a_valid_token_that_finds_no_account_is_noted_once_a_minute_and_without_a_name(village: Village) -> None:
    before = village.audit()
    village.tokens["stranger"] = minted(village, "nobody-we-know")
    for seconds in (0, 59, 1, 1):
        village.clock.advance(seconds=seconds)
        answer = village.get("stranger", "/v1/tracker")
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
        assert answer.headers["www-authenticate"] == "Bearer"
    first, second = acts(village, before, "sign_in.refused")
    assert (first.by_user, first.outcome, first.request_id is None) == ("nobody", "unknown", False)
    assert (second.recorded_at - first.recorded_at).total_seconds() == 60
    subject = digest(village.settings.oidc_issuer, "cast:nobody-we-know")
    assert orjson.loads(first.detail) == {"subject": subject}
    assert len(village.noted(before)) == 2, "and nothing else"


def test_another_who_is_turned_away_is_noted_beside(village: Village) -> None:
    before = village.audit()
    for who in ("one", "two", "one"):
        village.tokens[who] = minted(village, who)
        assert village.get(who, "/v1/tracker").status_code == 401
    assert len(acts(village, before, "sign_in.refused")) == 2


def test_a_token_that_is_none_is_counted_and_not_audited(village: Village) -> None:
    before = village.audited()
    counted = _refused(village)
    for token in ("rubbish", minted(village, "head", exp=1), minted(village, "head") + "="):
        village.tokens["thief"] = token
        assert village.get("thief", "/v1/tracker").status_code == 401
    assert village.client.get("/v1/tracker").status_code == 401, "no token is no refused token"
    assert (village.audited(), _refused(village)) == (before, counted + 3)


def _refused(village: Village) -> float:
    lines = village.client.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("los_tokens_refused_total "))


# --- sessions that end


def test_signing_somebody_out_ends_every_token_so_far_at_once(village: Village) -> None:
    old = village.token("head")
    ahead = minted(village, "head", iat=int(village.clock().timestamp()) + 20)
    village.tokens["ahead"] = ahead
    assert village.get("head", "/v1/tracker").status_code == 200
    assert village.get("ahead", "/v1/tracker").status_code == 200
    heads, before = user_id(village, "Head"), village.audit()
    village.clock.advance(seconds=5)
    done = village.post(ADMIN, f"/v1/users/{heads}/sign-out", STOLEN)
    assert (done.status_code, done.json()) == (200, {"user_id": heads, "tokens_from": "2020-07-31T08:00:05Z"})
    (entry,) = acts(village, before, "user.sign_out")
    assert (orjson.loads(entry.detail), entry.reason) == ({"user_id": heads}, STOLEN["reason"])
    village.tokens["same second"] = minted(village, "head")
    village.tokens["ahead, unused"] = minted(village, "head", iat=int(village.clock().timestamp()) + 25)
    for who in ("head", "ahead", "same second", "ahead, unused"):
        answer = village.get(who, "/v1/tracker")
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in"), who
        write = village.post(who, "/v1/contacts", {"eclipse_id": "EX1"})
        assert write.status_code in (401, 422)
    (refused,) = acts(village, before, "sign_in.refused")
    assert refused.outcome == "signed_out"
    village.clock.advance(seconds=31)
    village.tokens["head"] = minted(village, "head")
    assert village.get("head", "/v1/tracker").status_code == 200, "and they sign in again"
    assert village.get("ahead, unused", "/v1/tracker").status_code == 401, "as this one never does"
    assert old != village.tokens["head"]


def test_one_token_is_revoked_and_the_others_go_on(village: Village) -> None:
    village.tokens["lost"] = minted(village, "head", jti="zq-lost")
    village.tokens["kept"] = minted(village, "head", jti="zq-kept")
    assert village.get("lost", "/v1/tracker").status_code == 200
    before = village.audit()
    said = STOLEN | {"token_id": "zq-lost", "expires_at": "2020-07-31T09:00:00Z"}
    with reading(village.engine) as session:
        access = access_version(session)
    for _ in range(2):
        done = village.post(ADMIN, "/v1/tokens/revoke", said)
        assert (done.status_code, done.json()["token_id"]) == (200, "zq-lost")
    assert village.get("lost", "/v1/tracker").status_code == 401
    assert village.get("kept", "/v1/tracker").status_code == 200
    assert village.held(revoked_token) == 1
    with reading(village.engine) as session:
        assert access_version(session) > access, "what is being computed for it is not shown either"
    first, _ = acts(village, before, "token.revoke")
    issuer = village.settings.oidc_issuer
    assert (orjson.loads(first.detail), first.reason) == ({"issuer": issuer, "token_id": "zq-lost"}, STOLEN["reason"])
    assert [e.outcome for e in acts(village, before, "sign_in.refused")] == ["revoked"]


def test_a_token_without_an_id_is_revoked_by_the_one_that_its_sign_in_shows(village: Village) -> None:
    before = village.audit(sign_ins=True)
    assert village.get("head", "/v1/tracker").status_code == 200
    (entry,) = acts(village, before, "sign_in")
    shown = orjson.loads(entry.detail)
    said = STOLEN | {"token_id": shown["token_id"], "expires_at": shown["expires_at"]}
    assert village.post(ADMIN, "/v1/tokens/revoke", said).status_code == 200
    assert village.get("head", "/v1/tracker").status_code == 401


def test_the_token_id_of_another_issuer_is_another_token(village: Village) -> None:
    village.tokens["head"] = minted(village, "head", jti="zq-same")
    elsewhere = {"issuer": "https://other.example", "token_id": "zq-same", "expires_at": "2020-07-31T09:00:00Z"}
    assert village.post(ADMIN, "/v1/tokens/revoke", STOLEN | elsewhere).status_code == 200
    assert village.get("head", "/v1/tracker").status_code == 200
    with reading(village.engine) as session:
        row = session.execute(select(revoked_token)).one()
    assert (row.issuer, row.token_id, row.reason) == ("https://other.example", "zq-same", STOLEN["reason"])


def test_one_may_sign_oneself_out_everywhere(village: Village) -> None:
    mine = user_id(village, f"Demo {ADMIN}")
    assert village.post(ADMIN, f"/v1/users/{mine}/sign-out", STOLEN).status_code == 200
    assert village.get(ADMIN, "/v1/users").status_code == 401


def test_nobody_by_that_id_is_signed_out(village: Village) -> None:
    answer = village.post(ADMIN, "/v1/users/no-such-user/sign-out", STOLEN)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "changes",
    [{"reason": ""}, {"token_id": ""}, {"token_id": 7}, {"expires_at": "tomorrow"}, {"revoked_by": "me"}],
    ids=str,
)
def test_a_revocation_says_what_and_why(village: Village, changes: dict[str, object]) -> None:
    said = STOLEN | {"token_id": "zq-lost", "expires_at": "2020-07-31T09:00:00Z"} | changes
    answer = village.post(ADMIN, "/v1/tokens/revoke", said)
    assert (answer.status_code, "canary" in answer.text) == (422, False)
    assert village.held(revoked_token) == 0


def test_who_may_end_sessions_is_who_is_granted_it(village: Village) -> None:
    said = STOLEN | {"token_id": "zq-lost", "expires_at": "2020-07-31T09:00:00Z"}
    for role in Role:
        answers = [
            village.post(role.value, "/v1/users/no-such-user/sign-out", STOLEN),
            village.post(role.value, "/v1/tokens/revoke", said),
        ]
        granted = Permission.END_SESSIONS in GRANTS[role]
        assert [answer.status_code for answer in answers] == ([404, 200] if granted else [403, 403]), role


# --- the calls of docs/identity.md, as they are written there


def calls(village: Village, **variables: str) -> Iterator[httpx.Response]:
    """What each `curl` of the page answers, in order, the account that it adds being the one that is meant after."""
    page = (ROOT / "docs" / "identity.md").read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"^curl .*$", page, re.MULTILINE):
        said = shlex.split(Template(line).substitute(variables))
        method = said[said.index("-X") + 1] if "-X" in said else "GET"
        headers = dict(said[at + 1].split(": ", 1) for at, each in enumerate(said) if each == "-H")
        body = said[said.index("-d") + 1] if "-d" in said else None
        address = next(each for each in said if each.startswith("/v1/"))
        answer = village.client.request(method, address, headers=headers, content=body)
        assert answer.status_code in (200, 201), (line, answer.text)
        if address == "/v1/users" and method == "POST":
            variables |= {"ID": answer.json()["user_id"], "ETAG": answer.json()["etag"]}
        yield answer


def test_the_calls_that_are_documented_add_an_account_close_it_and_end_its_sessions(village: Village) -> None:
    made = []
    for answer in calls(village, LOS="", TOKEN=village.token(ADMIN)):
        made.append((answer.request.method, answer.request.url.path.rsplit("/", 1)[-1]))
        if made[-1] == ("POST", "users"):
            said = json.loads(answer.request.content)
            village.tokens["pat"] = identity.mint(
                village.settings, said["subject"], at=village.clock(), lifetime=timedelta(hours=1)
            )
            assert village.get("pat", "/v1/audit/mine").status_code == 200
        if made[-1] == ("PUT", "access"):
            assert village.get("pat", "/v1/audit/mine").status_code == 401
    assert made == [("GET", "users"), ("POST", "users"), ("PUT", "access"), ("POST", "sign-out"), ("POST", "revoke")]
    assert village.held(revoked_token) == 1


# --- names the service answers to


@pytest.fixture
def guarded(settings: Settings, clock: SetClock, token_for: TokenFor) -> Iterator[tuple[TestClient, str]]:
    """A service that answers to one name, and a token for it."""
    named = Settings(
        data_dir=settings.data_dir, database_url=settings.database_url, allowed_hosts=frozenset({"los.example"})
    )  # fmt: skip
    app = create_app(named, clock)
    with TestClient(app, base_url="https://los.example", raise_server_exceptions=False) as client:
        yield client, token_for(Role.CHIEF_OFFICER)


OTHERS = ("evil.example", "los.example.evil.example", "127.0.0.1", "", "a@los.example", ":80", "los.example:80:80")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_another_host_is_refused_before_anything_is_looked_at(guarded: tuple[TestClient, str]) -> None:
    client, token = guarded
    for host in OTHERS:
        headers = {"Authorization": f"Bearer {token}", "Host": host, "X-Forwarded-Host": "los.example"}
        answer = client.get("/v1/policy", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (421, "misdirected"), host
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not host or host not in answer.text


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_its_own_name_is_answered_to_with_any_port(guarded: tuple[TestClient, str]) -> None:
    client, token = guarded
    for host in ("los.example", "LOS.example", "los.example:8443"):
        answer = client.get("/v1/policy", headers={"Authorization": f"Bearer {token}", "Host": host})
        assert answer.status_code == 200, host
    for host in ("10.1.2.3", "127.0.0.1:8000"):
        assert client.get("/health/live", headers={"Host": host}).status_code == 200, "whoever watches asks by number"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_without_the_issuers_keys_it_is_not_ready_and_nobody_is_refused(settings: Settings, clock: SetClock) -> None:
    away = Settings(
        data_dir=settings.data_dir, database_url=settings.database_url, jwks_url="http://127.0.0.1:1/keys"
    )  # fmt: skip
    token = identity.mint(settings, "anybody", at=clock(), lifetime=timedelta(hours=1))
    with TestClient(create_app(away, clock), base_url="http://127.0.0.1") as client:
        answers = [client.get("/v1/policy", headers={"Authorization": f"Bearer {token}"}), client.get("/health/ready")]
        assert [(a.status_code, a.json()["code"]) for a in answers] == [(503, "issuer_away")] * 2
        assert [a.headers["retry-after"] for a in answers] == ["5", "5"]
        assert client.get("/health/live").status_code == 200
