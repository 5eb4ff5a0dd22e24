"""One row for one assessment: blocks, worksheets, ids filled down, dates to weeks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import pandas as pd

from mnstudy.cohort.loading import vocabulary
from mnstudy.cohort.reading.sheet import Sheet, as_text
from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.schema.problems import (
    HIDDEN,
    ROWS_A_BLOCK,
    Line,
    Problem,
    column_problems,
    key_problem,
)
from mnstudy.cohort.study.reading import Block, Span, date_format
from mnstudy.cohort.study.study import Study
from mnstudy.words.notes import Count, Note, note


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Raw assessments under the names of the contract, before a cell is read.

    Attributes
    ----------
    cells : DataFrame
        A column the contract does not know keeps its heading. The index is the row of the sheet;
        from the second block of the study file on, a multiple of ``ROWS_A_BLOCK`` more.
    set : mapping
        Column to the values that blocks of the study file set, for the rows of those blocks.
    labels, missing : mapping
        What the file says of codes, by column; see ``Sheet``.
    places : tuple of mapping
        For each block, column to where it stands in the file: worksheet and heading.
    titles : mapping
        Where headings, names of worksheets and labels stand, to what they are.
    problems, remarks
        What was found on the way.
    """

    cells: pd.DataFrame
    set: Mapping[str, pd.Series] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    places: tuple[Mapping[str, str], ...] = ({},)
    titles: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Note, ...] = ()

    def holds(self, column: str, frame: pd.DataFrame) -> bool:
        """Tell whether every row has the column, be it in the sheet or set by its block."""
        return column in frame or len(self.set.get(column, ())) == len(self.cells) > 0

    def located(self, problem: Problem) -> Problem:
        """Return a problem with the row and the heading as they stand in the file."""
        row, block = problem.row, 0
        if row is not None:
            block, row = divmod(row, ROWS_A_BLOCK)
        places = self.places[min(block, len(self.places) - 1)]
        also = tuple(sorted({other % ROWS_A_BLOCK for other in problem.also} - {row}))
        column = places.get(problem.column, problem.column)
        return replace(problem, row=row, column=column, also=also)


def arrange(sheets: Mapping[str, Sheet], study: Study) -> Rows:
    """Bring what was read into one row for one assessment.

    Parameters
    ----------
    sheets : mapping
        Sheet by the name of its worksheet as the study file gives it; ``""`` is the one of the
        file.
    study : Study
        Names of columns, blocks, ids to fill down, dates.

    Returns
    -------
    Rows
        No assessment is left out but those of which a block of the study file holds no entry; they
        are counted in ``remarks``.
    """
    blocks = study.reading.rows or (Block(),)
    filled = {name: _filled_down(sheet, study) for name, sheet in sheets.items()}
    parts = [_part(filled[block.sheet][0], block, study, k) for k, block in enumerate(blocks)]
    used = list(dict.fromkeys(block.sheet for block in blocks))
    cells = parts[0].cells if len(parts) == 1 else pd.concat([part.cells for part in parts])
    problems, remarks = [], []
    for name in used:
        problems += [*sheets[name].problems, *_no_such_heading(sheets[name], name, study)]
        remarks += [*sheets[name].remarks, *filled[name][1]]
    later = tuple(dict.fromkeys(heading for part in parts for heading in part.later))
    remarks += [note("not_at_baseline", names=later)] if later else []
    empty = sum(part.empty for part in parts)
    if empty:
        remarks.append(note("blocks_without_entry", rows=Count(n=empty, noun="assessment")))
    cells, found = _dated(cells, study)
    labels, missing = _labels(sheets, study)
    return Rows(
        cells=cells,
        set=_set(parts, blocks),
        labels=labels,
        missing=missing,
        places=tuple(part.places for part in parts),
        titles=_titles([sheets[name] for name in used]),
        problems=(*problems, *found),
        remarks=tuple(remarks),
    )


def _filled_down(sheet: Sheet, study: Study) -> tuple[Sheet, list[Note]]:
    """Repeat the cell above in the empty cells of the columns that the study file names."""
    names = [h for h in study.reading.fill_down if h in sheet.cells]
    if not names or sheet.cells.columns.duplicated().any():
        return sheet, []
    cells, count = sheet.cells.copy(), 0
    for name in names:
        blank = cells[name].map(as_text).eq("")
        count += int(blank.sum())
        cells[name] = cells[name].astype("object").mask(blank).ffill()
    filled = note("filled_down", cells=Count(n=count, noun="cell"), names=tuple(names))
    return replace(sheet, cells=cells), [filled]


def _no_such_heading(sheet: Sheet, name: str, study: Study) -> Iterator[Problem]:
    """List headings that the study file names and the worksheet has not."""
    have = {str(h).strip() for h in sheet.cells.columns}
    reading = study.reading
    blocks = [b for b in reading.rows if b.sheet == name]
    dated = [h for span in reading.dates.values() for h in (span.to, span.since) if h]
    made = {c for b in blocks for c in b.columns.values()}
    asked = {
        "[columns]": study.columns,
        "[[rows]]": [h for block in blocks for h in block.columns],
        "fill_down": reading.fill_down,
        "[dates]": [h for h in dated if h not in made],
    }
    where = f"a column of the worksheet {name}" if name else "a column of the sheet"
    for place, names in asked.items():
        lacking = [h for h in names if h.strip() not in have]
        yield from column_problems(lacking, where, f"{place} in study.toml names it")


def _titles(sheets: Sequence[Sheet]) -> dict[str, str]:
    """Return what stands above and beside the cells, by a place that tells nothing of it."""
    found = {}
    for i, sheet in enumerate(sheets, 1):
        where = f" of worksheet {i}" if len(sheets) > 1 else ""
        found[f"name of worksheet {i}"] = sheet.worksheet
        found |= {f"heading {j}{where}": str(h) for j, h in enumerate(sheet.cells.columns, 1)}
        labels = [*sheet.titles.values(), *(x for y in sheet.labels.values() for x in y.values())]
        found |= {f"label {j}{where}": str(label) for j, label in enumerate(labels, 1)}
    return found


_CLOCK = r"[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm])?$"


class Part(NamedTuple):
    """One block: its rows, where its columns stand, rows without entry, headings not taken."""

    cells: pd.DataFrame
    places: dict[str, str]
    empty: int
    later: tuple[str, ...]


def _part(sheet: Sheet, block: Block, study: Study, k: int) -> Part:
    """Read the rows of one block, whose columns are those common to all and its own."""
    cells = sheet.cells.copy()
    cells.columns = [str(h).strip() for h in cells.columns]
    others = {h for other in study.reading.rows for h in other.columns} - set(block.columns)
    cells = cells.loc[:, [h not in others for h in cells.columns]]
    names = {h.strip(): c for h, c in {**study.columns, **block.columns}.items()}
    empty = 0
    alike = [b for b in study.reading.rows if b.sheet == block.sheet]
    if block.columns and len(alike) > 1:
        blank = _blank(cells, block.columns)
        # a row of more than a name without an entry in any block stays, to be looked at
        nowhere = _blank(sheet.cells, [h for b in alike for h in b.columns])
        more = sheet.cells.map(as_text).ne("").sum(axis=1) > 1
        nowhere = (nowhere & more).to_numpy()
        left = blank & ~(nowhere & (block is alike[-1]))
        cells, empty = cells[~left], int((left & ~nowhere).sum())
    there = f"{sheet.worksheet}: " if block.sheet else ""
    places = {names.get(h, h): f"{there}{h}" for h in cells.columns}
    cells = cells.rename(columns=names)
    before = _is_before(block) and len(alike) > 1
    late = [c for c in places if before and _follows(c) and c not in block.columns.values()]
    cells = cells.loc[:, [c not in block.set and c not in late for c in cells.columns]]
    cells = cells.set_axis(cells.index + ROWS_A_BLOCK * k, axis=0)
    return Part(cells, places, empty, tuple(places[c] for c in late))


def _follows(column: str) -> bool:
    """Tell whether a column is known only after a treatment."""
    return column in columns() and columns()[column].follows


def _blank(cells: pd.DataFrame, headings: Iterable[str]) -> pd.Series:
    """Tell in which rows none of the columns has an entry."""
    own = [h for h in cells.columns if str(h).strip() in set(headings)]
    return cells[own].map(as_text).eq("").all(axis=1)


def _is_before(block: Block) -> bool:
    """Tell whether a block is the assessment before the first session."""
    return any(block.set.get(clock) == 0 for clock in ("session_count", "weeks"))


def _set(parts: list[Part], blocks: tuple[Block, ...]) -> dict[str, pd.Series]:
    """Return the values that blocks set, by column, for the rows of those blocks."""
    values: dict[str, list[pd.Series]] = {}
    for part, block in zip(parts, blocks, strict=True):
        index = part.cells.index
        for name, value in block.set.items():
            same = pd.Series([value] * len(index), index=index, dtype="object", name=name)
            values.setdefault(name, []).append(same)
    return {name: pd.concat(series) for name, series in values.items()}


def _labels(
    sheets: Mapping[str, Sheet], study: Study
) -> tuple[dict[str, Mapping[str, str]], dict[str, tuple[str, ...]]]:
    """Return what the file says of its codes, by column of the contract."""
    names = dict(study.columns)
    for block in study.reading.rows:
        names |= block.columns
    labels: dict[str, Mapping[str, str]] = {}
    missing: dict[str, tuple[str, ...]] = {}
    for sheet in sheets.values():
        labels |= {names.get(h, h): said for h, said in sheet.labels.items()}
        missing |= {names.get(h, h): codes for h, codes in sheet.missing.items()}
    return labels, missing


def _dated(cells: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, list[Problem]]:
    """Work out weeks from dates, and leave the dates out of the table."""
    reading = study.reading
    if not reading.dates:
        return cells, []
    names = {h for span in reading.dates.values() for h in (span.to, span.since) if h in cells}
    dates, problems = {}, []
    for name in sorted(names):
        dates[name], found = _as_dates(cells[name], reading.date_format)
        problems += found
    made = {}
    for column, span in reading.dates.items():
        if column in cells:
            rule, remedy = "weeks in the sheet or dates, not both", "leave out one of the two"
            problems.append(key_problem(f"dates.{column}", span.to, rule, remedy))
        elif {span.to, span.since} - {""} <= set(dates) and "patient_id" in cells:
            made[column] = _weeks(dates, span, cells["patient_id"])
    return cells.drop(columns=sorted(names)).assign(**made), problems


def _as_dates(cells: pd.Series, shown: str) -> tuple[pd.Series, list[Problem]]:
    """Read dates: those of a spreadsheet as they are, text in the declared form."""
    text = cells.map(as_text).str.replace(_CLOCK, "", regex=True)
    stored = cells.map(lambda cell: hasattr(cell, "year"))
    forms = [date_format(form) for form in (shown, _other_year(shown))]
    first, second = (pd.to_datetime(text[~stored], format=f, errors="coerce") for f in forms)
    dates = first.fillna(second).reindex(text.index)  # 14.03.22 beside 14.06.2022
    dates = dates.mask(stored, pd.to_datetime(cells.where(stored), errors="coerce"))
    bad = dates.isna() & text.ne("") & ~text.map(vocabulary.is_missing)
    rule, remedy = f"a date as {shown}", "correct the date, or the format under [dates]"
    return dates, [
        Problem(
            row=int(row),
            column=str(cells.name),
            value=HIDDEN,
            rule=rule,
            remedy=remedy,
            masked=True,
        )
        for row in cells.index[bad]
    ]


def _other_year(shown: str) -> str:
    """Return a form of dates with the year in two digits in place of four, or in four."""
    return shown.replace("YYYY", "YY") if "YYYY" in shown else shown.replace("YY", "YYYY")


def _weeks(dates: Mapping[str, pd.Series], span: Span, patient: pd.Series) -> pd.Series:
    later = dates[span.to]
    first = dates[span.since] if span.since else later.groupby(patient).transform("min")
    return (later - first).dt.days / 7


def unused(rows: Rows, study: Study) -> list[Note]:
    """Say which columns of the sheet nothing is made of."""
    known = {*columns(), *study.measures}
    names = tuple(str(c) for c in rows.cells.columns if c not in known and str(c).strip())
    return [note("columns_not_used", names=names)] if names else []


def heading_line(column: str, headings: list[str]) -> tuple[Line, ...]:
    """Propose the heading that a missing column seems to stand under; of several none is chosen."""
    like = [h for h in filter(None, headings) if vocabulary.column_of(h).column == column]
    return tuple(Line("columns", h, column if len(like) == 1 else "?") for h in like)
