"""Everything held on one person as a file: nothing left out of the one, nothing live in the other."""

import json

from service.writers import person_file

DOCUMENT = {
    "head": {
        "person_id": "p1", "known_at": "2026-11-22T09:00:00+00:00", "made_by": "Iris", "reason": "a <b>request</b>",
        "restricted": True, "sealed_by_adoption": False, "read_first": ["Not to be handed over as it is."],
    },
    "review": [{"path": "/facts/contact/*/voice", "rows": [0], "other_person": True, "why": "free text"}],
    "facts": {
        "contact": [
            {"voice": "<script>alert('Ash')</script>", "follow_up": None, "seen": False},
            {"voice": None, "follow_up": None, "seen": True},
        ],
        "placement": [],
    },
    "recipients": [{"act": "read.person", "name": "Zoë O'Dea"}],
}  # fmt: skip


def test_the_json_says_all_of_it_and_keeps_names_as_they_are_written() -> None:
    content = person_file.as_json(DOCUMENT)
    assert json.loads(content) == DOCUMENT
    assert "Zoë".encode() in content


def test_the_page_runs_nothing_and_fetches_nothing() -> None:
    page = person_file.as_page(DOCUMENT).decode()
    assert "&lt;script&gt;alert(&#39;Ash&#39;)&lt;/script&gt;" in page
    assert "a &lt;b&gt;request&lt;/b&gt;" in page
    for live in ("<script", "src=", "href=", "url(", "http"):
        assert live not in page


def test_the_page_marks_what_is_to_be_looked_at_and_leaves_empty_columns_out() -> None:
    page = person_file.as_page(DOCUMENT).decode()
    assert '<th scope="col" class="look">voice (look at)</th>' in page
    assert '<th scope="col">seen</th>' in page
    assert "follow up" not in page
    assert "Placement" not in page
    assert "The record is restricted." in page
    assert "sealed" not in page
    assert "Contact (2)" in page
