"""Find, load and check data sets: shipped ones by name, a researcher's own by path."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from mnstudy.cohort.loading import privacy
from mnstudy.cohort.loading.arrange import arrange
from mnstudy.cohort.loading.check import check
from mnstudy.cohort.loading.shipped import data_dir
from mnstudy.cohort.reading.read import sheet_of_frame, worksheets_read
from mnstudy.cohort.reading.sheet import refuse
from mnstudy.cohort.schema.problems import Problem, ValidationReport
from mnstudy.cohort.study.design import infer_design
from mnstudy.cohort.study.study import Study, parse_study, read_study
from mnstudy.cohort.table import Cohort, Provenance
from mnstudy.errors import DataError
from mnstudy.words.notes import note

SYNTHETIC = "synthetic"  # the mark that a table of invented data carries

Source: TypeAlias = str | os.PathLike[str] | pd.DataFrame


def shipped() -> dict[str, Path]:
    """Return the shipped cohorts: name to the folder with its study file."""
    return {p.parent.name: p.parent for p in sorted(data_dir().glob("*/study.toml"))}


def datasets() -> pd.DataFrame:
    """List what is shipped.

    Returns
    -------
    DataFrame
        Indexed by name: title, design, randomised, synthetic, rows, patients, licence.
    """
    columns = ["title", "design", "randomised", "synthetic", "rows", "patients", "licence"]
    rows = {}
    for name in shipped():
        cohort = load(name)
        study, sizes = cohort.study, [len(cohort.data), cohort.data["patient_id"].nunique()]
        declared = [study.title, study.design, study.randomised, study.synthetic]
        rows[name] = [*declared, *sizes, study.licence]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("name")


def load(source: Source, *, study: Mapping[str, Any] | Study | None = None) -> Cohort:
    """Load a cohort and check it against the contract.

    Parameters
    ----------
    source : str, path or DataFrame
        Name of a shipped data set (see ``datasets``); or a .csv, .xlsx, .parquet, .sav or .dta
        file, with a ``study.toml`` beside it or without; or a ``study.toml``; or a folder that
        holds one; or a table.
    study : mapping or Study, optional
        The content of a study file, for a table or in place of the file.

    Returns
    -------
    Cohort

    Raises
    ------
    DataError
        Anything is wrong; ``error.report`` lists all problems with row, column, value, rule and
        remedy. No row is ever dropped.

    Examples
    --------
    >>> import mnstudy as mn
    >>> mn.load("demo_split_face").study.design
    'split_body'
    """
    cohort, report = _read(source, study)
    report.raise_if_bad()
    return cohort


def validate(source: Source, *, study: Mapping[str, Any] | Study | None = None) -> ValidationReport:
    """Check a sheet against the contract without raising.

    Parameters are those of ``load``. Returns the report: ``report.ok``, ``report.problems``,
    ``report.to_frame()``.
    """
    try:
        return _read(source, study)[1]
    except DataError as error:
        if isinstance(error.report, ValidationReport):
            return error.report
        problem = Problem(rule=str(error), remedy="see the message")
        return ValidationReport(source=str(source), rows=0, problems=(problem,))


def _read(
    source: Source, study: Mapping[str, Any] | Study | None
) -> tuple[Cohort, ValidationReport]:
    with privacy.kept_back():
        if isinstance(study, Mapping):
            study = parse_study(study, source="study")
        if isinstance(source, pd.DataFrame):
            sheets, study, name = {"": sheet_of_frame(source)}, study or Study(), "table"
            study = replace(study, synthetic=study.synthetic or SYNTHETIC in source.attrs)
            location = ""
            digest = hashlib.sha256(source.to_csv(index=False).encode()).hexdigest()
        else:
            path, found, name = locate(source)
            location = name if name in shipped() else str(Path(source).resolve())
            study = study or found
            sheets = worksheets_read(path, study.reading)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
    rows = sum(len(sheet.cells) for sheet in sheets.values())
    data, problems, notes = check(arrange(sheets, study), study)
    data.attrs |= {SYNTHETIC: True} if study.synthetic else {}  # kept by what is cut from it
    if not study.design_declared and not problems:
        design, reason = infer_design(data)
        study = replace(study, design=design)
        words = design.replace("_", " ")
        notes.append(note("no_design_declared", design=words, reason=reason))
    provenance = Provenance(
        name=name,
        source=study.source,
        sha256=digest,
        synthetic=study.synthetic,
        rows=rows,
        location=location,
    )
    cohort = Cohort(data=data, study=study, provenance=provenance, remarks=tuple(notes))
    shown = name if isinstance(source, pd.DataFrame) else path.name
    report = ValidationReport(
        source=shown, rows=rows, problems=tuple(problems), remarks=tuple(notes)
    )
    return cohort, report


def locate(source: str | os.PathLike[str]) -> tuple[Path, Study, str]:
    """Find the data file, its study and the name to call it by."""
    names = shipped()
    folder = names.get(str(source))
    path = folder if folder else Path(source)
    if os.path.isdir(path):  # False as well for a name that cannot be
        path = path / "study.toml"
    elif not os.path.exists(path):
        raise _not_found(str(source), list(names))
    if path.name == "study.toml" or path.suffix == ".toml":
        study = _study_of(path)
        name = path.parent.resolve().name if path.name == "study.toml" else path.stem
        return path.parent / study.file, study, name
    beside = path.parent / "study.toml"
    study = read_study(beside) if beside.is_file() else Study()
    mine = study.file in ("", path.name)
    return path, study if mine else Study(), path.stem


def _study_of(path: Path) -> Study:
    if not path.is_file():
        refuse(path, rule="a study.toml in the folder", remedy="run: mnstudy init SHEET")
    study = read_study(path)
    if not study.file:
        refuse(path, rule="file = ...", remedy="name the data file in the study file")
    return study


def _not_found(asked: str, names: list[str]) -> DataError:
    near = difflib.get_close_matches(asked, names, n=3, cutoff=0.4) or names
    problem = Problem(
        value=asked,
        rule="a file that exists or a shipped data set",
        remedy="did you mean " + " or ".join(near) + "? Otherwise check the path",
    )
    report = ValidationReport(source=asked, rows=0, problems=(problem,))
    return DataError(str(report), report=report)
