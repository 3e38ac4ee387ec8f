"""Random nights against a model: nobody leaves a cohort unexplained, no null is fine, no danger waits, rows add up."""

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from service.domain.clocks import State
from service.domain.facts import Unacceptable
from service.domain.tracker import Tracker
from service.errors import OlderExtract, OwnPush, Unprocessable
from service.operations.intake import holds
from service.store.engine import reading
from tests.conftest import SetClock
from tests.council import ANALYST, HEAD, PEOPLE_HEADER, ROBOT, SPELLS_HEADER, TEAMS, USUAL, WORKERS, Council, leaver
from tests.factories import a_contact, a_place
from tests.operations import nights
from tests.operations.nights import (
    COHORTS_FILES,
    COLUMNS,
    EXACT,
    KEY,
    KINDS,
    RESTS,
    SSD_FILES,
    WHO,
    County,
    Model,
    Row,
    Sent,
    Waits,
)

KINDS_OF_NIGHT = (
    *["clean"] * 3, "late", "swapped", "again", "same_content", "shrunk", "shrunk", "emptied", "duplicated",
    "contradictory", "garbled", "damaged", "blanked", "improved", "delta", "delta", "mixed", "mixed",
)  # fmt: skip
IN_STATES = (State.DANGER, State.OVER, State.UNKNOWN)
Seen = dict[str, dict[str, str]]


def figures(tracker: Tracker) -> tuple[Any, ...]:
    """Everything a past tracker must say again."""
    tables = tuple(
        (t.cohort.code, t.count, t.of, t.unknown, t.approaching, t.lines,
         tuple((r.card.eclipse_id, r.finding.state, r.finding.started_on, r.finding.flags) for r in t.rows))
        for t in tracker.tables
    )  # fmt: skip
    held = tuple(
        tuple(sorted((k, str(v)) for k, v in each.items() if not k.startswith("decided"))) for each in tracker.held
    )
    return tables, held, tuple((d.card.eclipse_id, d.missing_since) for d in tracker.danger)


@dataclass
class Night:
    """One push: what was sent, what of it is gone, how much runs and differs, and the rows that wait."""

    sents: list[Sent]
    lost: dict[str, dict[str, set[str]]]
    runs: dict[str, int]
    differ: dict[str, int]
    rows: list[dict[str, Any]]
    everything: Model = field(default_factory=Model)

    @property
    def gone(self) -> set[tuple[str, str, str]]:
        """What is gone and waits: dataset, person, kind."""
        return {(r["dataset"], r["eclipse_id"], r["kind"]) for r in self.rows if r["row"] is None}


class History:
    """Nights one after another, each checked."""

    def __init__(self, engine: Engine, clock: SetClock, seed: int) -> None:
        self.council, self.seed = Council(engine, clock), seed
        self.chance = Random(seed)
        self.day, self.number, self.kind = date(2020, 7, 1), 0, "first"
        self.county, self.model = County(Random(seed + 1_000_000), self.day), Model()
        self.past: list[tuple[str, str, tuple[Any, ...]]] = []
        self.held: Counter[str] = Counter()
        self.last: dict[str, tuple[Any, dict[str, bytes], dict[str, Any]]] = {}
        self.taken: dict[str, dict[str, dict[str, str]]] = {}
        self.calm = 0
        self.teams_held: set[str] = set()
        self.unplanned: set[str] = set()
        self.known: tuple[date, Seen] = (date.min, {})

    # --- telling ---

    @property
    def told(self) -> str:
        return f"seed {self.seed}, night {self.number} ({self.kind}, {self.day})"

    def seen(self, tracker: Tracker | None = None) -> Seen:
        tracker = tracker or self.council.tracker()
        found: Seen = {
            t.cohort.code: {
                str(r.card.eclipse_id): r.finding.state.value for r in t.rows if r.finding.state in IN_STATES
            }
            for t in tracker.tables
        }
        found["missing"] = {str(d.card.eclipse_id): "danger" for d in tracker.danger if d.missing_since is not None}
        return found

    def must(self, model: Model | None = None) -> Seen:
        """What the model says, for the cohorts it knows."""
        model = model or self.model
        found: Seen = {code: {} for code in self.modelled}
        for who in model.everybody():
            for code, state in model.states(who, self.day).items():
                found[code][who] = state
        found["missing"] = dict.fromkeys(model.missing(self.day), "danger")
        return found

    modelled = (
        "unsuitable_accommodation", "accommodation_unknown", "not_in_touch", "pre_proceedings_over_12_weeks",
        "cp_plan_over_9_months", "repeat_cp_plan", "unallocated",
    )  # fmt: skip

    def agree(self, when: str) -> Seen:
        """The tracker says what the model says, person by person. Returns what it says."""
        seen, must = self.seen(), self.must()
        wrong = [
            f"{code} {who}: the tracker says {seen[code].get(who)}, the model {must[code].get(who)}"
            for code in must
            for who in sorted(seen[code].keys() | must[code].keys())
            if seen[code].get(who) != must[code].get(who)
        ]
        wrong += [
            f"no_permanence_plan {who}: not looked after, by what has been said"
            for who in seen["no_permanence_plan"]
            if self.model.gone(who, self.day) or not self.model.cared_for(who, self.day)
        ]
        wrong += [
            f"no_permanence_plan {who}: gone, and still looked after"
            for who in self.unplanned - seen["no_permanence_plan"].keys()
            if not self.model.gone(who, self.day) and self.model.cared_for(who, self.day)
        ]
        self.unplanned = set(seen["no_permanence_plan"])
        self.known = (self.day, seen)
        assert not wrong, f"{self.told}, {when}:\n" + "\n".join(wrong)
        return seen

    def now(self) -> Seen:
        """What the tracker says before anything else happens: looked at once a day, and after every act."""
        day, seen = self.known
        return seen if day == self.day else self.agree("by time alone")

    # --- nights ---

    def run(self, count: int) -> "History":
        self.begin()
        for _ in range(count):
            self.night()
        self.look_back()
        return self

    def begin(self) -> None:
        self.council.on(f"{self.day}T00:45").push("cohorts", {"teams": TEAMS, "workers": WORKERS})
        self.county.found(self.chance.randint(12, 24), self.chance.randint(6, 14))
        self.at("01:00")
        self.push("ssd", self.county.sent(SSD_FILES))
        self.push("cohorts", self.county.sent(COHORTS_FILES))
        self.remember()

    def at(self, time: str) -> None:
        self.council.on(f"{self.day}T{time}")

    def night(self) -> None:
        self.number += 1
        self.day += timedelta(days=self.chance.choice([1, 1, 1, 2, 5]))
        self.county.day = self.day
        self.kind = self.chance.choice(KINDS_OF_NIGHT)
        self.at("00:50")
        self.now()  # (a) overnight nobody leaves but by time: a birthday, or what was said to end
        self.county.live()
        for _ in range(self.chance.randint(5, 12) if self.kind == "improved" else 0):
            self.county.improve()
        self.at("01:00")
        for profile, names in (("cohorts", COHORTS_FILES), ("ssd", SSD_FILES)):
            self.one(profile, self.county.sent(names))
            self.council.clock.advance(minutes=10)
        self.decide()
        self.work()
        self.remember()

    def one(self, profile: str, sents: list[Sent]) -> None:
        """One profile's push, spoilt as the night is."""
        chance = self.chance
        if self.kind in ("late", "again", "swapped") and profile in self.last:
            self.out_of_turn(profile, sents)
            return
        if self.kind == "same_content" and profile in self.last:
            sents = self.last[profile][2]["sents"]
            sents = copy.deepcopy(sents)
        if chance.random() < 0.2:
            sents = chance.sample(sents, chance.randint(1, len(sents)))  # a dataset that was not extracted
        for sent in sents:
            if self.kind == "delta":
                nights.delta(sent, self.county)
            elif self.kind == "mixed":
                for spoil in (nights.shrink, nights.blank, nights.double, nights.garble):  # what is garbled stays so
                    if chance.random() < 0.25:
                        spoil(sent, chance)
            elif self.kind in nights.SPOILERS and chance.random() < 0.5:
                nights.SPOILERS[self.kind](sent, chance)
        self.push(profile, sents)

    def out_of_turn(self, profile: str, sents: list[Sent]) -> None:
        """An older extract, two nights swapped, or the same run again: nothing changes."""
        manifest, files, last = self.last[profile]
        if self.kind == "again":
            before = self.council.everything()
            batch_id = self.council.opened(manifest)
            self.council.sent(batch_id, files)
            report = self.council.applied(batch_id)
            assert report["datasets"] == last["report"]["datasets"], self.told
            assert self.same_but_reads(before), self.told
        elif self.kind == "late":
            files = {sent.name: sent.content() for sent in sents}
            before = self.council.everything()
            with pytest.raises(OlderExtract):
                self.council.opened(
                    self.council.manifest(profile, files, extracted_at=manifest.extracted_at - timedelta(hours=3))
                )
            assert self.same_but_reads(before), self.told
        else:
            older = {sent.name: sent.content() for sent in nights_copy(sents)}
            first = self.council.manifest(profile, older, extracted_at=self.council.clock() - timedelta(minutes=50))
            batch_id = self.council.opened(first)
            self.council.sent(batch_id, older)
            self.county.live()
            self.push(profile, self.county.sent([sent.name for sent in sents]))
            before = self.council.everything()
            with pytest.raises(OlderExtract):
                self.council.applied(batch_id)
            assert self.same_but_reads(before), self.told

    def same_but_reads(self, before: Mapping[str, Any]) -> bool:
        after = self.council.everything()
        return all(after[name] == rows for name, rows in before.items() if name not in ("audit_entry", "audit_head"))

    def push(self, profile: str, sents: list[Sent]) -> None:
        """A push, and every check of it."""
        self.model.said.clear()
        before = self.now()
        files = {sent.name: sent.content() for sent in sents}
        manifest = self.council.manifest(profile, files)
        by_name = {sent.name: sent for sent in sents}
        manifest = replace(manifest, datasets=tuple(
            replace(d, mode=by_name[d.name].mode, rows=d.rows if (n := by_name[d.name].declared) is None else n)
            for d in manifest.datasets
        ))  # fmt: skip
        batch_id = self.council.opened(manifest)
        self.council.sent(batch_id, files)
        if not any(sent.usable for sent in sents):
            with pytest.raises(Unprocessable):
                self.council.applied(batch_id)
            assert self.agree("after a push of no use") == before
            return
        planned = self.council.planned(batch_id)
        report = self.council.applied(batch_id)
        self.reconciles(manifest, sents, report)
        assert planned["cohorts"] == report["cohorts"] or not report["cohorts_foreseen"], (
            f"{self.told}: planned {[c for c in planned['cohorts'] if c not in report['cohorts']]}, "
            f"came {[c for c in report['cohorts'] if c not in planned['cohorts']]}"
        )
        with reading(self.council.engine) as session:
            rows = holds.of_batch(session, batch_id, to=ANALYST, at=self.council.clock())[0]["rows"]
        night = Night(
            sents, self.lost(sents), {s.name: sum(map(len, self.model.runs(s.name).values())) for s in sents},
            {s.name: self.differing(s) for s in sents}, rows,
        )  # fmt: skip
        night.everything = self.take(night, batch_id)
        after = self.agree("after the push")
        self.explained(before, after)
        self.sizes(report, before, after)
        self.thresholds(night, report, before, after)
        self.last[profile] = (manifest, files, {"report": report, "sents": copy.deepcopy(sents)})
        self.teams_held |= {r["dataset"] for r in night.rows if r["kind"] == "responsibility"}
        self.held.update(reason for each in report["held"] for reason in each["reasons"])

    # --- the model takes what was sent ---

    def lost(self, sents: list[Sent]) -> dict[str, dict[str, set[str]]]:
        """Dataset -> key -> kinds that run and are not in tonight's full file."""
        found: dict[str, dict[str, set[str]]] = {}
        for sent in sents:
            silent = any(row.refused and not row.keyed for row in sent.rows)
            hollow = bool(sent.rows) and all(not any(nights.text(r.cells, c) for c in r.cells) for r in sent.rows)
            if not sent.usable or sent.mode == "delta" or silent or hollow:
                continue
            there: dict[str, set[str]] = {}
            for row in sent.rows:
                care = sent.name == "ssd_care_leavers"
                key = row.cells[WHO[sent.name] if care else KEY[sent.name]]
                kinds = set(KINDS[sent.name])
                if care and not row.refused and not row.cells.get("record_deleted"):
                    placed = [row.cells.get(f"clea_care_leaver_{c}", "") for c in ("accommodation", "accom_suitable")]
                    kinds -= {"accommodation"} if not any(p not in ("", "NULL") for p in placed) else set()
                there[key] = there.get(key, set()) | kinds
            runs = self.model.runs(sent.name)
            found[sent.name] = {key: left for key, kinds in runs.items() if (left := kinds - there.get(key, set()))}
        return found

    def differing(self, sent: Sent) -> int:
        """How many rows are not as they were when they were last taken."""
        earlier = self.taken.setdefault(sent.name, {})
        count = 0
        for row in sent.rows if sent.usable else ():
            key = row.cells[COLUMNS[sent.name][0]]
            count += not row.refused and earlier.get(key) not in (None, row.cells)
        return count

    def take(self, night: "Night", batch_id: str) -> Model:
        """Apply to the model what was not held; returns the model as it would be with everything applied."""
        sents, rows, lost = night.sents, night.rows, night.lost
        held = {(r["dataset"], r["row"], r["kind"]) for r in rows if r["row"] is not None}
        of_people = {(r["dataset"], r["eclipse_id"], r["kind"]) for r in rows if r["row"] is not None}
        gone = night.gone
        everything = copy.deepcopy(self.model)
        introduced = {
            row.cells[WHO[sent.name]] for sent in sents if sent.usable and sent.name in ("people", "ssd_person")
            for row in sent.rows if not row.refused
        }  # fmt: skip
        for sent in sents:
            if not sent.usable:
                continue
            self.forget_waiting(sent)
            for line, row in enumerate(self.readable(sent, introduced)[0], start=2):
                if row is None:
                    continue
                care = sent.name == "ssd_care_leavers"
                who = row.cells[WHO[sent.name]]
                waits = frozenset(
                    kind for kind in KINDS[sent.name]
                    if ((sent.name, who, kind) in of_people if care else (sent.name, line, kind) in held)
                )  # fmt: skip
                everything.take(sent.name, row, self.day, frozenset(KINDS[sent.name]))
                self.model.take(sent.name, row, self.day, frozenset(KINDS[sent.name]) - waits)
                self.taken[sent.name][row.cells[COLUMNS[sent.name][0]]] = {} if waits else dict(row.cells)
                if waits:
                    self.model.waiting[sent.name].append(Waits(batch_id, self.day, copy.deepcopy(row), waits))
            for key, kinds in lost.get(sent.name, {}).items():
                who = key if sent.name == "ssd_care_leavers" else self.model.facts[sent.name][key]["who"]
                for kind in kinds:
                    if (sent.name, who, kind) not in gone:
                        self.model.lose(sent.name, key, kind)
        return everything

    def forget_waiting(self, sent: Sent) -> None:
        """A later full push of a dataset says again what waits; a delta only what it names."""
        if sent.mode == "full":
            self.model.waiting.pop(sent.name, None)
            return
        care = sent.name == "ssd_care_leavers"
        key = WHO[sent.name] if care else KEY[sent.name]
        named = {row.cells[key] for row in sent.rows if not row.refused}
        kept = [each for each in self.model.waiting[sent.name] if each.row.cells[key] not in named]
        self.model.waiting[sent.name] = kept

    def readable(self, sent: Sent, introduced: set[str]) -> tuple[list[Row | None], int]:
        """The rows in their places, nothing where one cannot be read or comes again; and how many are refused."""
        found: list[Row | None] = []
        first: dict[str, int] = {}
        refused = 0
        care = sent.name == "ssd_care_leavers"
        for row in sent.rows:
            key = row.cells[WHO[sent.name] if care else KEY[sent.name]]
            earlier = found[first[key]] if key in first else None
            taken: Row | None = None
            if self.model.refuses(sent, row, introduced):
                refused += 1
            elif earlier is None:
                first[key], taken = len(found), row
            elif care:
                found[first[key]] = worse(earlier, row)
            elif any(nights.text(row.cells, c) != nights.text(earlier.cells, c) for c in row.cells):
                refused += 1
                found[first[key]] = nights.graver(sent.name, earlier, row)
            found.append(taken)
        return found, refused

    # --- checks of one push ---

    def reconciles(self, manifest: Any, sents: list[Sent], report: dict[str, Any]) -> None:
        """(d) rows in = applied + unchanged + held + refused, and refused are those that are damaged."""
        introduced = {
            row.cells[WHO[sent.name]] for sent in sents if sent.usable and sent.name in ("people", "ssd_person")
            for row in sent.rows if not row.refused
        }  # fmt: skip
        declared = {d.name: d.rows for d in manifest.datasets}
        assert {d["name"] for d in report["datasets"]} == declared.keys(), self.told
        for told in report["datasets"]:
            (sent,) = [s for s in sents if s.name == told["name"]]
            parts = [told[part] for part in ("applied", "unchanged", "held", "refused")]
            why = [(r["row"], r["field"], r["code"]) for r in report["refusals"] if r["dataset"] == sent.name]
            where = f"{self.told}, {sent.name}: {told} {why}"
            assert min(parts) >= 0, where
            assert sum(parts) == told["rows"] == declared[sent.name], where
            assert told["unusable"] is not sent.usable, where
            if sent.usable:
                assert told["rows"] == len(sent.rows), where
                _, refused = self.readable(sent, introduced)
                assert told["refused"] == refused, f"the model refuses {refused}: {where}"
            else:
                assert told["refused"] == told["rows"], where
        for refusal in report["refusals"]:
            assert refusal["reason"], self.told
            assert refusal["owner"], self.told

    def explained(self, before: Seen, after: Seen) -> None:
        """(a) whoever left a cohort, in this push, is somebody of whom something was said and taken."""
        for code, people in before.items():
            for who in people.keys() - after[code].keys():
                assert who in self.model.said, f"{self.told}: {who} left {code} for no reason"

    def sizes(self, report: dict[str, Any], before: Seen, after: Seen) -> None:
        """What the report says of cohorts is what the tracker says."""
        for told in report["cohorts"] if report["cohorts_foreseen"] else ():
            was, now = before[told["cohort"]], after[told["cohort"]]
            assert (told["before"], told["after"]) == (len(was), len(now)), f"{self.told}: {told}"

    def thresholds(self, night: "Night", report: dict[str, Any], before: Seen, after: Seen) -> None:
        """(e) what must be held is held, and below all thresholds nothing is."""
        reasons = {each["dataset"]: set(each["reasons"]) for each in report["held"]}
        for sent in night.sents:
            missed, runs = night.lost.get(sent.name, {}), night.runs[sent.name]
            if sent.usable and sent.mode == "full" and not sent.rows and missed:
                assert "table_emptied" in reasons.get(sent.name, ()), f"{self.told}: {sent.name} was emptied"
            if sent.name in EXACT and len(missed) >= 3 and len(missed) > 0.1 * runs:
                assert "table_shrunk" in reasons.get(sent.name, ()), f"{self.told}: {sent.name}: {missed} of {runs}"
            for key, kinds in missed.items():
                who = self.owner(sent.name, key)
                for kind in kinds:
                    inside = any(who in before[code] for code in RESTS.get(kind, ()))
                    inside |= kind == "person" and any(
                        who in people for code, people in before.items() if code != "missing"
                    )
                    assert not inside or (sent.name, who, kind) in night.gone, f"{self.told}: {who} vanished ({kind})"
        self.cohorts_hold(before, after)
        if not self.near_a_threshold(night, before):
            self.calm += 1
            new = [each for each in report["held"] if list(each["reasons"]) != ["still_waiting"]]
            assert not new, f"{self.told}: held below every threshold: {new}"

    def owner(self, name: str, key: str) -> str:
        return key if name == "ssd_care_leavers" else str(self.model.facts[name][key]["who"])

    def cohorts_hold(self, before: Seen, after: Seen) -> None:
        """No push takes more than a tenth of a cohort, and three, unless they are worse elsewhere."""
        for code in self.modelled:
            left = before[code].keys() - after[code].keys()
            fair = {who for who in left if not self.worse_anywhere(who, before, after)}
            too_many = len(fair) >= 3 and len(fair) > 0.1 * len(before[code])
            assert not too_many, f"{self.told}: {sorted(fair)} left {code} unseen"

    @staticmethod
    def worse_anywhere(who: str, before: Seen, after: Seen) -> bool:
        def grade(seen: Seen, code: str) -> int:
            return nights.GRAVE.index(seen.get(code, {}).get(who, "out"))

        return any(grade(after, code) < grade(before, code) for code in before)

    def near_a_threshold(self, night: "Night", before: Seen) -> bool:
        """Whether anything of the push comes near a threshold, everything that differs taken as taken away."""
        then = self.must(night.everything)
        then["no_permanence_plan"] = {
            who: "unknown" for who in before["no_permanence_plan"]
            if night.everything.cared_for(who, self.day) and not night.everything.gone(who, self.day)
        }  # fmt: skip
        if any(len(people.keys() - then[code].keys()) >= 3 for code, people in before.items() if code in then):
            return True
        for sent in night.sents:
            missed = night.lost.get(sent.name, {})
            if any(self.owner(sent.name, key) in people for key in missed for people in before.values()):
                return True
            if sent.name in self.teams_held:
                return True  # the model does not follow which teams answer for whom
            facts = 2 * night.differ[sent.name] + sum(map(len, missed.values()))
            if facts >= 3 and facts > 0.1 * night.runs[sent.name]:
                return True
        return False

    # --- between nights ---

    def decide(self) -> None:
        """Somebody looks at what waits: not the one who pushed it."""
        with reading(self.council.engine) as session:
            waits = holds.waiting(session, at=self.council.clock())
        if not waits or self.chance.random() < 0.5:
            return
        self.council.clock.advance(minutes=self.chance.randint(5, 300))
        one = self.chance.choice(waits)
        named = [one["dataset"]] if self.chance.random() < 0.5 else []
        batch_id = str(one["batch_id"])
        datasets = named or [w["dataset"] for w in waits if str(w["batch_id"]) == batch_id]
        with pytest.raises(OwnPush):
            self.council.approved(batch_id, by=ROBOT)
        with pytest.raises(OwnPush):
            self.council.rejected(batch_id, by=ROBOT)
        before = self.now()
        by = self.chance.choice([ANALYST, HEAD])
        self.model.said.clear()
        mine = {name: [w for w in self.model.waiting[name] if w.batch_id == batch_id] for name in datasets}
        for name in datasets:
            self.model.waiting[name] = [w for w in self.model.waiting[name] if w.batch_id != batch_id]
        if self.chance.random() < 0.6:
            self.kind += ", approved"
            with reading(self.council.engine) as session:
                rows = holds.of_batch(session, batch_id, to=ANALYST, at=self.council.clock())[0]["rows"]
            self.council.approved(batch_id, *named, by=by)
            for name in datasets:
                for each in mine[name]:
                    self.model.take(name, each.row, each.day, each.kinds)
                for row in rows:
                    if row["dataset"] == name and row["row"] is None:
                        self.lose(name, row["eclipse_id"], row["kind"])
            self.explained(before, self.agree("after an approval"))
        else:
            self.kind += ", rejected"
            everything = self.council.everything()
            self.council.rejected(batch_id, *named, by=by)
            after = self.council.everything()
            changed = {name for name in after if after[name] != everything[name]}
            assert changed <= {
                "hold",
                "hold_decision",
                "held_change",
                "batch_chunk",
                "batch_dataset",
                "batch",
                "audit_entry",
                "audit_head",
                "people_set",
                "audit_people",
            }, f"{self.told}: {changed}"
            assert self.agree("after a rejection") == before, self.told

    def lose(self, name: str, who: str, kind: str) -> None:
        for key, kinds in self.model.runs(name).items():
            owner = key if name == "ssd_care_leavers" else self.model.facts[name][key]["who"]
            if owner == who and kind in kinds:
                self.model.lose(name, key, kind)

    def work(self) -> None:
        """A worker's entry, now and then."""
        self.council.clock.advance(minutes=20)
        if self.chance.random() > 0.3:
            return
        who = self.chance.choice([w for w in self.county.leavers if self.model.knows(w)])
        if self.model.gone(who, self.day):
            return
        if self.chance.random() < 0.4 and who not in self.model.tents and self.model._served(who, self.day):
            self.council.enter(
                a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=self.day),
                whom=who,
                by=HEAD,
            )
            self.model.tents[who] = self.day
        else:
            at = self.council.clock() - timedelta(hours=1)
            self.council.log(a_contact(at.isoformat()), whom=who, by=HEAD)
            self.model.touched[who].append(self.day)
        self.agree("after a worker's entry")

    def remember(self) -> None:
        """Keep what tonight's tracker said."""
        self.council.clock.advance(minutes=30)
        as_at, known_at = self.day.isoformat(), self.council.clock().isoformat()
        self.past.append((as_at, known_at, figures(self.council.tracker(as_at, known_at))))

    def look_back(self) -> None:
        """(f) every past tracker says again what it said."""
        self.number += 1
        self.day += timedelta(days=1)
        self.at("09:00")
        for as_at, known_at, said in self.past:
            assert figures(self.council.tracker(as_at, known_at)) == said, f"{self.told}: {as_at} as known then"


def nights_copy(sents: list[Sent]) -> list[Sent]:
    return copy.deepcopy(sents)


def worse(one: Row | None, other: Row) -> Row:
    """Of two rows of a young person, what is worse of each."""
    assert one is not None
    place = "clea_care_leaver_accommodation"
    return Row({**one.cells, place: "S", "clea_care_leaver_accom_suitable": "2"}) if other.cells[place] == "S" else one


# --- what the nights found, each in a few lines ----------------------------------------------


def test_a_blank_code_beside_a_new_judgement_ends_no_danger(council: Council) -> None:
    """A judgement without a place is of the place last said, and no judgement makes that one acceptable."""
    council.night("2020-07-02T01:00", leaver("P1", "S", "2"), *USUAL[1:])
    council.night("2020-07-03T01:00", leaver("P1", "", "1"), *USUAL[1:])
    row = council.row("P1")
    assert row is not None
    assert (row.finding.state, row.finding.days_in_state) == (State.DANGER, 1)
    assert "no_longer_supplied:code" in row.finding.flags


def test_a_move_to_another_place_takes_no_judgement_along(council: Council) -> None:
    council.night("2020-07-02T01:00", leaver("P1", "V", ""), *USUAL[1:])
    row = council.row("P1")
    assert row is not None
    assert row.finding.state is State.OVER, "emergency accommodation counts until somebody judges it"


def test_a_blank_category_beside_a_new_eligibility_ends_no_silence(council: Council) -> None:
    council.night("2020-07-02T01:00", leaver("P1", touch="NO", on=""), *USUAL[1:])
    assert council.row("P1", "not_in_touch") is not None
    council.night("2020-07-03T01:00", leaver("P1", touch="", on="", eligibility="Relevant"), *USUAL[1:])
    row = council.row("P1", "not_in_touch")
    assert row is not None
    assert (row.finding.state, row.finding.line) == (State.OVER, "said_not_in_touch")


def test_a_place_that_could_not_be_read_is_not_read_out_of_another_source(council: Council) -> None:
    """A text no code map knows, beside our own spell judged suitable: two sources that may disagree."""
    council.sheet("2020-07-02T01:00", "accommodation", SPELLS_HEADER + "A1,P1,T,yes,2020-02-12,,,\n")
    council.night("2020-07-02T02:00", leaver("P1", "under a bridge", ""), *USUAL[1:])
    assert council.row("P1", "accommodation_unknown") is not None


def test_an_episode_that_ceased_before_care_was_entered_ends_no_care(council: Council) -> None:
    episode = "E1,P1,C1,2020-05-01,,{},\n"
    header = ",".join(nights.COLUMNS["ssd_cla_episodes"]) + "\n"
    people = PEOPLE_HEADER + "P1,Rowan,Demo-Ashford,2010-02-14,exeter_1,2019-02-14\n"
    episode = episode.replace("P1", "K1")
    council.sheet("2020-07-02T01:00", "people", people.replace("P1,", "K1,"), mode="delta")
    council.on("2020-07-02T02:00").push("ssd", {"ssd_cla_episodes": header + episode.format("")})
    assert council.row("K1", "unallocated") is not None
    report = council.on("2020-07-03T02:00").push("ssd", {"ssd_cla_episodes": header + episode.format("2015-01-01")})
    assert [r["code"] for r in report["refusals"]] == ["ends_before_start"]
    assert council.row("K1", "unallocated") is not None


@pytest.mark.parametrize("seed", [1, 2])
def test_twenty_random_nights(engine: Engine, clock: SetClock, seed: int) -> None:
    """The small dose: two histories of ten nights on each database."""
    History(engine, clock, seed).run(10)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 110))
def test_three_hundred_random_nights(engine: Engine, clock: SetClock, seed: int) -> None:
    """The full dose: ten histories of thirty nights on each database."""
    History(engine, clock, seed).run(30)
