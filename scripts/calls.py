"""How the scripts call the service: where, as whom, how often again, and what an exit code means."""

import argparse
import os
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Any
from urllib.parse import urlsplit

import httpx
from rich.console import Console

ATTEMPTS = 6
LONGEST_PAUSE = 30.0
AGAIN = frozenset({429, 502, 503, 504})
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

said = Console(stderr=True, highlight=False)


class Exit(IntEnum):
    """What a script's exit code means."""

    DONE = 0
    USAGE = 2
    ROWS_REFUSED = 3
    REJECTED = 4
    UNREACHABLE = 5
    NOT_ALLOWED = 6
    HELD = 7
    OLDER = 8
    RUN_DIFFERS = 9
    UNUSABLE = 10


CODES = {"older_extract": Exit.OLDER, "run_content_differs": Exit.RUN_DIFFERS}
# Why a file cannot be used at all, as the service says it of a push in which none can.
UNUSABLE = frozenset({
    "wrong_encoding", "malformed_csv", "malformed_header", "missing_header", "duplicate_column", "missing_column",
    "json_array", "line_too_long", "too_many_columns", "too_many_rows", "differs", "front_door_contacts",
})  # fmt: skip


class Stop(Exception):
    """The script cannot go on. Carries the exit code and a sentence for the person who ran it."""

    def __init__(self, code: Exit, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def add_address(parser: argparse.ArgumentParser) -> None:
    """Add --url and --token; LOS_URL and LOS_TOKEN stand in for them (a token on a command line shows in `ps`)."""
    parser.add_argument("--url", default=os.environ.get("LOS_URL"), help="address of the service (or LOS_URL)")
    parser.add_argument("--token", default=os.environ.get("LOS_TOKEN"), help="access token (or LOS_TOKEN)")


def connect(url: str | None, token: str | None) -> httpx.Client:
    """A client that signs every call. Raises Stop when the address is unusable or would send records in the clear."""
    address = urlsplit(url or "")
    if address.scheme not in ("http", "https") or not address.hostname:
        raise Stop(Exit.USAGE, "Give --url (or LOS_URL), for instance http://127.0.0.1:8000")
    if address.scheme == "http" and address.hostname not in LOOPBACK:
        raise Stop(Exit.USAGE, "Records travel over https only (http is for this machine)")
    if not token:
        raise Stop(Exit.USAGE, "Give --token (or LOS_TOKEN); in development: .venv/bin/los token --role ROLE")
    headers = {"Authorization": f"Bearer {token.strip()}"}
    return httpx.Client(base_url=str(url), headers=headers, timeout=httpx.Timeout(330, connect=10))


def call(client: httpx.Client, method: str, path: str, **request: Any) -> httpx.Response:
    """Make a call that is safe to repeat, until it is answered. Raises Stop when it is refused or not answered."""
    reason = ""
    for attempt in range(ATTEMPTS):
        try:
            answer = client.request(method, path, **request)
        except httpx.TransportError as error:
            reason, pause = type(error).__name__, 2.0**attempt
        else:
            if answer.status_code not in AGAIN:
                return _accepted(answer)
            reason, pause = explanation(answer), _retry_after(answer, 2.0**attempt)
        if attempt + 1 < ATTEMPTS:
            pause = min(pause, LONGEST_PAUSE)
            said.print(f"Not answered ({reason}); again in {pause:.0f} s", style="dim", markup=False)
            time.sleep(pause)
    raise Stop(Exit.UNREACHABLE, f"The service did not answer: {reason}. Run the same command again later.")


def explanation(answer: httpx.Response) -> str:
    """A problem (RFC 9457) as one sentence; the bare status for anything else."""
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return f"HTTP {answer.status_code}"
    problem = answer.json()
    fields = [
        f"{field.get('path')}: {field.get('allowed') or field.get('code')}" for field in problem.get("fields", [])
    ]
    words = [f"{problem.get('title')} ({problem.get('code')})", problem.get("detail") or "", "; ".join(fields[:5])]
    return ". ".join(word for word in words if word)


def run(main: Callable[[], Exit]) -> Exit:
    """Run a script: say why it stopped, and give its exit code."""
    try:
        return main()
    except Stop as stop:
        said.print(str(stop), style="bold red", markup=False, soft_wrap=True)
        return stop.code
    except KeyboardInterrupt:
        said.print("Interrupted. The same command can be run again.")
        return Exit.UNREACHABLE


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    if answer.status_code in (401, 403):
        raise Stop(Exit.NOT_ALLOWED, explanation(answer))
    if answer.is_server_error:
        raise Stop(Exit.UNREACHABLE, explanation(answer))
    raise Stop(_refusal(answer), explanation(answer))


def _refusal(answer: httpx.Response) -> Exit:
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return Exit.REJECTED
    problem = answer.json()
    fields = problem.get("fields", [])
    if fields and all(str(f.get("path")).startswith("datasets.") and f.get("code") in UNUSABLE for f in fields):
        return Exit.UNUSABLE
    return CODES.get(problem.get("code"), Exit.REJECTED)


def _retry_after(answer: httpx.Response, otherwise: float) -> float:
    asked = answer.headers.get("retry-after", "")
    return float(asked) if asked.isascii() and asked.isdigit() else otherwise
