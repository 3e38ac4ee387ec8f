"""The tracker as one plain page that prints: no script, no picture, nothing fetched."""

import base64
import hashlib
import re
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2

from service.domain.dates import counted, in_words, london_day
from service.domain.tracker import Tracker

LONDON = ZoneInfo("Europe/London")


def _when(moment: datetime) -> str:
    return f"{in_words(london_day(moment))}, {moment.astimezone(LONDON):%H:%M}"


def _day(day: date | None) -> str:
    return in_words(day) if day else "not known"


def _age(hours: int) -> str:
    return counted(hours, "hour") if hours < 48 else counted(hours // 24, "day")


def _plain(code: str) -> str:
    return code.replace("_", " ").replace(":", ": ")


_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("service.writers"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {"age": _age, "when": _when, "day": _day, "plain": _plain}


def tracker(value: Tracker) -> bytes:
    """HTML bytes of the whole tracker."""
    return _TEMPLATES.get_template("tracker.html").render(tracker=value).encode()


def styles() -> tuple[str, ...]:
    """The style of each page of ours, as a content security policy allows it: by its hash, so no other is."""
    sources = [_TEMPLATES.get_template(name).filename or "" for name in _TEMPLATES.list_templates(["html"])]
    texts = [Path(source).read_text(encoding="utf-8") for source in sources]
    found = [style for text in texts for style in re.findall("<style>(.*?)</style>", text, re.DOTALL)]
    hashes = {base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in found}
    return tuple(f"'sha256-{each}'" for each in sorted(hashes))
