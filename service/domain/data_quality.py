"""What is wrong with a row that was refused or is doubtful: in plain words, and whose it is to put right."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from service.domain.access import Role
from service.domain.intake import Claim, Refusal

# Datasets whose key is the person's own id, so that it says whom a refused row is about.
KEYED_BY_PERSON = frozenset({"people", "plan_counts", "ssd_person", "ssd_care_leavers"})
# Flags that a source's silence leaves on what it said before: they stand as long as the fact carries them.
SILENCES = frozenset({"left_the_extract", "no_longer_supplied"})
LONGEST_KEY, LONGEST_NAME = 160, 80

# What a person reads. {field} is the column, or the field of a flag; {allowed} is what would be taken.
_OF_THE_FILE = {
    "wrong_encoding": "The file is not UTF-8 text, so none of it was taken",
    "malformed_csv": "The file cannot be read to its end as CSV (often a quote that never closes), so none of it was"
    " taken",
    "malformed_header": "The header holds something that is no column name, so none of the file was taken",
    "missing_header": "The file is empty and has not even a header, so none of it was taken",
    "duplicate_column": "The header names a column twice, so none of the file was taken",
    "missing_column": "The column {field} is missing, so none of the file was taken",
    "json_array": "The file holds an array instead of one JSON object a line, so none of it was taken",
    "line_too_long": "A row is longer than any row can be (often a quote that never closes), so none of the file was"
    " taken",
    "too_many_columns": "The file has more columns than are taken, so none of it was taken",
    "front_door_contacts": "The file holds contacts at the front door, not with young people: it is never read",
    "too_many_rows": "The file has more rows than are taken, so none of it was taken",
    "rows_differ": "The file has another number of rows than the manifest declares, so none of it was taken",
    "cannot_be_deleted": "A person, a team or a worker is never deleted, since rows speak of them; what ends is said by"
    " a day",
    "unknown_dataset": "Nobody here reads a file of this name",
    "malformed_json": "The line is not one JSON object that gives each field once",
    "cell_count": "The row has another number of cells than the header",
    "cell_without_column": "A cell stands under no column name",
    "cell_too_long": "A cell is longer than any field; most often a quote that never closes",
    "nul_character": "The row holds a NUL character",
    "not_text": "The row holds something that is not text",
    "missing_key": "{field} is empty: the row has no id of its own, so nothing can say later which row it was",
    "not_a_date": "{field} cannot be read as a day",
    "date_out_of_range": "{field} is a day that cannot be",
    "not_a_moment": "{field} cannot be read as a date with a time",
    "not_yes_or_no": "{field} cannot be read as yes or no",
    "not_a_whole_number": "{field} cannot be read as a whole number",
    "not_an_id": "{field} is no id",
    "not_allowed": "{field} holds a code that this column does not take",
    "too_long": "The source's id of the row is too long",
    "duplicate_row": "The id of the row came earlier in the file and said something else",
}
_OF_THE_SOURCE = {
    "person_not_found": "The row is about somebody whom neither this push nor an earlier one introduces",
    "another_person": "The row gives a period of care to one person that another row gives to somebody else",
    "other_person": "The row was about somebody else when it first came",
    "unmapped": "The code map does not say what the text in {field} means, so it counts as unknown",
    "placeholder": "{field} holds a stand-in such as 1900-01-01, so the record has nothing there",
    "no_longer_supplied": "{field} had a value that the source no longer gives; the last one still stands",
    "left_the_extract": "The row was in the extract before and is gone from it; what it said still stands",
    "several_rows": "The source has several rows for this person; the worse reading counts",
    "several_routes": "More than two routes are ticked; the first two count",
    "overlapping_spells": "Two rows of this person cover the same days",
    "conflicting": "The source has rows for this person that differ in {field}, none of them worse, so it is unknown",
    "displaced": "The source says again what somebody has since put right by hand",
    "sources_disagree": "Two sources disagree; the worse state stands until somebody settles it",
    "sealed": "The record is sealed since an adoption; nothing is added to it",
}
_OF_THE_PERSON = {
    "id_reused": "Eclipse has given this id to somebody else; a team manager, an area manager or the head of service"
    " must release it first",
    "missing_value": "{field} is empty, and without it the row says nothing",
    "ends_before_start": "{field} is before the day it began",
    "in_the_future": "{field} lies after the extract was taken",
    "future": "{field} lies after the extract was taken, so it was left out",
    "contradictory_code": "The code and the judgement contradict each other; the worse reading stands",
    "contradictory_row": "The row contradicts itself; the worse reading stands",
    "undated_row": "The row has no contact date, though it does not say that touch is lost: it may be an old one, so it"
    " ends no danger",
    "agreed_on_inferred": "The day of the decision is not recorded; the first step that rests on it stands for it",
    "reversed_without_date": "The decision was reversed, but not on which day",
    "episode_refused": "A row of this period of care was refused, so it counts as still running",
    "always_attempted": "News through somebody else and a visit without a reply are attempts, never contact",
    "not_in_person": "Seen is said of a contact that was not made face to face",
    "not_seen": "Seen alone is said of somebody who was not seen",
    "not_spoken_to": "{field} is given, but the young person was neither seen nor spoken to",
    "contradicts_voice": "The young person's voice is given together with why it was not obtained",
}
WORDS: Mapping[str, str] = {**_OF_THE_FILE, **_OF_THE_SOURCE, **_OF_THE_PERSON}
OWNED_BY_INTEGRATION = frozenset(_OF_THE_FILE)
OWNED_BY_TEAM = frozenset(_OF_THE_PERSON)

# Flags that begin so say their field behind it: unmapped_code, no_longer_supplied:suitable.
_STEMS = ("conflicting_", "placeholder_", "unmapped_", "future_", "no_longer_supplied:")


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong with one row of one dataset; never the value. `doubtful`: the row was taken all the same."""

    dataset: str
    row: int
    key: str
    field: str
    code: str
    allowed: str
    doubtful: bool
    person_id: str | None = None

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What makes it the same issue on another night: not the line, where the source gives the row an id."""
        return self.dataset, self.key or f"line {self.row}", self.field, self.code


def reason(code: str, field: str, allowed: str) -> str:
    """Why, as one sentence for a person. Never holds a value."""
    words = WORDS.get(code, "The row cannot be read as it stands").format(field=field or "A cell")
    return f"{words} (allowed: {allowed})." if allowed else f"{words}."


def owner(code: str, *, in_a_team: bool = True) -> Role:
    """Whose it is to put right: the file is its maker's, a person's record their team's, the rest the analyst's."""
    if code in OWNED_BY_INTEGRATION:
        return Role.INTEGRATION
    return Role.TEAM_MANAGER if code in OWNED_BY_TEAM and in_a_team else Role.PERFORMANCE_ANALYST


def parted(flag: str) -> tuple[str, str]:
    """(code, field) of a flag on a fact: `unmapped_code` is `unmapped` of `code`."""
    if flag in WORDS:
        return flag, ""
    stem = next((stem for stem in _STEMS if flag.startswith(stem)), None)
    return (stem[:-1], flag.removeprefix(stem)) if stem else (flag, "")


def issues(refusals: Iterable[Refusal], claims: Iterable[Claim], people: Mapping[str, str]) -> list[Issue]:
    """Every issue of a push, each once. `people` is Eclipse id -> person id."""
    found = [
        Issue(r.dataset, r.row, r.key[:LONGEST_KEY], r.field[:LONGEST_NAME], r.code, r.allowed, False,
              people.get(r.key) if r.dataset in KEYED_BY_PERSON else None)
        for r in refusals
    ]  # fmt: skip
    for claim in claims:
        if not claim.flags:
            continue
        for code, field in sorted({parted(flag) for flag in claim.flags}):
            person_id = people.get(claim.eclipse_id)
            key = claim.key[:LONGEST_KEY]
            found.append(Issue(claim.dataset, claim.row, key, field[:LONGEST_NAME], code, "", True, person_id))
    return list({issue.identity: issue for issue in reversed(found)}.values())[::-1]
