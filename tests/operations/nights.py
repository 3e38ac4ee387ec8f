"""Random nights of a small county, and a model of what must come of them: from PRODUCT.md, not from the code.

`County` is what Eclipse would say on a clean night; `spoil` turns a night into a bad one; `Model` keeps what was said
and works out who must be in which cohort. Absence, blanks and files that cannot be read have no effect in the model.
"""

import copy
import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

Cells = dict[str, str]

COLUMNS: dict[str, tuple[str, ...]] = {
    "people": ("eclipse_id", "forename", "surname", "born_on", "transferred_out_on", "team_id", "responsible_from"),
    "accommodation": ("spell_id", "eclipse_id", "code", "suitable", "started_on", "ended_on", "judged_on"),
    "pre_proceedings": ("record_id", "eclipse_id", "PPStartDate", "StepDecisionDate", "PPOutcome", "CourtAppDate"),
    "ssd_person": ("pers_person_id", "pers_forename", "pers_surname", "pers_dob", "pers_death_date"),
    "ssd_care_leavers": (
        "clea_table_id", "clea_person_id", "clea_care_leaver_eligibility", "clea_care_leaver_in_touch",
        "clea_care_leaver_latest_contact", "clea_care_leaver_accommodation", "clea_care_leaver_accom_suitable",
        "clea_care_leaver_activity",
    ),
    "ssd_involvements": (
        "invo_involvements_id", "invo_person_id", "invo_professional_id", "invo_professional_role_id",
        "invo_professional_team", "invo_involvement_start_date", "invo_involvement_end_date",
    ),
    "ssd_cp_plans": ("cppl_cp_plan_id", "cppl_person_id", "cppl_cp_plan_start_date", "cppl_cp_plan_end_date"),
    "ssd_cla_episodes": (
        "clae_cla_episode_id", "clae_person_id", "clae_cla_id", "clae_entered_care_date",
        "clae_cla_episode_start_date", "clae_cla_episode_ceased_date", "clae_cla_episode_ceased_reason",
    ),
    "ssd_missing": (
        "miss_table_id", "miss_person_id", "miss_missing_episode_start_date", "miss_missing_episode_end_date",
    ),
}  # fmt: skip
COHORTS_FILES = ("people", "accommodation", "pre_proceedings")
SSD_FILES = tuple(name for name in COLUMNS if name.startswith("ssd_"))
KEY = {name: columns[2 if name == "ssd_cla_episodes" else 0] for name, columns in COLUMNS.items()}
WHO = {name: columns[0 if name in ("people", "ssd_person") else 1] for name, columns in COLUMNS.items()}
KINDS = {
    "people": ("person", "responsibility"), "accommodation": ("accommodation",),
    "pre_proceedings": ("pre_proceedings",), "ssd_person": ("person",),
    "ssd_care_leavers": ("care_leaver_status", "accommodation"), "ssd_involvements": ("allocation", "responsibility"),
    "ssd_cp_plans": ("child_protection_plan",), "ssd_cla_episodes": ("period_of_care",),
    "ssd_missing": ("missing_episode",),
}  # fmt: skip
# dataset -> our name of a field -> (column, whether it says that something ended)
FIELDS: dict[str, dict[str, tuple[str, bool]]] = {
    "people": {"born": ("born_on", False), "transferred": ("transferred_out_on", True)},
    "ssd_person": {"born": ("pers_dob", False), "died": ("pers_death_date", True)},
    "accommodation": {
        "code": ("code", False), "suitable": ("suitable", False), "start": ("started_on", False),
        "end": ("ended_on", True),
    },
    "pre_proceedings": {
        "start": ("PPStartDate", False), "step": ("StepDecisionDate", True), "outcome": ("PPOutcome", True),
        "court": ("CourtAppDate", True),
    },
    "ssd_involvements": {
        "role": ("invo_professional_role_id", False), "start": ("invo_involvement_start_date", False),
        "end": ("invo_involvement_end_date", True),
    },
    "ssd_cp_plans": {"start": ("cppl_cp_plan_start_date", False), "end": ("cppl_cp_plan_end_date", True)},
    "ssd_cla_episodes": {
        "start": ("clae_entered_care_date", False), "end": ("clae_cla_episode_ceased_date", True),
    },
    "ssd_missing": {
        "start": ("miss_missing_episode_start_date", False), "end": ("miss_missing_episode_end_date", True),
    },
}  # fmt: skip
ENDS = {name: "step" if name == "pre_proceedings" else "end" for name in FIELDS}
OPTIONAL = {
    "people": ("born_on", "team_id"), "accommodation": ("suitable", "ended_on", "code"),
    "pre_proceedings": ("PPStartDate", "StepDecisionDate", "PPOutcome", "CourtAppDate"),
    "ssd_person": ("pers_dob", "pers_death_date"), "ssd_care_leavers": COLUMNS["ssd_care_leavers"][2:],
    "ssd_involvements": ("invo_professional_role_id", "invo_involvement_end_date", "invo_professional_team"),
    "ssd_cp_plans": ("cppl_cp_plan_end_date",),
    "ssd_cla_episodes": ("clae_cla_episode_ceased_date", "clae_cla_episode_ceased_reason"),
    "ssd_missing": ("miss_missing_episode_end_date",),
}  # fmt: skip
DATES = {name: tuple(c for c in columns if c.endswith(("_on", "date", "Date", "_contact", "dob")))
         for name, columns in COLUMNS.items()}  # fmt: skip


@dataclass(slots=True)
class Row:
    """A row as sent. `refused`: the model knows that it cannot be read; `keyed`: it still says which record it is."""

    cells: Cells
    refused: bool = False
    keyed: bool = True
    raw: str | None = None


@dataclass(slots=True)
class Sent:
    """One file of a night. `data` stands for `rows` where the file is broken as a whole (`usable` is then false)."""

    name: str
    rows: list[Row]
    mode: str = "full"
    usable: bool = True
    data: bytes | None = None
    declared: int | None = None

    def content(self) -> bytes:
        """The bytes."""
        return self.data if self.data is not None else written(self.name, self.rows)


def written(name: str, rows: Iterable[Row], columns: tuple[str, ...] | None = None) -> bytes:
    """Rows as CSV; a row with `raw` is written as it is."""
    rows = list(rows)
    names = list(columns or COLUMNS[name])
    if any("record_deleted" in row.cells for row in rows):
        names.append("record_deleted")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        if row.raw is not None:
            out.write(row.raw)
        else:
            writer.writerow([row.cells.get(column, "") for column in names])
    return out.getvalue().encode()


# --- the county ------------------------------------------------------------------------------

GOOD = [("U", "1"), ("K", "1"), ("B", "1"), ("T", "1")]
BAD = [("S", "2"), ("S", "1"), ("W", "1"), ("W", ""), ("V", ""), ("X", ""), ("X", "1"), ("U", "2"), ("S", "")]
VAGUE = [("R", ""), ("0", ""), ("Y", ""), ("U", ""), ("under a bridge", "")]


@dataclass(slots=True)
class County:
    """What Eclipse holds. `files[dataset][key]` are the cells of a row."""

    chance: Random
    day: date
    files: dict[str, dict[str, Cells]] = field(default_factory=lambda: {name: {} for name in COLUMNS})
    leavers: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    made: int = 0

    def found(self, leavers: int, children: int) -> None:
        """The first people."""
        for _ in range(leavers):
            self.new_leaver()
        for _ in range(children):
            self.new_child()

    def ago(self, least: int, most: int) -> str:
        return (self.day - timedelta(days=self.chance.randint(least, most))).isoformat()

    def number(self) -> int:
        self.made += 1
        return self.made

    def _person(self, prefix: str, born: str) -> str:
        who = f"{prefix}{self.number():03}"
        self.files["people"][who] = {
            "eclipse_id": who, "forename": "Demo", "surname": f"Demo-{who}", "born_on": born, "team_id": "exeter_1",
            "responsible_from": "2019-01-01",
        }  # fmt: skip
        self.files["ssd_person"][who] = {
            "pers_person_id": who, "pers_forename": "Demo", "pers_surname": f"Demo-{who}", "pers_dob": born,
        }  # fmt: skip
        return who

    def allocate(self, who: str, role: str) -> None:
        key = f"I{self.number()}"
        self.files["ssd_involvements"][key] = {
            "invo_involvements_id": key, "invo_person_id": who, "invo_professional_id": "W1",
            "invo_professional_role_id": role, "invo_professional_team": "exeter_1",
            "invo_involvement_start_date": self.ago(0, 300),
        }  # fmt: skip

    def new_leaver(self) -> str:
        years = self.chance.choice([18, 19, 19, 20, 22, 24])
        who = self._person("L", self.ago(years * 366, years * 366 + 350))
        self.leavers.append(who)
        self.files["ssd_care_leavers"][who] = {
            "clea_table_id": f"C-{who}", "clea_person_id": who, "clea_care_leaver_eligibility": "Former relevant",
            "clea_care_leaver_activity": "F5",
        }  # fmt: skip
        self.place(who, self.chance.choice([GOOD, GOOD, GOOD, BAD, VAGUE]))
        self.touch(who, self.chance.choice(["YES", "YES", "YES", "NO", "REFU"]))
        if self.chance.random() < 0.9:
            self.allocate(who, "PA")
        if self.chance.random() < 0.25:
            self.spell(who)
        return who

    def new_child(self) -> str:
        years = self.chance.choice([3, 8, 12, 16, 17])
        who = self._person("K", self.ago(years * 366, years * 366 + 350))
        self.children.append(who)
        for begin in self.chance.sample([self.plan, self.care, self.stage, self.plan], self.chance.randint(1, 2)):
            begin(who)
        if self.chance.random() < 0.85:
            self.allocate(who, "SW")
        return who

    def place(self, who: str, among: list[tuple[str, str]]) -> None:
        code, suitable = self.chance.choice(among)
        self.files["ssd_care_leavers"][who] |= {
            "clea_care_leaver_accommodation": code, "clea_care_leaver_accom_suitable": suitable,
        }  # fmt: skip

    def touch(self, who: str, said: str) -> None:
        on = self.ago(0, 80) if said == "YES" else self.chance.choice(["", self.ago(0, 80)])
        self.files["ssd_care_leavers"][who] |= {
            "clea_care_leaver_in_touch": said, "clea_care_leaver_latest_contact": on,
        }  # fmt: skip

    def spell(self, who: str) -> None:
        """A dated spell in our own file, beside what SSD says; often another place."""
        key = f"A{self.number()}"
        code, suitable = self.chance.choice(self.chance.choice([GOOD, GOOD, BAD]))
        yes = {"1": "yes", "2": "no", "": ""}[suitable]
        self.files["accommodation"][key] = {
            "spell_id": key, "eclipse_id": who, "code": code, "suitable": yes, "started_on": self.ago(0, 200),
        }  # fmt: skip

    def plan(self, who: str) -> None:
        key = f"P{self.number()}"
        self.files["ssd_cp_plans"][key] = {
            "cppl_cp_plan_id": key, "cppl_person_id": who, "cppl_cp_plan_start_date": self.ago(0, 500),
        }  # fmt: skip

    def care(self, who: str) -> None:
        if any(row["clae_person_id"] == who for row in self.files["ssd_cla_episodes"].values()):
            return
        key = f"E{self.number()}"
        self.files["ssd_cla_episodes"][key] = {
            "clae_cla_episode_id": f"{key}-1", "clae_person_id": who, "clae_cla_id": key,
            "clae_entered_care_date": self.ago(0, 500),
        }  # fmt: skip

    def stage(self, who: str) -> None:
        key = f"R{self.number()}"
        self.files["pre_proceedings"][key] = {
            "record_id": key, "eclipse_id": who, "PPStartDate": self.chance.choice([self.ago(0, 200)] * 5 + [""]),
        }  # fmt: skip

    def missing(self, who: str) -> None:
        key = f"M{self.number()}"
        self.files["ssd_missing"][key] = {
            "miss_table_id": key, "miss_person_id": who, "miss_missing_episode_start_date": self.ago(0, 5),
        }  # fmt: skip

    def _some_open(self, name: str, end: str) -> Cells | None:
        rows = [row for row in self.files[name].values() if not row.get(end)]
        return self.chance.choice(rows) if rows else None

    def worsen(self) -> None:
        """New danger, of one kind or another."""
        leaver, child = self.chance.choice(self.leavers), self.chance.choice(self.children)
        match self.chance.randrange(9):
            case 0 | 1:
                self.place(leaver, BAD)
            case 2:
                self.touch(leaver, self.chance.choice(["NO", "REFU", "RHOM"]))
            case 3:
                self.plan(child)
            case 4:
                self.missing(self.chance.choice([leaver, child]))
            case 5:
                self.stage(child)
            case 6:
                if row := self._some_open("ssd_involvements", "invo_involvement_end_date"):
                    row["invo_involvement_end_date"] = max(self.ago(1, 3), row["invo_involvement_start_date"])
            case 7:
                self.place(leaver, VAGUE)
            case _:
                self.spell(leaver)

    def improve(self) -> None:
        """Something gets better, or ends."""
        leaver = self.chance.choice(self.leavers)
        match self.chance.randrange(9):
            case 0 | 1:
                self.place(leaver, GOOD)
            case 2:
                self.touch(leaver, "YES")
            case 3:
                self._end("ssd_cp_plans", "cppl_cp_plan_end_date", "cppl_cp_plan_start_date")
            case 4:
                self._end("ssd_missing", "miss_missing_episode_end_date", "miss_missing_episode_start_date")
            case 5:
                if row := self._some_open("pre_proceedings", "StepDecisionDate"):
                    said = self.chance.choice([("Step down", ""), ("A", ""), ("Decision to issue", self.ago(0, 2))])
                    row |= {"PPOutcome": said[0], "CourtAppDate": said[1], "StepDecisionDate": self.ago(0, 3)}
            case 6:
                self._end("ssd_cla_episodes", "clae_cla_episode_ceased_date", "clae_entered_care_date")
            case 7:
                self._end("accommodation", "ended_on", "started_on")
            case _:
                who = self.chance.choice(self.leavers + self.children)
                self.allocate(who, "PA" if who in self.leavers else "SW")

    def _end(self, name: str, end: str, start: str) -> None:
        if row := self._some_open(name, end):
            row[end] = max(self.ago(0, 3), row[start])

    def live(self) -> None:
        """An ordinary day."""
        for _ in range(self.chance.randint(0, 3)):
            self.worsen()
        for _ in range(self.chance.randint(0, 2)):
            self.improve()
        luck = self.chance.random()
        everybody = self.leavers + self.children
        if luck < 0.03:
            self.files["ssd_person"][self.chance.choice(everybody)]["pers_death_date"] = self.ago(0, 2)
        elif luck < 0.06:
            self.files["people"][self.chance.choice(everybody)]["transferred_out_on"] = self.ago(0, 2)
        elif luck < 0.09:
            said = self.chance.choice(["Qualifying", "none", "no idea", ""])
            self.files["ssd_care_leavers"][self.chance.choice(self.leavers)]["clea_care_leaver_eligibility"] = said
        elif luck < 0.12:
            self.files["ssd_care_leavers"][self.chance.choice(self.leavers)]["clea_care_leaver_in_touch"] = "DIED"
        elif luck < 0.30:
            self.chance.choice([self.new_leaver, self.new_child])()

    def sent(self, names: Iterable[str]) -> list[Sent]:
        """A clean, full extract."""
        return [Sent(name, [Row(dict(cells)) for cells in self.files[name].values()]) for name in names]


# --- bad nights ------------------------------------------------------------------------------


def shrink(sent: Sent, chance: Random) -> None:
    """A share of the rows is gone."""
    share = chance.choice([0.05, 0.1, 0.3, 0.8])
    sent.rows = [row for row in sent.rows if chance.random() > share]


def empty(sent: Sent, _chance: Random) -> None:
    """All of them are."""
    sent.rows = []


def double(sent: Sent, chance: Random) -> None:
    """Rows come twice: the same, or saying something else under the same key."""
    for row in chance.sample(sent.rows, min(len(sent.rows), chance.randint(1, 3))):
        again = copy.deepcopy(row)
        if chance.random() < 0.5:
            if sent.name == "ssd_care_leavers" and row.cells["clea_care_leaver_in_touch"] != "DIED":
                again.cells |= {"clea_care_leaver_accommodation": "S", "clea_care_leaver_accom_suitable": "2"}
            elif sent.name in ("ssd_cp_plans", "ssd_missing"):
                again.cells[COLUMNS[sent.name][2]] = "2018-05-05"
        sent.rows.append(again)


def graver(name: str, one: Row, other: Row) -> Row:
    """Of two rows under one key: what is open before what has ended, then what began earlier."""
    start, end = (FIELDS[name][each][0] for each in ("start", "end"))

    def grade(row: Row) -> tuple[bool, date]:
        return bool(text(row.cells, end)), a_day(text(row.cells, start)) or date.max

    return min(one, other, key=grade)


def contradict(sent: Sent, chance: Random) -> None:
    """Rows that contradict themselves."""
    for row in chance.sample(sent.rows, min(len(sent.rows), 3)):
        if sent.name == "ssd_care_leavers":
            row.cells |= chance.choice([
                {"clea_care_leaver_accommodation": "S", "clea_care_leaver_accom_suitable": "1"},
                {"clea_care_leaver_in_touch": "YES", "clea_care_leaver_latest_contact": ""},
                {"clea_care_leaver_in_touch": "", "clea_care_leaver_latest_contact": ""},
                {"clea_care_leaver_accommodation": "", "clea_care_leaver_accom_suitable": "1"},
                {"clea_care_leaver_accommodation": "V", "clea_care_leaver_accom_suitable": ""},
                {"clea_care_leaver_eligibility": "Relevant", "clea_care_leaver_in_touch": ""},
            ])  # fmt: skip
        elif sent.name in FIELDS and ENDS[sent.name] == "end" and "end" in FIELDS[sent.name]:
            start, end = FIELDS[sent.name]["start"][0], FIELDS[sent.name]["end"][0]
            row.cells[end] = "2015-01-01"
            row.refused = bool(row.cells.get(start))


def blank(sent: Sent, chance: Random) -> None:
    """One or two columns are empty in every row, or are not there."""
    columns = chance.sample(OPTIONAL[sent.name], min(2, len(OPTIONAL[sent.name])))[: chance.randint(1, 2)]
    for row in sent.rows:
        for column in columns:
            row.cells[column] = chance.choice(["", "", "NULL"])


def garble(sent: Sent, chance: Random) -> None:
    """Cells, or whole lines, that cannot be read."""
    for row in chance.sample(sent.rows, min(len(sent.rows), 3)):
        match chance.randrange(3):
            case 0:
                row.cells[chance.choice(DATES[sent.name])] = chance.choice(["soon", "2020-02-30", "31.07.2020"])
                row.refused = True
            case 1:
                row.cells[COLUMNS[sent.name][0]] = ""
                row.refused, row.keyed = True, sent.name == "ssd_cla_episodes"
            case _:
                row.raw = "one,cell,too,many" * 7 + "\n"
                row.refused, row.keyed = True, False


def break_off(sent: Sent, chance: Random) -> None:
    """A file that is no use as a whole."""
    data = sent.content()
    sent.usable = False
    match chance.randrange(5):
        case 0:
            sent.declared = len(sent.rows)
            sent.data = written(sent.name, sent.rows[: len(sent.rows) // 2])
            sent.usable = not sent.rows
        case 1:
            sent.data = data.replace(b"\n", "\u00e9\n".encode("latin-1"), 2)
        case 2:
            sent.data = data + b'"never closed\n'
        case 3:
            kept = tuple(c for c in COLUMNS[sent.name] if c not in (KEY[sent.name], COLUMNS[sent.name][0]))
            sent.data = written(sent.name, sent.rows, kept)
        case _:
            other = "ssd_missing" if sent.name != "ssd_missing" else "ssd_cp_plans"
            sent.data = written(other, [])


def delta(sent: Sent, county: County) -> None:
    """Only some rows, and some of them deleted at the source."""
    sent.mode = "delta"
    sent.rows = [row for row in sent.rows if county.chance.random() < 0.4]
    if county.chance.random() < 0.5 and sent.name not in ("people", "ssd_person"):
        for row in county.chance.sample(sent.rows, min(len(sent.rows), county.chance.randint(1, 4))):
            row.cells["record_deleted"] = "yes"
            key = row.cells[KEY[sent.name]]
            if sent.name == "ssd_care_leavers":
                key = row.cells["clea_person_id"]
                continue_as = county.files[sent.name]
                continue_as.pop(key, None)
                county.leavers = [who for who in county.leavers if who in continue_as] or county.leavers
            else:
                county.files[sent.name].pop(key, None)


SPOILERS = {
    "shrunk": shrink, "emptied": empty, "duplicated": double, "contradictory": contradict, "blanked": blank,
    "garbled": garble, "damaged": break_off,
}  # fmt: skip


# --- the model -------------------------------------------------------------------------------

IN = frozenset({"danger", "over", "unknown"})
GRAVE = ("danger", "over", "unknown", "out")
# Who vanishes unseen: the kind of fact missed -> cohorts that rest on it.
RESTS = {
    "accommodation": ("unsuitable_accommodation", "accommodation_unknown"), "care_leaver_status": ("not_in_touch",),
    "pre_proceedings": ("pre_proceedings_over_12_weeks",), "allocation": ("unallocated",),
    "child_protection_plan": ("cp_plan_over_9_months", "repeat_cp_plan"),
}  # fmt: skip
EXACT = ("accommodation", "pre_proceedings", "ssd_cp_plans", "ssd_cla_episodes", "ssd_missing")
ROLES = {"PA": "pa", "SW": "sw"}
STANDS = ("REFU", "RHOM", "NO")


def a_day(text: str | None) -> date | None:
    """A day as our own files write it."""
    return date.fromisoformat(text) if text and text != "NULL" else None


def text(cells: Cells, column: str) -> str:
    """A cell, empty where it says nothing."""
    said = cells.get(column, "")
    return "" if said == "NULL" else said


@dataclass(slots=True)
class Spell:
    """An undated value, from the night it was first seen to the night it changed."""

    value: dict[str, Any]
    start: date
    end: date | None = None
    left: bool = False


@dataclass(slots=True)
class Waits:
    """A row of a dataset that waits for a decision."""

    batch_id: str
    day: date
    row: Row
    kinds: frozenset[str]


@dataclass(slots=True)
class Model:
    """What has been said and applied."""

    facts: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {name: {} for name in FIELDS})
    places: dict[str, list[Spell]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[str, list[Spell]] = field(default_factory=lambda: defaultdict(list))
    touched: dict[str, list[date]] = field(default_factory=lambda: defaultdict(list))
    tents: dict[str, date] = field(default_factory=dict)
    waiting: dict[str, list[Waits]] = field(default_factory=lambda: defaultdict(list))
    said: set[str] = field(default_factory=set)
    """People of whom something new was said and taken since this was last emptied."""

    # --- taking rows ---

    def knows(self, who: str) -> bool:
        return who in self.facts["people"] or who in self.facts["ssd_person"]

    def refuses(self, sent: Sent, row: Row, introduced: set[str]) -> bool:
        """Whether the row must be refused."""
        return row.refused or not (self.knows(who := row.cells[WHO[sent.name]]) or who in introduced)

    def take(self, name: str, row: Row, day: date, kinds: frozenset[str]) -> None:
        """What a readable row says, of these kinds of fact."""
        if name == "ssd_care_leavers":
            self._leaver(row, day, kinds)
        elif KINDS[name][0] in kinds:
            self._dated(name, row, day)

    def _dated(self, name: str, row: Row, day: date) -> None:
        key = row.cells[KEY[name]]
        before = self.facts[name].get(key)
        if row.cells.get("record_deleted"):
            if before is not None and before.get(ENDS[name]) is None and before.get("court") is None:
                before[ENDS[name]] = max(day, before.get("start") or day)
                self.said.add(before["who"])
            return
        now: dict[str, Any] = {"who": row.cells[WHO[name]], "left": False}
        for own, (column, ends) in FIELDS[name].items():
            said: Any = text(row.cells, column) or None
            if own not in ("code", "suitable", "role", "outcome"):
                said = a_day(said)
            now[own] = said if said is not None or ends or before is None else before[own]
        if before != now:
            self.said.add(now["who"])
        self.facts[name][key] = now

    def _leaver(self, row: Row, day: date, kinds: frozenset[str]) -> None:
        who = row.cells["clea_person_id"]
        if row.cells.get("record_deleted"):
            for kind, spells in (("accommodation", self.places[who]), ("care_leaver_status", self.statuses[who])):
                if kind in kinds and spells and spells[-1].end is None:
                    spells[-1].end = day
                    self.said.add(who)
            return
        code, suit = (text(row.cells, f"clea_care_leaver_{c}") for c in ("accommodation", "accom_suitable"))
        touch, on = (text(row.cells, f"clea_care_leaver_{c}") for c in ("in_touch", "latest_contact"))
        active = text(row.cells, "clea_care_leaver_activity")
        undated = not on and touch in ("YES", "") and bool(touch or code or suit or active)
        if "accommodation" in kinds and (code or suit):
            self._spell(who, self.places[who], self._place(self.places[who], code, suit, undated), day)
        if "care_leaver_status" in kinds:
            eligible = text(row.cells, "clea_care_leaver_eligibility")
            self._spell(who, self.statuses[who], self._status(self.statuses[who], eligible, touch, on, undated), day)

    def _spell(self, who: str, spells: list[Spell], value: dict[str, Any], day: date) -> None:
        """A changed value ends the spell and begins another; a date alone is the same spell."""
        defines = {k: v for k, v in value.items() if k != "on"}
        if spells and {k: v for k, v in spells[-1].value.items() if k != "on"} == defines:
            changed = spells[-1].value != value or spells[-1].end is not None or spells[-1].left
            spells[-1].value, spells[-1].end, spells[-1].left = value, None, False
        else:
            changed = True
            if spells:
                spells[-1].end = day
            spells.append(Spell(value, day))
        if changed:
            self.said.add(who)

    @staticmethod
    def _place(spells: list[Spell], code: str, suit: str, undated: bool) -> dict[str, Any]:
        before = spells[-1].value if spells else {"code": "", "suit": ""}
        bad = rank(before["code"], before["suit"]) >= 3
        if len(code) > 1:  # free text that no code map knows: unknown, and ends no danger
            return dict(before) if bad else {"code": "?", "suit": suit}
        if not code:  # the same place, as far as anybody says
            now = {"code": before["code"], "suit": suit}
        else:
            now = {"code": code, "suit": suit or (before["suit"] if code == before["code"] else "")}
        return dict(before) if undated and bad and rank(now["code"], now["suit"]) < 3 else now

    @staticmethod
    def _status(spells: list[Spell], eligible: str, touch: str, on: str, undated: bool) -> dict[str, Any]:
        before = spells[-1].value if spells else {"eligible": "", "touch": "", "on": None}
        unread = eligible == "no idea"
        now = {
            "eligible": "" if unread else eligible or before["eligible"], "touch": touch or before["touch"],
            "on": a_day(on) or (before["on"] if not touch or touch == before["touch"] else None),
        }  # fmt: skip
        if undated and before["touch"] in ("NO", "REFU") and now["touch"] not in ("NO", "REFU"):
            now |= {"touch": before["touch"], "on": before["on"]}
        if undated and before["eligible"] in SERVED and now["eligible"] not in SERVED:
            now["eligible"] = before["eligible"]
        return now

    # --- what must be ---

    def gone(self, who: str, day: date) -> bool:
        """Died, or with another council."""
        found = (
            self.facts["ssd_person"].get(who, {}).get("died"),
            self.facts["people"].get(who, {}).get("transferred"),
        )
        return any(when is not None and when <= day for when in found)

    def born(self, who: str) -> date | None:
        return self.facts["people"].get(who, {}).get("born") or self.facts["ssd_person"].get(who, {}).get("born")

    def age(self, who: str, day: date) -> int | None:
        born = self.born(who)
        if born is None:
            return None
        birthday = (born.month, born.day) if (born.month, born.day) != (2, 29) else (3, 1)
        return day.year - born.year - ((day.month, day.day) < birthday)

    def states(self, who: str, day: date) -> dict[str, str]:
        """Cohort -> danger, over or unknown, by what has been said."""
        if self.gone(who, day):
            return {}
        found = {}
        served = self._served(who, day)
        if served:
            found |= self._accommodation(who, day) | self._touch(who, day, served)
        found |= self._plans(who, day) | self._stages(who, day)
        needs = [role for role, need in (("sw", self._child_needs(who, day)), ("pa", bool(served))) if need]
        found |= self._unallocated(who, day, needs)
        return found

    def mine(self, name: str, who: str) -> list[dict[str, Any]]:
        return [fact for fact in self.facts[name].values() if fact["who"] == who]

    def _served(self, who: str, day: date) -> list[Spell]:
        here = [s for s in self.statuses[who] if s.start <= day and (s.end is None or s.end >= day)]
        age = self.age(who, day)
        if (age is not None and age >= 25) or any(s.value["touch"] == "DIED" for s in here):
            return []
        return [
            s for s in here
            if s.value["eligible"] in ("Former relevant", "Relevant")
            or (s.value["eligible"] == "" and (age is None or age >= 16) and not self.cared_for(who, day))
        ]  # fmt: skip

    def _accommodation(self, who: str, day: date) -> dict[str, str]:
        here = [
            (s.value["code"], s.value["suit"])
            for s in self.places[who]
            if s.start <= day and (s.end is None or s.end > day)
        ]
        here += [
            (f["code"] or "", {"yes": "1", "no": "2"}.get(f["suitable"] or "", ""))
            for f in self.mine("accommodation", who)
            if (f["start"] is None or f["start"] <= day) and (f["end"] is None or f["end"] > day)
        ]
        # One source names the place, another has judged it; what one could not be read to say is not said by another.
        named = next((code for code, _ in here if code not in ("", "?")), "")
        judged = {code or named: suit for code, suit in here if suit}
        ranks = [rank(code or named, suit or judged.get(code or named, "")) for code, suit in here]
        if who in self.tents and self.tents[who] <= day:
            ranks.append(5)
        worst = max(ranks, default=2)
        if worst >= 3:
            return {"unsuitable_accommodation": "danger" if worst == 5 else "over"}
        return {"accommodation_unknown": "unknown"} if worst == 2 else {}

    def _touch(self, who: str, day: date, served: list[Spell]) -> dict[str, str]:
        days = [d for d in self.touched[who] if d <= day]
        days += [s.value["on"] for s in self.statuses[who] if s.value["touch"] == "YES" and s.value["on"] is not None]
        last = max((d for d in days if d <= day), default=None)
        for category in STANDS:
            if any(s.value["touch"] == category for s in served):
                since = self._stood(who, category, day)
                ended = last is not None and (last >= since if category == "NO" else last > since)
                if not ended:
                    return {"not_in_touch": "over"}
        if last is None:
            return {"not_in_touch": "unknown"}
        return {"not_in_touch": "over"} if day > last + timedelta(days=56) else {}

    def _stood(self, who: str, category: str, day: date) -> date:
        spells = [s for s in self.statuses[who] if s.value["touch"] == category and s.start <= day]
        first = next(s for s in spells if s.end is None or s.end >= day)
        for earlier in reversed(spells):
            if earlier.start < first.start and earlier.end and earlier.end >= first.start - timedelta(days=1):
                first = earlier
        return first.start

    def _plans(self, who: str, day: date) -> dict[str, str]:
        plans = sorted((f for f in self.mine("ssd_cp_plans", who) if f["start"] <= day), key=lambda f: f["start"])
        here = [f for f in plans if f["end"] is None or f["end"] >= day]
        if not here:
            return {}
        first = here[0]["start"]
        for other in reversed(plans):
            if (
                other["start"] < first
                and other["end"]
                and first <= max(other["end"], first - timedelta(28)) + timedelta(28)
            ):
                joined = other["end"] >= first or first <= other["end"] + timedelta(days=28)
                first = other["start"] if joined else first
        found = {"cp_plan_over_9_months": "over"} if day > months_on(first, 9) else {}
        if any(f["start"] < here[-1]["start"] for f in plans):
            found["repeat_cp_plan"] = "over"
        return found

    def _open_stages(self, who: str, day: date) -> list[dict[str, Any]]:
        def left(stage: dict[str, Any]) -> bool:
            stepped = stage["outcome"] == "Step down" and stage["step"] is not None and stage["step"] <= day
            return stepped or (stage["court"] is not None and stage["court"] <= day)

        return [f for f in self.mine("pre_proceedings", who)
                if (f["start"] is None or f["start"] <= day) and not left(f)]  # fmt: skip

    def _stages(self, who: str, day: date) -> dict[str, str]:
        found = []
        for stage in self._open_stages(who, day):
            vague = stage["outcome"] == "A" or (stage["outcome"] is None and stage["step"] is not None)
            vague |= stage["outcome"] == "Step down" and stage["step"] is None
            first = stage["start"]
            for other in sorted(self.mine("pre_proceedings", who), key=lambda f: f["start"] or date.max, reverse=True):
                ends = [other["court"], other["step"] if other["outcome"] == "Step down" else None]
                ended = min((d for d in ends if d is not None and d <= day), default=None)
                if first and other["start"] and other["start"] < first and ended:
                    first = other["start"] if first <= ended + timedelta(days=28) else first
            if first is None or vague:
                found.append("unknown")
            elif day > first + timedelta(days=84):
                found.append("over")
        return {"pre_proceedings_over_12_weeks": "unknown" if "unknown" in found else "over"} if found else {}

    def cared_for(self, who: str, day: date) -> bool:
        age = self.age(who, day)
        return (age is None or age < 18) and any(
            f["start"] <= day and (f["end"] is None or f["end"] > day) for f in self.mine("ssd_cla_episodes", who)
        )

    def _child_needs(self, who: str, day: date) -> bool:
        on_plan = any(
            f["start"] <= day and (f["end"] is None or f["end"] >= day) for f in self.mine("ssd_cp_plans", who)
        )
        return on_plan or self.cared_for(who, day) or bool(self._open_stages(who, day))

    def _unallocated(self, who: str, day: date, needs: list[str]) -> dict[str, str]:
        active = [
            f["role"] for f in self.mine("ssd_involvements", who)
            if (f["start"] is None or f["start"] <= day) and (f["end"] is None or f["end"] >= day)
        ]  # fmt: skip
        roles = {ROLES.get(role or "") for role in active}
        if all(need in roles for need in needs):
            return {}
        return {"unallocated": "unknown" if None in roles else "over"}

    def missing(self, day: date) -> set[str]:
        """Who is missing now."""
        return {
            f["who"] for f in self.facts["ssd_missing"].values()
            if f["start"] <= day and (f["end"] is None or f["end"] > day) and not self.gone(f["who"], day)
        }  # fmt: skip

    def everybody(self) -> set[str]:
        return {*self.facts["people"], *self.facts["ssd_person"]}

    # --- what runs, for thresholds ---

    def runs(self, name: str) -> dict[str, set[str]]:
        """Key -> kinds of fact that the dataset holds open and has not lost yet. A person's row never ends."""
        if name == "ssd_care_leavers":
            found: dict[str, set[str]] = defaultdict(set)
            for kind, spells in (("care_leaver_status", self.statuses), ("accommodation", self.places)):
                for who, each in spells.items():
                    if each and each[-1].end is None and not each[-1].left:
                        found[who].add(kind)
            return found
        ends = ("court", "step") if name == "pre_proceedings" else ("end",)
        return {
            key: {KINDS[name][0]}
            for key, fact in self.facts[name].items()
            if not fact["left"] and all(fact.get(end) is None for end in ends)
        }

    def lose(self, name: str, key: str, kind: str) -> None:
        """A row gone from the extract, seen and flagged: it still counts."""
        if name != "ssd_care_leavers":
            self.facts[name][key]["left"] = True
        else:
            spells = self.places[key] if kind == "accommodation" else self.statuses[key]
            spells[-1].left = True


SERVED = ("Former relevant", "Relevant")


def rank(code: str, suit: str) -> int:
    """How bad a place is: 5 unacceptable, 4 unsuitable, 3 emergency not judged, 2 unknown, 1 abroad, 0 suitable."""
    if code in ("S", "W"):
        return 5
    if code == "X" or suit == "2":
        return 4
    if code in ("R", "0", "", "?"):
        return 2
    if suit == "1":
        return 0
    return 3 if code == "V" else 2


def months_on(start: date, months: int) -> date:
    """Calendar months, clamped."""
    month = start.month - 1 + months
    year, month = start.year + month // 12, month % 12 + 1
    for day in range(start.day, 27, -1):
        try:
            return date(year, month, day)
        except ValueError:
            continue
    return date(year, month, start.day)
