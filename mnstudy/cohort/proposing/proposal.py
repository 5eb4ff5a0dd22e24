"""What a column, and a sheet, seem to be: headings and values weighed together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from mnstudy.cohort.loading import persons, privacy
from mnstudy.cohort.loading.cells import about
from mnstudy.cohort.loading.vocabulary import (
    ASK,
    CERTAIN,
    LIKELY,
    REFUSED,
    Match,
    columns_of,
    unit_of,
)
from mnstudy.cohort.proposing.values import Column, Fit, free_text, range_in_heading
from mnstudy.cohort.schema.columns import BESIDE, columns

_FEW = 4  # names of columns on a line
EMPTY = "no cell is filled"
FREE_TEXT = "free text: read it, it may name a person; not shown, not used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a column of the sheet seems to be.

    Attributes
    ----------
    heading, column : str
        Of the sheet, and of the contract; an empty column where nothing fits.
    certainty : str
        certain, likely, ask (a person decides) or refused (it identifies a person).
    reasons : tuple of str
        Why, and what was seen in its cells; empty where the heading is not known.
    place : str
        Where the study file names it: columns, rows or dates; empty for a column not used.
    held : bool
        Left as a comment until a person has decided.
    fit : Fit
        Levels, words without a meaning, unit, words for a missing value.
    """

    heading: str
    column: str = ""
    certainty: str = ASK
    reasons: tuple[str, ...] = ()
    place: str = ""
    held: bool = False
    fit: Fit = field(default_factory=Fit)

    @property
    def reason(self) -> str:
        """The reasons on one line."""
        return "; ".join(self.reasons) or "no known heading"

    @property
    def levels(self) -> Mapping[str, Any]:
        """What words of the sheet seem to mean."""
        return self.fit.levels

    @property
    def unknown(self) -> int:
        """How many words have no meaning yet."""
        return len(self.fit.unknown) + self.fit.hidden

    @property
    def unit(self) -> str:
        """Unit of the sheet, where it is another than the contract's."""
        return self.fit.unit

    def line(self, width: int = 22) -> str:
        """Return it on one line, the heading padded."""
        target = self.column or ("-" if self.certainty == CERTAIN else "?")
        target = "REFUSED" if self.certainty == REFUSED else target
        return f"{self.heading:<{width}} -> {target:<22} {self.certainty:<8} {self.reason}"

    def __str__(self) -> str:
        return self.line()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A proposed reading of a sheet; iterating gives the proposals of its columns.

    Attributes
    ----------
    name : str
        Of the file; "table" for a frame.
    n_rows : int
        Rows that were looked at.
    columns : tuple of Proposal
        In the order of the sheet.
    reading : mapping
        Keys of the study file proposed for reading: sheet, header, missing, fill_down, ids,
        dictionary.
    rows, other_rows : tuple of dict
        Blocks ``[[rows]]``, and those of another scale that a person may take in their place.
    dates, units, levels : mapping
        Tables of the study file.
    design, design_reason : str
        And whether it is clear from the layout (``design_clear``).
    lacking : tuple of str
        Core columns that nothing was found for.
    asks : tuple of str
        What a person has to decide.
    study_text : str
        The study file, with comments.
    """

    name: str
    n_rows: int
    columns: tuple[Proposal, ...]
    reading: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[Mapping[str, Any], ...] = ()
    other_rows: tuple[Mapping[str, Any], ...] = ()
    dates: Mapping[str, Any] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    design: str = "single_arm"
    design_reason: str = ""
    design_clear: bool = False
    lacking: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    where: str = ""
    study_text: str = ""

    def __iter__(self) -> Iterator[Proposal]:
        return iter(self.columns)

    def __str__(self) -> str:
        filled = self._filled()
        width = min(30, max((len(p.heading) for p in filled), default=10))
        lines = [self.where, *(f"  {p.line(width).rstrip()}" for p in filled), self._unfilled()]
        if self.lacking:
            lines.append(f"nothing was found for {', '.join(self.lacking)}")
        lines += [f"to decide: {ask}" for ask in self.asks]
        return "\n".join(line for line in lines if line)

    __repr__ = __str__

    def _filled(self) -> list[Proposal]:
        return [p for p in self.columns if p.reasons != (EMPTY,)]

    def _unfilled(self) -> str:
        names = [p.heading for p in self.columns if p.reasons == (EMPTY,)]
        shown = ", ".join(names[:_FEW]) + (", ..." if len(names) > _FEW else "")
        return f"columns without any value, {len(names)}: not used ({shown})" if names else ""

    def _repr_html_(self) -> str:
        cells = [(p.heading, p.column or "?", p.certainty, p.reason) for p in self._filled()]
        rows = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{escape(x)}</td>' for x in row) + "</tr>"
            for row in cells
        )
        names = ("heading", "column", "certainty", "reason")
        head = "".join(f'<th style="text-align:left">{x}</th>' for x in names)
        lacking = [f"nothing was found for {', '.join(self.lacking)}"] if self.lacking else []
        told = filter(None, (self._unfilled(), *lacking, *self.asks))
        asks = "".join(f"<li>{escape(ask)}</li>" for ask in told)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return f"<p>{escape(self.where)}</p>{table}" + (f"<ul>{asks}</ul>" if asks else "")


def weighed(column: Column, match: Match, fitted: Fit) -> Proposal:
    """Weigh heading and values: no column is certain whose values do not all fit."""
    spec, ends = columns()[match.column], range_in_heading(column.heading)
    ends = ends or ((0, 100) if unit_of(column.heading) == "mm" else None)  # of a line of 10 cm
    lost = len(fitted.unknown) + fitted.hidden
    reasons = [match.reason, *fitted.says, *(_ids(column) if spec.name == "patient_id" else ())]
    certainty, held = match.certainty, match.certainty == ASK
    if certainty == CERTAIN and (fitted.levels or fitted.unit or lost):
        certainty = LIKELY
    if lost:
        reasons.append(f"{lost} of its words fit no level" if spec.levels else f"{lost} not read")
    if fitted.codes:
        reasons.append(f"{', '.join(fitted.codes)} may stand for a value that is not known")
    in_words = match.column == "weeks" and fitted.levels
    if fitted.unsure or fitted.codes or in_words or not fitted.share:
        certainty = ASK
    other_scale = ends and spec.unit == "points of 10" and ends != (0, 10)
    if ends and other_scale:
        reasons.append(f"its scale runs {ends[0]:g} to {ends[1]:g}, the contract's 0 to 10")
    coded = any(w in fitted.labels for w in fitted.unsure)
    if coded:
        reasons.append("its codes stand for words, and which number each is, is for you to choose")
    if other_scale or coded or (fitted.share < 0.5 and not spec.levels):
        certainty, held = ASK, True
    return Proposal(
        heading=column.heading,
        column=match.column,
        certainty=certainty,
        reasons=tuple(reasons),
        place="columns",
        held=held,
        fit=fitted,
    )


def _ids(column: Column) -> tuple[str, ...]:
    words = list(column.counts)
    named = sum(bool(persons.identifying(w)) for w in words)
    if named:
        return (f"{named} of {len(words)} look like a name, a date or a number of a person",)
    return ("unique" if len(words) == len(column.cells) else f"{len(words)} different",)


def nothing(column: Column, taken: set[str]) -> Proposal:
    """Say why nothing of the contract fits a column."""
    tried = [m.column for m in matches(column)]
    free = [c for c in tried if c not in taken]
    reasons: tuple[str, ...] = ()
    if free:
        reasons = (f"by its heading {free[0]}, but no value fits",)
    elif tried:
        reasons = (f"{tried[0]} is given already",)
    elif free_text(column):
        reasons = (FREE_TEXT,)
    return Proposal(heading=column.heading, reasons=reasons)


def matches(column: Column) -> list[Match]:
    """Return what a column may be by its heading, then by what the file calls it."""
    found = list(columns_of(column.heading))
    for title in dict.fromkeys((column.title, *column.title.split(": ")[1:])):
        found += [
            m._replace(reason=f'"{title}": {m.reason}')
            for m in (columns_of(title) if title else ())
            if title == column.title or columns()[m.column].kind == "boolean"
        ]
    return found


def identifies(column: Column) -> bool:
    """Tell whether a heading, or most cells, say who somebody is."""
    if column.heading in columns():
        return False
    if privacy.identifies(column.heading):
        return True
    words = list(column.counts)
    reach = (persons.MAIL, persons.PHONE)
    many = sum(persons.identifying(w, prose=True) in reach for w in words)
    return many > len(words) / 2 and not columns_of(column.heading)


def _bare(p: Proposal) -> bool:
    """Tell whether nothing says in which unit the numbers of a column are."""
    return not (p.fit.unit or p.levels or unit_of(p.heading) or p.heading == p.column)


def asked(p: Proposal) -> Iterator[str]:
    """Say what has to be decided of one column, in plain sentences."""
    if p.held and p.column:
        yield f'"{p.heading}": is it {p.column}? {p.reasons[-1]}'
        return
    if p.fit.unknown:
        words = ", ".join(f'"{w}"' for w in p.fit.unknown)
        yield f'"{p.heading}": what does {words} mean? (under [levels.{p.column}])'
    both = [w for w, meaning in p.levels.items() if BESIDE in str(meaning)]
    if both:
        words = ", ".join(f'"{w}"' for w in both)
        yield f'"{p.heading}": {words}: read as a treatment with a substance; is that so?'
    if p.fit.hidden:
        yield f'"{p.heading}": words that are not read and not shown here: {p.fit.hidden}'
    if p.fit.unsure:
        said = f'"{p.heading}": words stand for numbers; which ones, is for you to choose'
        more = " (7 of 10 or more counts as satisfied)" if p.column == "satisfaction_score" else ""
        yield said + more
    if p.fit.codes:
        yield f'"{p.heading}": does {", ".join(p.fit.codes)} stand for a value that is not known?'
    spec = columns().get(p.column)
    if spec and spec.unit == "weeks" and p.place == "columns" and _bare(p):
        yield f'"{p.heading}": are its numbers weeks? (days, months or years under [units])'
    if p.fit.unit == "fraction":
        yield f'"{p.heading}": is 0.45 there 45 percent, or less than one?'
    if any(about(w) is not None for w in p.levels):
        yield f'"{p.heading}": "about 50" is read as 50; is that near enough?'
    if p.column == "weeks" and p.levels:
        yield f'"{p.heading}": weeks are worked out from words; check them under [levels.weeks]'
