"""The spreadsheets we hand out and take back: their sheets, whose facts each holds, and how a row gets its id."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

NAME = "name"  # helps whoever fills it in; never read
ERRORS = "errors"  # what was wrong with the row; never read
WHOSE = "eclipse_id"
LONGEST_ID = 64

# What a person reads of a row that no extract could say, since only people are refused it.
WORDS: Mapping[str, str] = {
    "person_not_found": "There is nobody with this id whom you may see",
    "in_future": "{field} lies ahead",
    "missing": "{field} is empty, and without it the row says nothing",
    "before_start": "{field} is before the day it began",
    "not_a_code": "{field} holds no code we know",
    "cell_without_column": "A cell stands outside the columns of the form",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: a dataset of the `cohorts` profile, the kind of its facts, its key, and the day a fact begins."""

    dataset: str
    kind: str
    key: str
    begins: str


@dataclass(frozen=True, slots=True)
class Form:
    """A spreadsheet, and the topic whose campaign it serves. People still outstanding stand on its first sheet."""

    code: str
    title: str
    topic: str
    sheets: tuple[Sheet, ...]

    def sheet(self, dataset: str) -> Sheet | None:
        """The sheet of that name."""
        return next((sheet for sheet in self.sheets if sheet.dataset == dataset), None)


FORMS: Mapping[str, Form] = {
    form.code: form
    for form in (
        Form(
            "accommodation", "Where care leavers live", "accommodation",
            (Sheet("accommodation", "accommodation", "spell_id", "started_on"),),
        ),
        Form(
            "court", "Pre-proceedings and care proceedings", "pre_proceedings",
            (
                Sheet("pre_proceedings", "pre_proceedings", "record_id", "PPStartDate"),
                Sheet("care_proceedings", "care_proceedings", "record_id", "issued_on"),
            ),
        ),
        Form(
            "permanence", "Permanence plans", "permanence",
            (Sheet("permanence_plans", "permanence_plan", "record_id", "agreed_on"),),
        ),
    )
}  # fmt: skip


def id_of(eclipse_id: str, given: str, begins: str) -> str:
    """The id of a row's fact: as given, or by the day it begins; always that person's: no two people share one."""
    own = given or begins or "undated"
    found = own if own.startswith(f"{eclipse_id}:") else f"{eclipse_id}:{own}"
    return found if len(found) <= LONGEST_ID else hashlib.sha256(found.encode()).hexdigest()[:40]
