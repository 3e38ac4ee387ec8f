"""Bodies that no two parsers would read alike, or that say more than was asked: refused, and never repeated."""

import json
from typing import Any

import pytest

from service.store.schema import FACTS
from tests.village import Village, codes

CANARY = "zq-canary-4711"
CONTACTS = "/v1/contacts"
GOOD = {"eclipse_id": "EX1", "occurred_at": "2020-07-30T14:05:00+01:00", "contact_kind": "phone", "outcome": "made"}


def test_who_is_not_signed_in_is_told_that_before_the_body_is_read(village: Village) -> None:
    for path in (CONTACTS, "/v1/ingest/batches", "/v1/people/lookup"):
        for token in ("Bearer no.such.token", "Basic eDp5", None):
            headers = {"Content-Type": "application/json"} | ({"Authorization": token} if token else {})
            answer = village.client.post(path, content=b"{" * 1000, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


def raw(village: Village, body: bytes, content_type: str | None = "application/json", path: str = CONTACTS) -> Any:
    headers = village.headers("manager", idempotency_key="k")
    if content_type is not None:
        headers["Content-Type"] = content_type
    return village.client.post(path, content=body, headers=headers)


def body(**more: str) -> bytes:
    """A good contact as JSON text, with raw JSON text for the fields given."""
    said = {name: json.dumps(value) for name, value in GOOD.items()} | more
    return ("{" + ",".join(f'"{name}":{value}' for name, value in said.items()) + "}").encode()


UNFIT: list[tuple[str, bytes, tuple[str, str]]] = [
    ("unknown field", body(colour=f'"{CANARY}"'), ("colour", "extra_forbidden")),
    ("an unknown name is not repeated", body(**{CANARY: "1"}), ("?", "extra_forbidden")),
    ("server-owned field", body(restricted="true"), ("restricted", "extra_forbidden")),
    ("worker said by the body", body(worker_ref=f'"{CANARY}"'), ("worker_ref", "extra_forbidden")),
    ("text for a flag", body(seen=f'"{CANARY}"'), ("seen", "bool_type")),
    ("number for a flag", body(seen="1"), ("seen", "bool_type")),
    ("number for text", body(voice="4711"), ("voice", "string_type")),
    ("array for text", body(eclipse_id=f'["{CANARY}"]'), ("eclipse_id", "string_type")),
    ("object for text", body(eclipse_id=f'{{"{CANARY}":1}}'), ("eclipse_id", "string_type")),
    ("unknown code", body(contact_kind=f'"{CANARY}"'), ("contact_kind", "enum")),
    ("number for a moment", body(occurred_at="1596114300"), ("occurred_at", "moment_shape")),
    ("naive time", body(occurred_at='"2020-07-30T14:05:00"'), ("occurred_at", "moment_shape")),
    ("date for a moment", body(occurred_at='"2020-07-30"'), ("occurred_at", "moment_shape")),
    ("year out of reach", body(occurred_at='"0001-01-01T00:00:00+14:00"'), ("occurred_at", "date_out_of_range")),
    ("null where something is needed", body(outcome="null"), ("outcome", "enum")),
    ("empty id", body(eclipse_id='""'), ("eclipse_id", "string_too_short")),
    ("long id", body(eclipse_id=f'"{CANARY * 10}"'), ("eclipse_id", "string_too_long")),
    ("long text", body(voice=json.dumps(CANARY * 400)), ("voice", "string_too_long")),
    ("NaN", body(seen="NaN"), ("", "not_a_number")),
    ("Infinity", body(seen="-Infinity"), ("", "not_a_number")),
    ("duplicate key", body()[:-1] + b',"outcome":"attempted"}', ("", "duplicate_key")),
    ("duplicate key inside", body(accommodation='{"code":"U","code":"S"}'), ("", "duplicate_key")),
    ("lone surrogate", body(voice=f'"{CANARY}\\ud800"'), ("", "broken_text")),
    ("NUL", body(voice=f'"{CANARY}\\u0000"'), ("", "broken_text")),
    ("NUL in a name", body(**{"vo\\u0000ice": "1"}), ("", "broken_text")),
    ("deep", body(voice="[" * 30 + "]" * 30), ("", "too_deep")),
    ("very deep", body(voice="[" * 100_000 + "]" * 100_000), ("", "json_invalid")),
    ("endless number", body(seen="9" * 5000), ("", "json_invalid")),
    ("cut off", body()[:-1], ("", "json_invalid")),
    ("not UTF-8", body(voice='"caf\xe9"').decode().encode("latin-1"), ("", "json_invalid")),
    ("array", b"[]", ("", "model_attributes_type")),
    ("text", f'"{CANARY}"'.encode(), ("", "model_attributes_type")),
    ("null", b"null", ("", "model_attributes_type")),
    ("nothing", b"", ("", "json_invalid")),
]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("sent", "refused"), [u[1:] for u in UNFIT], ids=[u[0].replace(" ", "_") for u in UNFIT])
def test_a_body_that_is_unfit_is_refused_by_name_and_never_repeated(
    village: Village, sent: bytes, refused: tuple[str, str]
) -> None:
    answer = raw(village, sent)
    assert answer.status_code == 422, answer.text
    assert codes(answer)[0] == refused
    assert all(field["allowed"] for field in answer.json()["fields"])
    assert "what the documentation says" not in answer.text
    assert CANARY not in answer.text
    assert village.held(FACTS["contact"]) == 1


@pytest.mark.parametrize(
    ("path", "field", "sent", "code"),
    [
        ("pre-proceedings", "review_meetings", "true", "int_type"),
        ("pre-proceedings", "review_meetings", "1.0", "int_type"),
        ("pre-proceedings", "review_meetings", '"1"', "int_type"),
        ("pre-proceedings", "review_meetings", "-1", "greater_than_equal"),
        ("pre-proceedings", "review_meetings", "1e400", "int_type"),
        ("pre-proceedings", "started_on", "20200504", "date_shape"),
        ("pre-proceedings", "started_on", '"04/05/2020"', "date_shape"),
        ("pre-proceedings", "started_on", '"2020-05-04T00:00:00Z"', "date_shape"),
        ("pre-proceedings", "started_on", '"٢٠٢٠-٠٥-٠٤"', "date_shape"),
        ("pre-proceedings", "started_on", '"2020-02-30"', "date_from_datetime_parsing"),
        ("pre-proceedings", "planned_end_on", '"9999-12-31"', "date_out_of_range"),
        ("cp-reviews", "due_on", '"9999-12-31"', "date_out_of_range"),
    ],
)
def test_numbers_and_dates_are_what_they_say(village: Village, path: str, field: str, sent: str, code: str) -> None:
    said = {"eclipse_id": '"CH1"', "started_on": '"2020-05-04"', field: sent}
    if path == "cp-reviews":
        del said["started_on"]
    text = "{" + ",".join(f'"{name}":{value}' for name, value in said.items()) + "}"
    headers = village.headers("head", idempotency_key="k", content_type="application/json")
    answer = village.client.post(f"/v1/{path}", content=text.encode(), headers=headers)
    assert (answer.status_code, codes(answer)) == (422, [(field, code)])
    assert "what the documentation says" not in answer.text


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", "nonsense",
     "application/vnd.sight+json"],
)  # fmt: skip
def test_only_json_is_read_as_json(village: Village, content_type: str | None) -> None:
    answer = raw(village, body(), content_type)
    assert (answer.status_code, codes(answer)) == (422, [("content-type", "not_json")])
    assert village.held(FACTS["contact"]) == 1


@pytest.mark.parametrize("content_type", ["APPLICATION/JSON", "application/json; charset=utf-8", "Application/Json"])
def test_json_is_read_strictly_however_it_is_announced(village: Village, content_type: str) -> None:
    doubled = body()[:-1] + b',"outcome":"attempted"}'
    assert codes(raw(village, doubled, content_type)) == [("", "duplicate_key")]
    assert raw(village, body(), content_type).status_code == 201


def test_text_is_composed_on_entry(village: Village) -> None:
    raw(village, body(voice=json.dumps("Cafe\u0301 \u202e rtl")))
    listed = village.get("manager", f"/v1/people/{village.ids['EX1']}/contacts").json()["contacts"]
    assert listed[0]["says"]["voice"] == "Caf\u00e9 \u202e rtl"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"as_at": "31/07/2020"}, "as_at"),
        ({"as_at": "1596153600"}, "as_at"),
        ({"as_at": "2020-07-31T00:00:00"}, "as_at"),
        ({"as_at": "1989-12-31"}, "as_at"),
        ({"as_at": "2021-08-02"}, "as_at"),
        ({"as_at": "0000-00-00"}, "as_at"),
        ({"known_at": "2020-07-31T09:00:00"}, "known_at"),
        ({"known_at": "1596153600"}, "known_at"),
        ({"known_at": "2020-07-31T08:00:01Z"}, "known_at"),
        ({"known_at": "0001-01-01T00:00:00+14:00"}, "known_at"),
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"limit": CANARY}, "limit"),
        ({"cursor": "x" * 37}, "cursor"),
    ],
)
def test_a_query_is_read_as_strictly_as_a_body(village: Village, params: dict[str, str], field: str) -> None:
    answer = village.get("chief", "/v1/people", **params)
    assert (answer.status_code, codes(answer)[0][0]) == (422, field)
    assert "what the documentation says" not in answer.text
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    "path", ["/v1/people/%00", "/v1/people/%00/timeline", "/v1/people/%ff", "/v1/people/..%2f..%2fetc%2fpasswd"]
)
def test_an_address_that_cannot_be_is_not_there(village: Village, path: str) -> None:
    assert village.get("chief", path).status_code == 404


@pytest.mark.parametrize("query", ["cursor=%00", "as_at=%00", "known_at=%ed%a0%80", "cursor=%ed%a0%80"])
def test_a_query_that_cannot_be_is_no_failure(village: Village, query: str) -> None:
    answer = village.client.get(f"/v1/people?{query}", headers=village.headers("chief"))
    assert answer.status_code in (200, 422)


def test_a_tracker_survives_the_farthest_days_that_are_taken(village: Village) -> None:
    for path, said in (
        ("child-protection-plans", {"started_on": "1901-01-01", "next_review_due_on": "2199-12-31"}),
        ("cp-reviews", {"due_on": "2199-12-31", "held_on": "1901-01-01"}),
        ("pre-proceedings", {"started_on": "1901-01-01", "planned_end_on": "2199-12-31"}),
        ("care-proceedings", {"issued_on": "1901-01-01", "extended_to": "2199-12-31", "next_hearing_on": "2199-12-31"}),
        ("permanence-plans", {"agreed_on": "1901-01-01", "ended_on": "2199-12-31"}),
        ("cla-reviews", {"due_on": "2199-12-31", "held_on": "1901-01-01"}),
        ("missing-episodes", {"started_on": "1901-01-01", "missing_kind": "missing"}),
        ("accommodation", {"code": "V", "started_on": "1901-01-01"}),
        ("care-leaver-statuses", {"eligibility": "former_relevant", "in_touch": "REFU", "started_on": "1901-01-01"}),
    ):
        assert village.post("head", f"/v1/{path}", {"eclipse_id": "CH1"} | said).status_code == 201, path
    for as_at in ("1990-01-01", "2020-07-31", "2021-08-01"):
        assert village.get("chief", "/v1/tracker", as_at=as_at).status_code == 200
