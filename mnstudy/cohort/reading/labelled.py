"""Files whose columns have names: .sav and .dta with their labels, and .parquet."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from mnstudy.cohort.reading.sheet import Sheet, as_text, foreign, refuse
from mnstudy.cohort.schema.problems import Problem, fail
from mnstudy.cohort.study.reading import Reading

_STATISTICS = {".sav": "SPSS", ".zsav": "SPSS", ".dta": "Stata"}
_MOST_ROWS = 5_000_000
_MOST_BYTES = 2 << 30  # of a .parquet file when unpacked
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")  # of Stata's missing values


def labelled_sheet(path: Path, how: Reading | None = None) -> Sheet:
    """Read a file whose columns have names; codes stay codes, beside what the file says they mean.

    Raises
    ------
    DataError
        The file is cut off or of another kind, or a column holds what is no cell of a sheet.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _numbered(_parquet(path))
    with foreign(path, f"{suffix} ({_STATISTICS[suffix]})"):
        encoding = (how or Reading()).encoding
        if not survives(str(path.resolve()), suffix, encoding, path.stat().st_mtime_ns):
            raise ValueError
        frame, meta = _read(path, suffix, encoding)
    if len(frame) > _MOST_ROWS:
        refuse(path, rule=f"at most {_MOST_ROWS:,} rows", remedy="save the rows of the study alone")
    missing = _declared_missing(frame, meta.missing_ranges)
    if suffix == ".dta":
        frame, missing = _with_letters(frame, meta.missing_user_values)
    return _numbered(frame, labels=_labels(meta, suffix), titles=_titles(meta), missing=missing)


@lru_cache(32)
def survives(path: str, suffix: str, encoding: str, written: int) -> bool:
    """Say whether a process that reads what a file says of itself lives on.

    On some damaged files pyreadstat falls together with the process, which no exception tells.
    """
    code = (
        "import sys, pyreadstat as p; read = p.read_dta if sys.argv[2] == '.dta' else p.read_sav; "
        "read(sys.argv[1], metadataonly=True, encoding=sys.argv[3] or None)"
    )
    call = [sys.executable, "-P", "-c", code, path, suffix, encoding]
    done = subprocess.run(call, capture_output=True, timeout=60, check=False)
    return done.returncode in (0, 1)  # 1: an exception, which comes again here


def _read(path: Path, suffix: str, encoding: str) -> tuple[pd.DataFrame, Any]:
    import pyreadstat

    read = pyreadstat.read_dta if suffix == ".dta" else pyreadstat.read_sav
    return read(
        str(path),
        apply_value_formats=False,
        user_missing=True,
        encoding=encoding or None,
        row_limit=_MOST_ROWS + 1,
    )


def _numbered(frame: pd.DataFrame, **known: Any) -> Sheet:
    cells = frame.set_axis(pd.RangeIndex(2, len(frame) + 2), axis=0)
    return Sheet(cells=cells.set_axis([str(c) for c in cells], axis=1), **known)


def _titles(meta: Any) -> dict[str, str]:
    return {str(k): str(v).strip() for k, v in meta.column_names_to_labels.items() if v}


def _labels(meta: Any, suffix: str) -> dict[str, dict[str, str]]:
    letter = _letter if suffix == ".dta" else as_text
    return {
        str(column): {letter(code): str(label).strip() for code, label in labels.items()}
        for column, labels in meta.variable_value_labels.items()
    }


def _letter(code: Any) -> str:
    """Write a code of Stata, also one of a missing value, of which only numbers have any."""
    return f".{code}" if code in _LETTERS else as_text(code)


def _declared_missing(
    frame: pd.DataFrame, ranges: Mapping[str, list[dict[str, Any]]]
) -> dict[str, tuple[str, ...]]:
    """Return the codes in the data that lie in a range declared as missing."""
    missing = {}
    for column, spans in ranges.items():
        codes = [v for v in frame[column].dropna().unique() if any(_within(v, s) for s in spans)]
        if codes:
            missing[column] = tuple(sorted(map(as_text, codes)))
    return missing


def _within(value: Any, span: Mapping[str, Any]) -> bool:
    try:
        return bool(span["lo"] <= value <= span["hi"])
    except TypeError:  # a text beside numbers
        return False


def _with_letters(
    frame: pd.DataFrame, used: Mapping[str, list[Any]]
) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """Write Stata's missing values .a to .z as it does, and name those in the data."""
    missing = {}
    for column in used:
        letters = frame[column].map(lambda x: isinstance(x, str) and x in _LETTERS)
        if letters.any():
            written = frame[column].where(~letters, "." + frame[column].astype(str))
            frame = frame.assign(**{column: written})
            missing[column] = tuple(sorted(written[letters].unique()))
    return frame, missing


def _parquet(path: Path) -> pd.DataFrame:
    with foreign(path, ".parquet"):
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            groups = range(file.metadata.num_row_groups)
            size = sum(file.metadata.row_group(i).total_byte_size for i in groups)
            if size > _MOST_BYTES or file.metadata.num_rows > _MOST_ROWS:
                rule = f"at most {_MOST_ROWS:,} rows"
                refuse(path, rule=rule, remedy="save the rows of the study alone")
            _check_types(path, file.schema_arrow)
            table = file.read(use_threads=False)
        # whole numbers beside missing ones stay whole; an index of pandas is a column like others
        frame = table.to_pandas(ignore_metadata=True, integer_object_nulls=True)
        coded = frame.select_dtypes("category").columns
        return frame.astype(dict.fromkeys(coded, object))


def _check_types(path: Path, schema: Any) -> None:
    import pyarrow.types as of

    kinds = (
        (of.is_nested, "lists or records", "give each of its parts a column of its own"),
        (of.is_duration, "durations", "write them as a number of weeks or days"),
        (_is_binary, "bytes", "write them as text"),
    )
    problems = [
        Problem(column=field.name, rule=f"a column of single values, not {what}", remedy=remedy)
        for field in schema
        for is_kind, what, remedy in kinds
        if is_kind(field.type)
    ]
    if problems:
        fail(path.name, *problems)


def _is_binary(kind: Any) -> bool:
    import pyarrow.types as of

    return bool(of.is_binary(kind) or of.is_large_binary(kind) or of.is_fixed_size_binary(kind))
