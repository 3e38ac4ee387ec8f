"""The envelope of a push over real HTTP: what is cut short, packed, too large, late, repeated or sent at once."""

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, select, text

from service.api import middleware, receiving
from service.app import door
from service.readers.tables import MAX_ROWS
from service.settings import Settings
from service.store.engine import reading
from service.store.extracts import CHUNK
from service.store.schema import FACTS, batch, batch_chunk, batch_dataset, watermark
from tests.conftest import SetClock
from tests.live import Service, serving
from tests.village import codes, enrol, manifest, sheet

BATCHES = "/v1/ingest/batches"
LAST_NIGHT, THE_NIGHT_BEFORE = "2020-07-31T02:00:00Z", "2020-07-30T02:00:00Z"
PEOPLE = b"eclipse_id,forename,surname\nEX1,Rowan,Demo-Ashford\nEX2,Robin,Demo-Teign\n"
RENAMED = PEOPLE.replace(b"Robin", b"Rosa")
SSD_PEOPLE = b"pers_person_id,pers_forename,pers_surname\nEX1,Rowan,Demo-Ashford\n"


class Pusher:
    """Eclipse's side of the service: asks as the integration account, and again when told to."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.client = httpx.Client(base_url=service.url, trust_env=False, timeout=60, headers=self.headers())

    def headers(self, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.service.token('robot')}", **more}

    def asked(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer, tried again while the service says that it is busy."""
        for _ in range(20):
            answer = self.client.request(method, path, **options)
            if answer.status_code != 503:
                break
        return answer

    def opened(
        self, files: Mapping[str, bytes], *, run: str, at: str = LAST_NIGHT, profile: str = "cohorts",
        declare: Mapping[str, Any] | None = None,
    ) -> httpx.Response:  # fmt: skip
        said = manifest(profile, run, at, files)
        for dataset in said["datasets"]:
            dataset |= declare or {}
        return self.asked("POST", BATCHES, json=said)

    def put(self, here: str, name: str, body: Any, **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.asked("PUT", f"{here}/datasets/{name}", content=body, headers=sent)

    def applied(self, here: str) -> httpx.Response:
        return self.asked("POST", f"{here}/apply")

    def night(self, files: Mapping[str, bytes], **said: Any) -> httpx.Response:
        """A whole push: the answer to its apply, or the first refusal on the way."""
        opened = self.opened(files, **said)
        if opened.status_code >= 300:
            return opened
        here = address(opened)
        for name, body in files.items():
            sent = self.put(here, name, body)
            if sent.status_code != 200:
                return sent
        return self.applied(here)


def address(opened: httpx.Response) -> str:
    assert opened.status_code in (200, 201), opened.text
    return f"{BATCHES}/{opened.json()['batch_id']}"


@pytest.fixture
def service(app: FastAPI, engine: Engine, settings: Settings, clock: SetClock) -> Iterator[Service]:
    """An empty service on a free port, with the accounts of CAST."""
    enrol(engine, settings, clock)
    app.state.door = door(settings, clock)
    with serving(app) as url:
        yield Service(url, engine, settings, clock)
    app.state.door.engine.dispose()


@pytest.fixture
def pusher(service: Service) -> Iterator[Pusher]:
    pusher = Pusher(service)
    yield pusher
    pusher.client.close()


def names(engine: Engine) -> dict[str, str]:
    """Who is called what now."""
    table = FACTS["person"]
    with reading(engine) as session:
        rows = session.execute(select(table.c.surname, table.c.forename).where(table.c.superseded_at.is_(None)))
        return dict(rows.all())


def held(engine: Engine) -> dict[str, int]:
    """How much of everything that a push can leave behind there is."""
    tables = [*FACTS.values(), batch, batch_dataset, batch_chunk, watermark]
    with reading(engine) as session:
        return {table.name: session.scalar(text(f"SELECT count(*) FROM {table.name}")) or 0 for table in tables}


# --- order -------------------------------------------------------------------------------------


def test_two_nights_out_of_order_the_older_changes_nothing(pusher: Pusher, service: Service) -> None:
    assert pusher.night({"people": RENAMED}, run="31 July", at=LAST_NIGHT).status_code == 200
    before = held(service.engine)
    late = pusher.night({"people": PEOPLE}, run="30 July", at=THE_NIGHT_BEFORE)
    assert (late.status_code, codes(late)) == (409, [("datasets.people", "older_extract")])
    assert (held(service.engine), names(service.engine)["Demo-Teign"]) == (before, "Rosa")


def test_an_older_night_that_was_opened_first_is_refused_when_it_is_applied(pusher: Pusher, service: Service) -> None:
    early = address(pusher.opened({"people": PEOPLE}, run="30 July", at=THE_NIGHT_BEFORE))
    pusher.put(early, "people", PEOPLE)
    assert pusher.night({"people": RENAMED}, run="31 July", at=LAST_NIGHT).status_code == 200
    before = held(service.engine)
    late = pusher.applied(early)
    assert (late.status_code, codes(late)) == (409, [("datasets.people", "older_extract")])
    assert (held(service.engine), names(service.engine)["Demo-Teign"]) == (before, "Rosa")


def test_yesterday_again_under_its_own_run_gets_the_same_answer(pusher: Pusher, service: Service) -> None:
    first = pusher.night({"people": PEOPLE}, run="30 July", at=THE_NIGHT_BEFORE)
    before = held(service.engine)
    again = pusher.night({"people": PEOPLE}, run="30 July", at=THE_NIGHT_BEFORE)
    assert (again.status_code, again.json()) == (200, first.json())
    assert held(service.engine) == before


def test_yesterdays_content_under_a_new_run_moves_only_the_watermark(pusher: Pusher, service: Service) -> None:
    pusher.night({"people": PEOPLE}, run="30 July", at=THE_NIGHT_BEFORE)
    before = held(service.engine)
    report = pusher.night({"people": PEOPLE}, run="31 July", at=LAST_NIGHT).json()
    assert report["only_the_watermark_moved"] is True
    assert held(service.engine) == before | {"batch": 2, "watermark": before["watermark"] + 1}


def test_the_same_run_with_other_content_is_refused(pusher: Pusher, service: Service) -> None:
    pusher.night({"people": PEOPLE}, run="31 July")
    before = held(service.engine)
    other = pusher.night({"people": RENAMED}, run="31 July")
    assert (other.status_code, other.json()["code"]) == (409, "run_content_differs")
    assert held(service.engine) == before


def test_a_delta_says_nothing_of_those_it_does_not_name(pusher: Pusher, service: Service) -> None:
    pusher.night({"people": PEOPLE}, run="30 July", at=THE_NIGHT_BEFORE)
    one = b"eclipse_id,forename,surname\nEX1,Ronnie,Demo-Ashford\n"
    delta = pusher.night({"people": one}, run="31 July", declare={"mode": "delta"})
    assert delta.status_code == 200, delta.text
    assert names(service.engine) == {"Demo-Ashford": "Ronnie", "Demo-Teign": "Robin"}
    assert flags(service.engine)["Demo-Teign"] == ""


def flags(engine: Engine) -> dict[str, str]:
    table = FACTS["person"]
    with reading(engine) as session:
        rows = session.execute(select(table.c.surname, table.c.flags).where(table.c.superseded_at.is_(None)))
        return dict(rows.all())


# --- at once -----------------------------------------------------------------------------------


def at_once(*pushes: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """The answers of several pushes that begin together."""
    ready = threading.Barrier(len(pushes))

    def push(one: Callable[[], httpx.Response]) -> httpx.Response:
        ready.wait(20)
        return one()

    with ThreadPoolExecutor(len(pushes)) as threads:
        return list(threads.map(push, pushes))


def test_one_batch_pushed_by_four_at_once_is_taken_once(pusher: Pusher, service: Service) -> None:
    body = PEOPLE + b"".join(b"EX%d,Rowan,Demo-%d\n" % (n, n) for n in range(3, 300))
    answers = at_once(*[lambda: pusher.night({"people": body}, run="31 July")] * 4)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert held(service.engine) | {"batch": 1, "watermark": 1, "fact_person": 299} == held(service.engine)


def test_two_batches_at_once_are_both_taken_whole(pusher: Pusher, service: Service) -> None:
    pusher.night({"people": PEOPLE}, run="30 July", at=THE_NIGHT_BEFORE)
    place = sheet({"spell_id": "A1", "eclipse_id": "EX1", "code": "Z", "unacceptable": "tent",
                   "started_on": "2020-07-10"})  # fmt: skip
    answers = at_once(
        lambda: pusher.night({"people": RENAMED}, run="names"),
        lambda: pusher.night({"accommodation": place}, run="places"),
    )
    assert {answer.status_code for answer in answers} == {200}
    assert names(service.engine)["Demo-Teign"] == "Rosa"
    assert held(service.engine)["fact_accommodation"] == 1


def test_two_nights_of_one_dataset_at_once_leave_the_newer(pusher: Pusher, service: Service) -> None:
    older, newer = at_once(
        lambda: pusher.night({"people": PEOPLE}, run="30 July", at=THE_NIGHT_BEFORE),
        lambda: pusher.night({"people": RENAMED}, run="31 July", at=LAST_NIGHT),
    )
    assert newer.status_code == 200
    assert older.status_code in (200, 409)
    assert names(service.engine)["Demo-Teign"] == "Rosa"


# --- what arrives ------------------------------------------------------------------------------


def raw(pusher: Pusher, here: str, body: bytes, *, who: str = "robot", hang_up: bool = False, **more: object) -> bytes:
    """A PUT written by hand, and hung up on where the story says so; what came back."""
    url = urlsplit(pusher.service.url)
    said = {"Host": url.netloc, "Authorization": f"Bearer {pusher.service.token(who)}", "Connection": "close"}
    said |= {name.replace("_", "-"): str(value) for name, value in more.items()}
    head = f"PUT {here}/datasets/people HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in said.items())
    with socket.create_connection((str(url.hostname), int(url.port or 0)), timeout=20) as connection:
        connection.sendall(head.encode() + b"\r\n" + body)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param({"Content_Length": len(PEOPLE) + 100}, PEOPLE, id="less than announced"),
        pytest.param({"Content_Length": 50_000_000}, PEOPLE * 20_000, id="some megabytes of fifty"),
        pytest.param({"Transfer_Encoding": "chunked"}, b"%x\r\n" % len(PEOPLE) + PEOPLE + b"\r\n", id="no last chunk"),
        pytest.param({"Content_Length": len(PEOPLE)}, b"", id="nothing at all"),
    ],
)
def test_an_upload_that_is_cut_short_leaves_nothing_and_is_no_failure(
    pusher: Pusher,
    service: Service,
    capsys: pytest.CaptureFixture[str],
    headers: dict[str, object],
    body: bytes,
) -> None:
    here = address(pusher.opened({"people": PEOPLE}, run="31 July"))
    capsys.readouterr()
    raw(pusher, here, body, hang_up=True, **headers)
    said = logged(pusher, capsys, "PUT")
    assert ("unhandled" in said, "status=500" in said) == (False, False)
    assert held(service.engine) == dict.fromkeys(held(service.engine), 0) | {"batch": 1}
    early = pusher.applied(here)
    assert (early.status_code, codes(early)) == (409, [("datasets.people", "not_sent")])
    assert (pusher.put(here, "people", PEOPLE).status_code, pusher.applied(here).status_code) == (200, 200)


def logged(pusher: Pusher, capsys: pytest.CaptureFixture[str], method: str) -> str:
    """The log up to a request's line: the service finds out in its own time that a client has gone."""
    said = ""
    for _ in range(2000):
        said += capsys.readouterr().out
        if f"method={method}" in said:
            break
        pusher.client.get("/health/live")
    return said


def test_more_than_the_announced_length_is_not_read(pusher: Pusher, service: Service) -> None:
    here = address(pusher.opened({"people": PEOPLE}, run="31 July"))
    answered = raw(pusher, here, PEOPLE, Content_Length=len(PEOPLE) - 10)
    assert b" 422 " in answered.split(b"\r\n", 1)[0]
    assert b'"differs"' in answered
    assert held(service.engine)["batch_dataset"] == 0


def test_bytes_that_are_not_those_declared_leave_nothing(pusher: Pusher, service: Service) -> None:
    large = PEOPLE + b"x" * 3 * CHUNK
    here = address(pusher.opened({"people": PEOPLE}, run="31 July"))
    answer = pusher.put(here, "people", large)
    assert (answer.status_code, codes(answer)) == (422, [("sha256", "differs")])
    assert (held(service.engine)["batch_dataset"], held(service.engine)["batch_chunk"]) == (0, 0)


def test_a_slow_client_keeps_nobody_from_writing(pusher: Pusher, service: Service) -> None:
    """It holds no transaction and no turn while it sends: others write meanwhile, and then it is taken too."""
    here = address(pusher.opened({"people": PEOPLE}, run="31 July"))
    half, arrived = threading.Event(), threading.Event()

    def dripped() -> Iterator[bytes]:
        yield PEOPLE[:20]
        half.set()
        arrived.wait(20)
        yield PEOPLE[20:]

    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(pusher.put, here, "people", dripped())
        assert half.wait(20)
        other = Pusher(service)
        assert other.night({"people": PEOPLE}, run="30 July", at=THE_NIGHT_BEFORE).status_code == 200
        other.client.close()
        arrived.set()
        assert slow.result(20).status_code == 200
    assert pusher.applied(here).status_code == 200


def test_who_may_not_push_is_told_before_the_body_is_sent(pusher: Pusher) -> None:
    here = address(pusher.opened({"people": PEOPLE}, run="31 July"))
    answered = raw(pusher, here, b"", who="chief", Content_Length=len(PEOPLE))
    assert b" 403 " in answered.split(b"\r\n", 1)[0]


# --- packed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(gzip.compress(PEOPLE), id="gzip"),
        pytest.param(gzip.compress(PEOPLE[:40]) + gzip.compress(b"") + gzip.compress(PEOPLE[40:]), id="in members"),
        pytest.param(gzip.compress(PEOPLE) + bytes(512), id="padded with zeros, as tapes are"),
    ],
)
def test_a_packed_dataset_is_unpacked_and_is_declared_as_it_is_unpacked(pusher: Pusher, packed: bytes) -> None:
    here = address(pusher.opened({"people": PEOPLE}, run="31 July"))
    assert pusher.put(here, "people", packed, content_encoding="GZIP").status_code == 200
    assert pusher.applied(here).json()["people_added"] == 2


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(gzip.compress(PEOPLE)[:-4], id="cut off in the checksum"),
        pytest.param(gzip.compress(PEOPLE)[:30], id="cut off"),
        pytest.param(gzip.compress(PEOPLE)[:-8] + bytes(8), id="another checksum"),
        pytest.param(zlib.compress(PEOPLE), id="zlib without gzip"),
        pytest.param(gzip.compress(PEOPLE) + b"and more", id="followed by something else"),
        pytest.param(gzip.compress(b"") * 10_001, id="in very many members"),
        pytest.param(PEOPLE, id="not packed"),
        pytest.param(b"", id="empty"),
    ],
)
def test_what_is_not_whole_gzip_is_refused(pusher: Pusher, service: Service, packed: bytes) -> None:
    here = address(pusher.opened({"people": PEOPLE}, run="31 July"))
    answer = pusher.put(here, "people", packed, content_encoding="gzip")
    assert (answer.status_code, codes(answer)) == (422, [("body", "malformed_gzip")])
    assert held(service.engine)["batch_dataset"] == 0


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "canary"])
def test_other_encodings_are_refused_by_name(pusher: Pusher, encoding: str) -> None:
    here = address(pusher.opened({"people": PEOPLE}, run="31 July"))
    answer = pusher.put(here, "people", PEOPLE, content_encoding=encoding)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_encoding")
    assert "canary" not in answer.text


def bomb(times: int, level: int = 9) -> bytes:
    """`times` MiB that say nothing, packed as tightly as gzip goes."""
    packer = zlib.compressobj(level, wbits=31)
    return b"".join(packer.compress(bytes(CHUNK)) for _ in range(times)) + packer.flush()


def test_a_bomb_is_refused_soon_and_takes_no_memory(pusher: Pusher, service: Service) -> None:
    """A tebibyte would come of four gigabytes like this; it is told by its first kilobytes."""
    packed = bomb(2048)
    here = address(pusher.opened({"people": PEOPLE}, run="31 July"))
    Path("/proc/self/clear_refs").write_text("5")
    before, begun = resident("VmRSS"), time.monotonic()
    answer = pusher.put(here, "people", packed, content_encoding="gzip")
    assert (answer.status_code, codes(answer)) == (413, [("body", "unpacks_too_large")])
    assert time.monotonic() - begun < 10
    assert resident("VmHWM") - before < 40
    assert held(service.engine)["batch_dataset"] == 0


def resident(name: str) -> int:
    """MiB of this process."""
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(told[name].split()[0]) // 1024


def test_what_unpacks_to_more_than_is_taken_is_refused(pusher: Pusher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "MOST_UNPACKED", len(PEOPLE) - 1)
    here = address(pusher.opened({"people": PEOPLE}, run="31 July"))
    answer = pusher.put(here, "people", gzip.compress(PEOPLE), content_encoding="gzip")
    assert (answer.status_code, codes(answer)) == (413, [("body", "unpacks_too_large")])


def test_more_bytes_than_are_taken_are_refused_announced_or_not(pusher: Pusher) -> None:
    here = address(pusher.opened({"people": PEOPLE}, run="31 July"))
    announced = raw(pusher, here, b"x", Content_Length=middleware.LARGE + 1)
    assert b" 413 " in announced.split(b"\r\n", 1)[0]
    unannounced = pusher.put(here, "people", (bytes(CHUNK) for _ in range(middleware.LARGE // CHUNK + 1)))
    assert (unannounced.status_code, unannounced.json()["code"]) == (413, "too_large")


# --- files that cannot be taken ----------------------------------------------------------------


def test_a_file_in_another_encoding_is_refused_whole_and_the_rest_is_taken(pusher: Pusher, service: Service) -> None:
    team = "team_id,title\nexeter,Zoë's team\n".encode("cp1252")
    answer = pusher.night({"people": PEOPLE, "teams": team}, run="31 July")
    assert answer.status_code == 200, answer.text
    (refusal,) = answer.json()["refusals"]
    assert [refusal[name] for name in ("dataset", "row", "code")] == ["teams", 2, "wrong_encoding"]
    assert watermarked(service.engine) == {"people"}
    alone = pusher.night({"teams": team}, run="again")
    assert (alone.status_code, codes(alone)) == (422, [("datasets.teams", "wrong_encoding")])


def watermarked(engine: Engine) -> set[str]:
    with reading(engine) as session:
        return set(session.scalars(select(watermark.c.dataset)))


def test_a_wrong_file_under_a_name_says_nothing_and_its_watermark_stays(pusher: Pusher, service: Service) -> None:
    plans = b"cppl_cp_plan_id,cppl_person_id,cppl_cp_plan_start_date\nP1,EX1,2020-01-06\n"
    first = pusher.night({"ssd_person": SSD_PEOPLE, "ssd_cp_plans": plans}, run="29 July", at="2020-07-29T02:00:00Z",
                         profile="ssd")  # fmt: skip
    assert first.status_code == 200, first.text
    before = held(service.engine)
    swapped = pusher.night({"ssd_person": SSD_PEOPLE, "ssd_cp_plans": SSD_PEOPLE}, run="30 July",
                           at=THE_NIGHT_BEFORE, profile="ssd")  # fmt: skip
    assert swapped.status_code == 200, swapped.text
    report = {each["name"]: each for each in swapped.json()["datasets"]}
    assert (report["ssd_cp_plans"]["unusable"], report["ssd_person"]["unusable"]) == (True, False)
    assert held(service.engine) == before | {"batch": 2, "watermark": before["watermark"] + 1}


@pytest.mark.parametrize("rows", [1, 3])
def test_other_rows_than_declared_stop_the_push(pusher: Pusher, service: Service, rows: int) -> None:
    answer = pusher.night({"people": PEOPLE}, run="31 July", declare={"rows": rows})
    assert (answer.status_code, codes(answer)) == (422, [("datasets.people.rows", "differs")])
    assert held(service.engine)["fact_person"] == 0


# --- size --------------------------------------------------------------------------------------


def contacts(rows: int) -> bytes:
    head = b"record_id,eclipse_id,occurred_at,contact_kind,outcome\n"
    return head + b"".join(
        b"C%d,EX%d,2020-07-%02dT10:%02d:00+01:00,phone,made\n" % (n, 1 + n % 2, 1 + n // 60 % 30, n % 60)
        for n in range(rows)
    )


def test_more_rows_than_are_taken_are_refused_by_the_manifest(pusher: Pusher) -> None:
    answer = pusher.opened({"people": PEOPLE}, run="31 July", declare={"rows": MAX_ROWS + 1})
    assert (answer.status_code, codes(answer)) == (422, [("datasets.0.rows", "less_than_equal")])
    assert pusher.opened({"people": PEOPLE}, run="31 July", declare={"rows": MAX_ROWS}).status_code == 201


@pytest.mark.parametrize("rows", [5_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_many_rows_are_taken_in_bounded_memory(pusher: Pusher, service: Service, rows: int) -> None:
    """Server and client are one process here; tests/benchmarks/intake.py measures the server by itself."""
    body = contacts(rows)
    pusher.night({"people": PEOPLE}, run="30 July", at=THE_NIGHT_BEFORE)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    report = pusher.night({"contacts": body}, run="31 July")
    assert report.status_code == 200, report.text[:500]
    assert report.json()["datasets"][0]["applied"] == rows
    assert held(service.engine)["fact_contact"] == rows
    assert resident("VmHWM") - before < 100 + rows // 250
    service.clock.advance(minutes=5)
    again = pusher.night({"contacts": body}, run="31 July, again", at="2020-07-31T03:00:00Z")
    assert again.json()["datasets"][0]["unchanged"] == rows
    assert held(service.engine)["fact_contact"] == rows
