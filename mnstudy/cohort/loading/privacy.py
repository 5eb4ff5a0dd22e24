"""Refuse what identifies a person; the refused value itself is never repeated in a message."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache

import pandas as pd

from mnstudy.cohort.loading.vocabulary import plain, words_of
from mnstudy.cohort.schema.problems import Problem, column_problems, row_problems

_LOOKS_LIKE = (
    ("a mail address", re.compile(r"\S+@\S+\.\S+")),
    ("a date", re.compile(r"^\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d{2}$")),
    ("a date", re.compile(r"^(?:19|20)\d{2}[./-]\d{1,2}[./-]\d{1,2}(?:[ T].*)?$")),
    ("a phone number", re.compile(r"^\+\d[\d\s/()-]{6,}\d$")),
    ("a phone number", re.compile(r"^0\d+[\s/(][\d\s/()-]{4,}\d$")),
    ("a name", re.compile(r"^[^\W\d_]{2,}(?:[\s,.'’-]+[^\W\d_]{1,})+$")),
    ("a name", re.compile(r"^[^\W\d_][^\W\dA-Z_]{3,}$")),
)
_PSEUDONYM = r"[A-Za-z]{0,4}[_.\-]?[0-9]{1,8}"  # the usual form, which is none of these
EXAMPLE = "P001, P002, ..."  # written into messages, so no sign of a patient
_REMEDY = f"identifies a person: put a pseudonym ({EXAMPLE}) in its place"
_TOTAL = "a total or a mean at the end of the sheet, or a name"
_NO_PATIENT = f"delete the row where it is no patient; else put a pseudonym ({EXAMPLE}) there"


def looks_like(cell: str) -> str | None:
    """Say what an id looks like (a name, a date, ...), or None for a pseudonym."""
    return next((what for what, pattern in _LOOKS_LIKE if pattern.search(cell)), None)


def identifying_ids(ids: pd.Series) -> list[Problem]:
    """Find ids that look like a person; one problem a row, the value masked."""
    known = pd.Series(ids.dropna().unique(), dtype="str")
    asked = known[~known.str.fullmatch(_PSEUDONYM)]
    found = {cell: what for cell in asked if (what := looks_like(cell))}
    if not found:
        return []
    found |= dict.fromkeys((c for c in found if plain(c) in words_of("totals")), _TOTAL)
    seen = ids.map(found)
    hidden = ids[seen.notna()].map(lambda cell: f"({len(cell)} characters, not shown)")
    hidden = hidden.reindex(ids.index)
    rule = "a pseudonym; this looks like " + seen.astype("str")
    remedy = seen.eq(_TOTAL).map({True: _NO_PATIENT, False: _REMEDY})
    return [replace(p, masked=True) for p in row_problems(hidden, seen.notna(), rule, remedy)]


def identifying_names(names: Mapping[str, str]) -> list[Problem]:
    """Find names of arms that look like a person; of letters only those with several capitals."""
    problems = []
    for word, name in names.items():
        what = looks_like(name)
        if what and (what != "a name" or (name.istitle() and len(name.split()) > 1)):
            rule = f"what was given, not who; this looks like {what}"
            remedy = "name the treatment, in small letters where it is of several words"
            hidden = f"({len(name)} characters, not shown)"
            problems.append(Problem(column=f"arms.{word}", value=hidden, rule=rule, remedy=remedy))
    return problems


def identifying_headers(frame: pd.DataFrame, *, known: Collection[str]) -> list[Problem]:
    """Find columns whose heading announces a name, a birth date or an address."""
    names = [c for c in frame.columns if c not in known and identifies(str(c))]
    rule, remedy = "no column that identifies a person", "leave this column out of the sheet"
    return column_problems(names, rule, remedy)


@cache
def identifies(heading: str) -> bool:
    """Tell whether a heading announces a name, a birth date, an address or a number of a register.

    >>> identifies("Geb.-Datum"), identifies("Nombre de séances"), identifies("device name")
    (True, False, False)
    """
    padded = f" {plain(heading)} "
    thing = any(f" {word} " in padded for word in words_of("things"))
    if not thing and any(f" {word} " in padded for word in words_of("identifying")):
        return True
    return any(plain(part) in words_of("identifying_alone") for part in heading.split(" / "))
