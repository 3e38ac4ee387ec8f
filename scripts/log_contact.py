#!/usr/bin/env python3
"""Log one contact with a child or young person, made or attempted, and a move in the same call if there was one.

    log_contact.py --eclipse-id 204417 --kind phone --outcome made
    log_contact.py --eclipse-id 204417 --kind face_to_face --outcome made --seen --seen-alone --at 2020-07-30T14:05
    log_contact.py --eclipse-id 204417 --kind phone --outcome made --moved-to '{"unacceptable": "tent"}'

The key that is printed makes a repeat safe: after a lost signal run it again with --key, and it counts once.
Exit codes: 0 recorded; 2 wrong usage; 4 refused; 5 no answer; 6 not signed in, or not permitted.
"""

import argparse
import json
import uuid
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import calls
from calls import Exit, said

LONDON = ZoneInfo("Europe/London")
KINDS = (
    *("face_to_face", "video", "phone", "text", "email", "letter", "social_media"),
    *("visit_no_reply", "prison_visit", "third_party"),
)
TEXTS = ("voice", "voice_not_obtained", "follow_up")


def main() -> Exit:
    """Send the contact under its key until it is answered; print the key, then what was recorded."""
    options = _options()
    body = _body(options)
    repeat = f"--key {options.key} --at {body['occurred_at']}"
    said.print(f"To repeat this safely: {repeat}", soft_wrap=True, markup=False)
    with calls.connect(options.url, options.token) as client:
        answer = calls.call(client, "POST", "/v1/contacts", json=body, headers={"Idempotency-Key": options.key})
    print(json.dumps(answer.json(), indent=2, ensure_ascii=False))
    return Exit.DONE


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    calls.add_address(parser)
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--eclipse-id", help="the person's id in Eclipse")
    whom.add_argument("--person-id", help="the person's id here")
    parser.add_argument("--kind", required=True, choices=KINDS)
    parser.add_argument("--outcome", required=True, choices=("made", "attempted"), help="made: they answered")
    parser.add_argument("--at", type=_moment, metavar="TIME", help="when it happened (London unless it has an offset)")
    parser.add_argument("--by", dest="initiated_by", choices=("worker", "young_person", "third_party"))
    parser.add_argument("--seen", action=argparse.BooleanOptionalAction, help="seen in the flesh")
    parser.add_argument("--seen-alone", action=argparse.BooleanOptionalAction)
    parser.add_argument("--place", choices=("accommodation", "office", "prison", "elsewhere"))
    parser.add_argument("--voice", help="what they said, in their words")
    parser.add_argument("--voice-not-obtained", help="why their voice was not obtained")
    parser.add_argument("--follow-up", help="what happens next")
    parser.add_argument("--moved-to", type=json.loads, metavar="JSON", help="the fields of the new accommodation")
    parser.add_argument("--key", default=str(uuid.uuid4()), help="Idempotency-Key; a new one unless given")
    return parser.parse_args()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("a time is written 2020-07-30T14:05 or 2020-07-30T14:05:00+01:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=LONDON)


def _body(options: argparse.Namespace) -> dict[str, Any]:
    """The request: only what was said, since an empty field and a missing one mean the same."""
    at = options.at or datetime.now(UTC).astimezone(LONDON)
    given = {
        "eclipse_id": options.eclipse_id,
        "person_id": options.person_id,
        "occurred_at": at.isoformat(timespec="seconds"),
        "contact_kind": options.kind,
        "outcome": options.outcome,
        "initiated_by": options.initiated_by,
        "seen": options.seen,
        "seen_alone": options.seen_alone,
        "place": options.place,
        "accommodation": options.moved_to,
    }
    given |= {name: getattr(options, name) for name in TEXTS}
    return {name: value for name, value in given.items() if value is not None}


if __name__ == "__main__":
    raise SystemExit(calls.run(main))
