"""Raw exports of REDCap, read with their data dictionary.

The dictionary says what codes and fields mean. Fields of a form filled once, as at baseline, stand
in a row of their own beside the rows of a form that repeats: they are carried into these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import pandas as pd

from mnstudy.cohort.reading.delimited import text_grid
from mnstudy.cohort.reading.sheet import Sheet
from mnstudy.cohort.schema.problems import Problem, fail
from mnstudy.cohort.study.reading import Reading
from mnstudy.errors import DataError, nearest
from mnstudy.words.notes import Count, Note, note

INSTRUMENT, INSTANCE = "redcap_repeat_instrument", "redcap_repeat_instance"
EVENT = "redcap_event_name"
# headings of a dictionary, as the browser and as the programming interface export it
_HEADINGS = {
    "name": ("Variable / Field Name", "field_name"),
    "form": ("Form Name", "form_name"),
    "type": ("Field Type", "field_type"),
    "label": ("Field Label", "field_label"),
    "choices": ("Choices, Calculations, OR Slider Labels", "select_choices_or_calculations"),
    "identifier": ("Identifier?", "identifier"),
}
_FIXED = {
    "yesno": {"1": "Yes", "0": "No"},
    "truefalse": {"1": "True", "0": "False"},
}
_CHECKED = {"0": "Unchecked", "1": "Checked"}
_LOOKED_AT = 50  # files beside a sheet, of which one may be its dictionary


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """One field of a dictionary."""

    name: str
    form: str
    kind: str
    label: str
    choices: Mapping[str, str]
    identifier: bool


def with_dictionary(path: Path, sheet: Sheet, how: Reading) -> Sheet:
    """Return a raw export with labels and titles of its dictionary, and fields carried.

    A sheet that looks like an export without a dictionary being named is returned with a remark.

    Raises
    ------
    DataError
        The dictionary is not beside the sheet, is none, or is that of another project.
    """
    if not how.dictionary:
        return replace(sheet, remarks=(*sheet.remarks, *_undeclared(path, sheet)))
    fields = _dictionary(path, how.dictionary)
    columns = {c: field for c in sheet.cells if (field := _field_of(c, fields)) is not None}
    if len(columns) < 2:
        rule = "a raw export (headings are names of fields) and the dictionary of its project"
        remedy = "the headings are no fields of the dictionary: export the raw data again"
        _bad_dictionary(path, how.dictionary, rule, remedy)
    sheet = replace(
        sheet,
        labels={**sheet.labels, **{c: x for c, f in columns.items() if (x := _labels(c, f))}},
        titles={**sheet.titles, **{c: t for c, f in columns.items() if (t := _title(c, f))}},
        problems=(*sheet.problems, *_identifying(columns)),
    )
    return _carried(sheet, {c: field.form for c, field in columns.items()})


def _undeclared(path: Path, sheet: Sheet) -> tuple[Note, ...]:
    if not any(str(c).startswith("redcap_") for c in sheet.cells):
        return ()
    beside = dictionary_beside(path)
    if not beside:
        return (note("redcap_without_dictionary"),)
    return (note("redcap_dictionary_beside", file=beside),)


def dictionary_beside(path: Path) -> str:
    """Return the name of a data dictionary beside a .csv file; empty where there is none."""
    if path.suffix.lower() != ".csv":
        return ""
    return next((file.name for file in _beside(path) if _is_dictionary(file)), "")


def _beside(path: Path) -> list[Path]:
    files = sorted(path.parent.glob("*.csv"))[:_LOOKED_AT]
    return [file for file in files if file != path and file.is_file()]  # a pipe would not end


def _is_dictionary(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(2048).decode("utf-8-sig", "replace")
    except OSError:
        return False
    return all(names[0] in start or names[1] in start for names in list(_HEADINGS.values())[:3])


# The dictionary


def _dictionary(path: Path, name: str) -> dict[str, _Field]:
    file = path.parent / name
    try:
        found = Path(name).name == name and name.lower().endswith(".csv") and file.is_file()
    except (OSError, ValueError):
        found = False
    if not found:
        remedy = nearest(
            name, [p.name for p in _beside(path)], "put it into the folder of the sheet"
        )
        _bad_dictionary(path, name, "the name of a .csv file beside the sheet", remedy)
    try:
        cells = text_grid(file).cells
    except DataError as error:
        why = str(error.report.problems[0].remedy)
        _bad_dictionary(path, name, "a data dictionary of REDCap", why)
    fields = _fields(cells)
    if not fields:
        remedy = "download it in REDCap under Data Dictionary, and leave its first row as it is"
        _bad_dictionary(path, name, "a data dictionary of REDCap", remedy)
    return fields


def _bad_dictionary(path: Path, name: str, rule: str, remedy: str) -> NoReturn:
    fail(path.name, Problem(column="dictionary", value=name, rule=rule, remedy=remedy))


def _fields(cells: pd.DataFrame) -> dict[str, _Field]:
    heads = [] if cells.empty else [str(h).strip() for h in cells.iloc[0]]
    at = {key: heads.index(n) for key, names in _HEADINGS.items() for n in names if n in heads}
    if not {"name", "form", "type"} <= set(at):
        return {}
    fields = {}
    for row in cells.iloc[1:].itertuples(index=False):
        text = {key: str(row[i]).strip() for key, i in at.items()}
        kind, choices = text["type"].lower(), text.get("choices", "")
        fields[text["name"]] = _Field(
            name=text["name"],
            form=text["form"],
            kind=kind,
            label=_plain(text.get("label", "")),
            choices=_FIXED.get(kind) or (_choices(choices) if kind in _CHOSEN else {}),
            identifier=text.get("identifier", "").lower() == "y",
        )
    return fields


_CHOSEN = ("radio", "dropdown", "checkbox")


def _choices(text: str) -> dict[str, str]:
    """Read choices: code and label, parted by a comma, each from the next by a bar.

    >>> _choices("1, Rolling | 2, Boxcar, deep")
    {'1': 'Rolling', '2': 'Boxcar, deep'}
    """
    parts = [part.partition(",") for part in text.split("|") if part.strip()]
    return {code.strip(): _plain(label) for code, _, label in parts}


def _plain(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def _field_of(column: str, fields: Mapping[str, _Field]) -> _Field | None:
    """Return the field of a column; a checkbox has one for each choice, ``field___code``."""
    return fields.get(column) or fields.get(column.partition("___")[0])


def _choice(column: str, field: _Field) -> str:
    """Return the label of the choice of a checkbox that a column holds."""
    code = column.partition("___")[2]
    written = {key.lower().replace("-", "_"): label for key, label in field.choices.items()}
    return written.get(code.lower(), code)


def _labels(column: str, field: _Field) -> Mapping[str, str]:
    return _CHECKED if field.kind == "checkbox" else field.choices


def _title(column: str, field: _Field) -> str:
    if field.kind == "checkbox":
        return f"{field.label or field.name}: {_choice(column, field)}"
    return field.label


def _identifying(columns: Mapping[str, _Field]) -> list[Problem]:
    rule = "no field that the dictionary calls an identifier"
    remedy = "identifies a person: leave it out of the export"
    return [
        Problem(column=column, rule=rule, remedy=remedy)
        for column, field in columns.items()
        if field.identifier
    ]


# Baseline rows


def _carried(sheet: Sheet, forms: Mapping[str, str]) -> Sheet:
    """Carry fields of forms that do not repeat into the rows below that do; drop what is empty.

    What repeats are instruments with an instance, or forms that are filled at later events.
    """
    cells = sheet.cells
    if cells.columns.has_duplicates:
        return sheet
    text = cells.astype(object).where(cells.notna(), "").astype(str)
    text = text.apply(lambda column: column.str.strip())
    record = text.iloc[:, 0]
    repeats, repeating = _repeats(text, record, forms)
    once = [c for c in forms if forms[c] not in repeating and c != cells.columns[0]]
    if not repeating - {""}:  # whole events repeat, if any: nothing says what is of baseline
        return sheet
    carried, taken, reached = _carry(cells, text.ne(""), record, repeats, once)
    if not reached.any():
        return sheet
    own = _ticked(text, [c for c in text if forms.get(c) in repeating])
    ignored = [c for c in text if c.startswith("redcap_") or c.endswith("_complete")]
    rest = own.drop(columns=[cells.columns[0], *ignored]).ne("")
    rest[once] &= ~taken
    dropped = ~repeats & ~rest.any(axis=1) & repeats.groupby(record).transform("any")
    remark = note(
        "redcap_rows_carried",
        to=Count(n=int(reached.sum()), noun="row"),
        n=Count(n=int(dropped.sum()), noun="row"),
    )
    return replace(sheet, cells=carried[~dropped], remarks=(*sheet.remarks, remark))


def _repeats(
    text: pd.DataFrame, record: pd.Series, forms: Mapping[str, str]
) -> tuple[pd.Series, set[str]]:
    """Return the rows of forms that repeat, and these forms; no rows where none does."""
    if {INSTRUMENT, INSTANCE} <= set(text) and text[INSTANCE].ne("").any():
        rows = text[INSTANCE].ne("")
        return rows, set(text.loc[rows, INSTRUMENT])
    if EVENT not in text:
        return pd.Series(False, index=text.index), set()
    later = text[EVENT].ne(text[EVENT].groupby(record).transform("first"))
    fields = [c for c in forms if c != record.name]
    filled = _ticked(text, fields)[fields].ne("") & later.to_numpy()[:, None]
    return filled.any(axis=1), {forms[c] for c in fields if filled[c].any()}


def _ticked(text: pd.DataFrame, of: list[str]) -> pd.DataFrame:
    """Empty the checkboxes that are not ticked: an export writes 0 also where nobody was asked."""
    return text.assign(**{c: text[c].mask(text[c].eq("0"), "") for c in of if "___" in c})


def _carry(
    cells: pd.DataFrame,
    filled: pd.DataFrame,
    record: pd.Series,
    repeats: pd.Series,
    once: list[str],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """Return the cells with fields carried down, the cells that were carried, and rows reached.

    A field that a record holds with two values is not carried: which one a row has is not known.
    """
    carried = cells.copy()
    taken = pd.DataFrame(False, index=cells.index, columns=once)
    reached = pd.Series(False, index=cells.index)
    for column in once:
        source = cells[column].where(filled[column] & ~repeats)
        one = source.groupby(record).transform("nunique").eq(1)
        above = source.groupby(record).ffill()
        target = repeats & one & ~filled[column] & above.notna()
        carried[column] = cells[column].where(~target, above)
        taken[column] = source.notna() & one & target.groupby(record).transform("any")
        reached |= target
    return carried, taken, reached
