"""The tracker as a page: whatever a name holds it stays text, and nothing is fetched."""

import re
from html.parser import HTMLParser

import pytest

from service.writers import page
from tests.writers import trackers

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Reader(HTMLParser):
    """Notes every element, and that each one is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg/onload=alert(1)>', "{{ 7*7 }}", "</style>",
     "{% raw %}", "&lt;b&gt;", "\u202egpj"],
)  # fmt: skip
def test_a_name_is_text_whatever_it_holds(name: str) -> None:
    plain = read(page.tracker(trackers.of(trackers.somebody("Rowan"))).decode())
    marked = read(page.tracker(trackers.of(trackers.somebody(name), owner=name)).decode())
    assert marked.elements == plain.elements
    assert {attribute for attribute, _ in marked.attributes} == {attribute for attribute, _ in plain.attributes}


def test_nothing_is_fetched_and_nothing_runs() -> None:
    text = page.tracker(trackers.of(trackers.somebody("Rowan"))).decode()
    reader = read(text)
    assert not {"script", "img", "link", "iframe", "object", "form", "base"} & set(reader.elements)
    assert not re.search(r"https?:|//|url\(|@import", text)
    assert all((value or "").startswith("#") for name, value in reader.attributes if name in ("href", "src"))
    assert not [name for name, _ in reader.attributes if name.startswith("on")]


def test_it_reads_as_a_page_should() -> None:
    reader = read(page.tracker(trackers.of(trackers.somebody("Rowan"))).decode())
    assert ("lang", "en-GB") in reader.attributes
    assert reader.elements.count("h1") == 1
    assert len(reader.ids) == len(set(reader.ids))
    targets = {(value or "")[1:] for name, value in reader.attributes if name == "href"}
    assert targets <= set(reader.ids)


def test_a_row_says_who_since_when_and_what_clears_it() -> None:
    text = page.tracker(trackers.of(trackers.somebody("Rowan"))).decode()
    assert "Weekly tracker, 31 July 2020" in text
    assert "As known on 31 July 2020, 09:00." in text  # London time
    assert "Rowan Demo-Ashford, 19" in text
    assert "Tent since 10 July 2020, 21 days by 31 July 2020" in text
    assert "<strong>Clears when:</strong>" in text
    assert "contested" in text
    assert "Eclipse is 7 hours old" in text


def test_figures_alone_say_nobody() -> None:
    text = page.tracker(trackers.of(trackers.somebody("Rowan"), rows=False)).decode()
    assert "<strong>1 of 1</strong>" in text
    assert "Rowan" not in text


def test_a_cohort_whose_rows_are_not_for_the_reader_does_not_say_that_it_is_empty() -> None:
    text = page.tracker(trackers.of(trackers.somebody("Rowan"), rows=False)).decode()
    section = text.split('<section id="unsuitable_accommodation">', 1)[1].split("</section>", 1)[0]
    assert "Nobody." not in section


def test_a_restricted_person_is_a_row_without_a_name() -> None:
    text = page.tracker(trackers.of(trackers.somebody("Hidden", restricted=True))).decode()
    assert "Restricted record" in text
    assert "Hidden" not in text
    assert "10 July" not in text


def test_narrative_is_never_on_the_page() -> None:
    assert trackers.WHY not in page.tracker(trackers.of(trackers.somebody("Rowan"))).decode()
