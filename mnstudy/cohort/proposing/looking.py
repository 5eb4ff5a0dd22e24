"""What the columns of one table seem to be, taken together: each of the contract is given once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from mnstudy.cohort.loading.vocabulary import (
    ASK,
    CERTAIN,
    LIKELY,
    REFUSED,
    Match,
    columns_of,
    plain,
    words_of,
)
from mnstudy.cohort.proposing import layout
from mnstudy.cohort.proposing.proposal import (
    EMPTY,
    FREE_TEXT,
    Proposal,
    asked,
    identifies,
    matches,
    nothing,
    weighed,
)
from mnstudy.cohort.proposing.values import Column, Fit, fit
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.study.design import FEWEST_IN_BOTH

_BIRTHS = 20  # dates that lie further apart, in years, are dates of birth
_IDLE = "a date alone gives no weeks: see [dates], or leave it out"
_OWN, _COUNTER = "own", "counter"  # the contract's own names first, numbers of rows late
Blocks = Sequence[Mapping[str, Any]]


class Looked:
    """What was found in one table.

    Attributes
    ----------
    sheet : list of Column
    found : dict
        Place of a column to its proposal.
    wide : Wide
        Assessments that stand beside each other in a row.
    dates : dict
        The table ``[dates]``.
    asks : list of str
        What a person has to decide.
    """

    def __init__(self, sheet: Sequence[Column]) -> None:
        self.sheet = [c for c in sheet if c.heading.strip() or c.counts]
        self.found: dict[int, Proposal] = {}
        self.asks: list[str] = []
        self._set_aside()
        self.wide = layout.wide([c for i, c in enumerate(self.sheet) if i not in self.found])
        self.asks += self.wide.asks
        self._wide_columns()
        self.dates = self._dates()
        self._assign()
        self._rest()
        self._centre()
        self._lone_date()
        self._decide()

    @property
    def proposals(self) -> tuple[Proposal, ...]:
        """The proposals in the order of the sheet."""
        return tuple(self.found[i] for i in sorted(self.found))

    @property
    def patient(self) -> str:
        """Heading of the column of patients, or an empty text."""
        return next((p.heading for p in self.proposals if p.column == "patient_id"), "")

    def _cells(self, column: str) -> pd.Series | None:
        places = [i for i, p in self.found.items() if (p.column, p.place) == (column, "columns")]
        return self.sheet[min(places)].cells if places else None

    def _set_aside(self) -> None:
        """Refuse what identifies a person; leave out what a program adds, and free text."""
        headings = [c.heading for c in self.sheet]
        redcap = any(h.startswith("redcap_") for h in headings)
        refused = []
        for i, column in enumerate(self.sheet):
            name, own = column.heading, column.heading.startswith("redcap_")
            reason = _not_read(column, headings)
            if redcap and (own or name.endswith("_complete")):
                certainty, reason = CERTAIN, "administrative; not used"
            elif identifies(column):
                certainty, reason = REFUSED, layout.IDENTIFIES
                refused.append(f'"{name}"')
            elif _unfilled(column):
                certainty, reason = CERTAIN, EMPTY
            elif reason:
                certainty = ASK
                self.asks.append(f'"{name}": {reason}')
            else:
                continue
            self.found[i] = Proposal(heading=name, certainty=certainty, reasons=(reason,))
        if refused:
            self.asks.insert(0, f"delete what identifies a person: {', '.join(refused)}")

    def _wide_columns(self) -> None:
        places = {c.heading: i for i, c in enumerate(self.sheet)}
        for heading, column in self.wide.headings.items():
            fitted = fit(self.sheet[places[heading]], column) if column else Fit()
            self.found[places[heading]] = Proposal(
                heading=heading,
                column=column,
                certainty=LIKELY if column and column != "scale_score" else ASK,
                reasons=("one measure in several columns", *fitted.says),
                place="rows" if column else "",
                fit=fitted,
            )

    def _dates(self) -> dict[str, Any]:
        rest = {i: c for i, c in enumerate(self.sheet) if i not in self.found}
        dates = {i: d for i, c in rest.items() if (d := layout.dates_of(c))}
        weeks = any(_is_weeks(c) for i, c in rest.items() if i not in dates)
        table, asks = layout.spans({} if weeks else {rest[i].heading: d for i, d in dates.items()})
        if "weeks" in table:  # answered by the dates
            self.asks = [ask for ask in self.asks if ask != layout.WEEKS]
        self.asks += asks
        used = {x for span in table.values() if isinstance(span, dict) for x in span.values()}
        for i, column in dates.items():
            name = rest[i].heading
            if name in used:
                said: dict[str, Any] = {"column": "weeks", "certainty": LIKELY, "place": "dates"}
                reason = "weeks are worked out from dates"
            elif not column.role and column.years > _BIRTHS:
                said, reason = {"certainty": REFUSED}, "looks like dates of birth; leave it out"
                self.asks.append(f'delete "{name}": it looks like dates of birth')
            else:
                said, reason = {}, _IDLE
            self.found[i] = Proposal(heading=name, reasons=(reason,), **said)
        return table

    def _assign(self) -> None:
        """Give each column of the contract once: own names first, then by certainty."""
        taken = {p.column for p in self.proposals if p.place}
        counters = self._counters()
        for wanted in (_OWN, CERTAIN, _COUNTER, LIKELY, ASK):
            for i, column in enumerate(self.sheet):
                if i in self.found or (i in counters) != (wanted == _COUNTER):
                    continue
                best = _best(column, wanted, taken)
                if best:
                    self.found[i] = weighed(column, *best)
                    taken |= set() if self.found[i].held else {best[0].column}

    def _counters(self) -> set[int]:
        """Return columns that only number the rows, where another column may be the patient."""
        ids = {
            i: c.cells
            for i, c in enumerate(self.sheet)
            if any((m.column, m.certainty) == ("patient_id", CERTAIN) for m in matches(c))
        }
        numbers = [str(k + 1) for k in range(max(map(len, ids.values()), default=0))]
        counting = {i for i, cells in ids.items() if list(cells) == numbers}
        return counting if len(ids) > len(counting) else set()

    def _rest(self) -> None:
        """Say of the columns that nothing fits why not; a score of a known scale is one."""
        for i, column in enumerate(self.sheet):
            if i in self.found:
                continue
            names = (column.heading, column.title)
            scale = next((x for n in names if (x := layout.scale_behind(n, [column]))), None)
            taken = {p.column for p in self.proposals if p.place}
            if scale is None or "scale_score" in taken or self.wide.blocks:
                self.found[i] = nothing(column, taken)
                continue
            block = {"set": {"scale": scale.name}, "columns": {column.heading: "scale_score"}}
            held = scale.name in layout.VAS
            reason = f"raw scores of {scale.name}; improvement is worked out from them"
            if held:
                self.wide = replace(self.wide, others=(*self.wide.others, block))
                reason = f"severity of the scar ({scale.name}), or pain (pain_score)?"
            else:
                self.wide = replace(self.wide, blocks=(block,))
            self.found[i] = Proposal(
                heading=column.heading,
                column="scale_score",
                certainty=ASK if held else LIKELY,
                reasons=(reason,),
                place="rows",
                held=held,
                fit=fit(column, "scale_score"),
            )

    def _centre(self) -> None:
        """Tell a trial centre from a treated site, by whether patients are nested in it."""
        patients = self._cells("patient_id")
        for i, p in self.found.items():
            either = {m.column for m in columns_of(p.heading)} >= {"site_id", "clinic_id"}
            if p.column != "site_id" or patients is None or not either:
                continue
            if layout.nested(self.sheet[i].cells, patients):
                reasons = ("patients are nested in it: a centre, not a treated site",)
                self.found[i] = replace(p, column="clinic_id", certainty=LIKELY, reasons=reasons)
                self.asks.append(f'"{p.heading}" is taken for the clinic: is it a treated site?')

    def _lone_date(self) -> None:
        """Take back the weeks since a patient's first date where every patient has one date."""
        ids = self._cells("patient_id")
        if self.dates.get("weeks", {"since": ""}).keys() == {"to"} and (
            ids is None or ids.is_unique
        ):
            for i, p in self.found.items():
                if p.place == "dates":
                    self.found[i] = replace(p, column="", certainty=ASK, place="", reasons=(_IDLE,))
                    self.asks.append(f'"{p.heading}": {_IDLE}')
            self.dates = {}

    def _decide(self) -> None:
        """Gather what a person has to decide of single columns."""
        self.asks += [ask for p in self.proposals for ask in asked(p)]
        said = " ".join(self.asks)
        self.asks += [
            f'"{p.heading}": {p.reason}: not used'
            for p in self.proposals
            if p.certainty == ASK and not p.column and p.reasons and f'"{p.heading}"' not in said
        ]
        lost = [f'"{p.heading}"' for p in self.proposals if not p.column and not p.reasons]
        if lost:
            self.asks.append(f"no column of the contract is like {', '.join(lost)}: not used")

    def reading(self) -> dict[str, Any]:
        """Return the keys of the study file that the values speak for."""
        said: dict[str, Any] = {}
        used = [p for p in self.proposals if p.place in ("columns", "rows") and not p.held]
        words = {p.column: list(p.fit.missing) for p in used if p.fit.missing}
        every = list(dict.fromkeys(w for found in words.values() for w in found))
        # a list and a table of the same name cannot stand in one file
        if any(w.lstrip("+-").isdigit() for w in every) or any(p.fit.codes for p in used):
            said |= {"missing": words} if words else {}
        elif words:
            said["missing"] = every
        down = layout.filled_down(self.sheet, self.patient)
        if down:
            said["fill_down"] = list(down)
            both = " and ".join(f'"{h}"' for h in down)
            self.asks.append(f"{both}: only in the first row of a patient: filled down (fill_down)")
        ids = self._cells("patient_id")
        if ids is not None and layout.alike(ids):
            said["ids"] = ""
            self.asks.append("ids differ in capitals or leading zeros only: are they one patient?")
        return said

    def lacking(self, rows: Blocks) -> tuple[str, ...]:
        """Return the core columns that nothing was found for."""
        have = {p.column for p in self.proposals if p.place and not p.held}
        have |= {"improvement_score"} if have & {"scale_score", "improvement_low"} else set()
        have |= {c for c in columns() if rows and all(c in b.get("set", {}) for b in rows)}
        return tuple(c for c, spec in columns().items() if spec.core and c not in have)

    def design(self) -> tuple[str, str, bool]:
        """Return the design, the reason, and whether the layout leaves no doubt."""
        if self.wide.split:
            return "split_body", "both sides of a patient, treated differently", True
        if any(p.column == "period" and p.place for p in self.proposals):
            return "crossover", "there is a column of periods", False
        cells = [c for name in ("treatment", "adjunct") if (c := self._cells(name)) is not None]
        patients = self._cells("patient_id")
        if patients is None or not cells:
            return "single_arm", "no column says that treatments differ", False
        arms = cells[0].str.cat(cells[1:], sep=" ")
        both = int((arms[arms.str.strip().ne("")].groupby(patients).nunique() > 1).sum())
        if both >= FEWEST_IN_BOTH and 2 * both >= patients.nunique():
            return "split_body", "patients have sites treated differently", False
        if int((patients.groupby(arms).nunique() >= FEWEST_IN_BOTH).sum()) > 1:
            return "registry", "patients were treated differently; parallel if assigned", False
        return "single_arm", "all were treated alike", False


def _is_weeks(column: Column) -> bool:
    return any((m.column, m.certainty) == ("weeks", CERTAIN) for m in matches(column))


def _unfilled(column: Column) -> bool:
    """Tell whether it is a column of a template that nobody needed."""
    spec = columns().get(column.heading)
    return spec is not None and not spec.core and column.cells.eq("").all()


def _not_read(column: Column, headings: Sequence[str]) -> str:
    """Say why a column is not looked at; empty for one that is."""
    word = plain(column.heading)
    if not column.heading.strip():
        return "a column without a heading: name it, or delete it"
    if headings.count(column.heading) > 1:
        return "this heading stands twice: rename one"
    if word in words_of("free_text"):
        return FREE_TEXT
    if word in words_of("adverse"):
        return "adverse events are not read from one column: make a yes/no column of each kind"
    return ""


def _best(column: Column, wanted: str, taken: set[str]) -> tuple[Match, Fit] | None:
    """Return the column of the contract that the values fit best, among those of a certainty."""
    certainty = CERTAIN if wanted in (_OWN, _COUNTER) else wanted
    found = [
        (match, fit(column, match.column))
        for match in matches(column)
        if match.certainty == certainty
        and match.column not in taken
        and (wanted != _OWN or match.column == column.heading)
    ]
    found = [(m, f) for m, f in found if f.share > 0 or (f.unknown and columns()[m.column].levels)]
    return max(found, key=lambda x: x[1].share) if found else None
