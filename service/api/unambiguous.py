"""JSON that every parser reads alike: no duplicate keys, NaN, lone surrogates, NUL, or depth that hurts."""

import json
from typing import Any

DEEPEST = 20


class Ambiguous(ValueError):
    """What is wrong with JSON that can be parsed, as a code."""


def read(said: bytes) -> Any:
    """The JSON that bytes are. Raises Ambiguous, or ValueError or RecursionError when they are none."""
    value = json.loads(said.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    _fit(value, 0)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Ambiguous("duplicate_key")
    return found


def _no_constant(_name: str) -> None:
    raise Ambiguous("not_a_number")


def _fit(value: Any, level: int) -> None:
    """Walk a parsed value; raise on text that cannot be stored and on nesting beyond DEEPEST."""
    if level > DEEPEST:
        raise Ambiguous("too_deep")
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise Ambiguous("broken_text")
    elif isinstance(value, dict):
        for key, each in value.items():
            _fit(key, level + 1)
            _fit(each, level + 1)
    elif isinstance(value, list):
        for each in value:
            _fit(each, level + 1)
