"""Each sheet of make.py goes the way a person goes: init, validate, lines and answers, load."""

import tomllib
from pathlib import Path

import pandas as pd
import pytest
from answers import leaves, merged, pasted, proposed
from make import SHEETS

import mnstudy as mn
from mnstudy.cohort.schema.columns import columns
from mnstudy.errors import DataError

# what init asks, by its beginning, and all that the first report lists
EXPECTED = tomllib.loads((Path(__file__).parent / "expected.toml").read_text(encoding="utf-8"))
KEY = ("patient_id", "site_id", "period", "weeks", "session_count")
ASSUMED = {"site_id": {"site"}, "treatment": {"needling"}}  # where a sheet has no such column


def differences(data, truth):
    """Return the columns of the contract in which a typed table is not the true one."""
    truth = pd.DataFrame(truth)
    wrong = {"rows": f"{len(data)} for {len(truth)}"} if len(data) != len(truth) else {}
    there = [c for c in columns() if c in data or c in truth]
    for name in [c for c in there if c not in truth]:
        if not set(data[name].dropna().astype(str)) <= ASSUMED.get(name, set()):
            wrong[name] = "not in the truth"
    wrong |= {c: "not read" for c in there if c not in data}
    if "rows" in wrong:
        return wrong
    key = [c for c in KEY if c in truth and c in data]
    read, true = (_ordered(table, key) for table in (data, truth))
    for name in [c for c in there if c in truth and c in data]:
        pairs = list(zip(read[name], true[name], strict=True))
        odd = [pair for pair in pairs if not _same(*pair)]
        if odd:
            wrong[name] = f"{len(odd)} cells, such as {odd[0]}"
    return wrong


def _ordered(table, key):
    text = table[key].astype("object").map(lambda x: f"{x:012.6f}" if _number(x) else str(x))
    return table.loc[text.sort_values(key, kind="stable").index]


def _number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(one, other):
    if pd.isna(one) or pd.isna(other):
        return bool(pd.isna(one) and pd.isna(other))
    if _number(other):
        return float(one) == pytest.approx(other, abs=1e-9)
    return str(one) == str(other)


def questions(found):
    """Return all that init leaves to a person: what it asks, and the lines it comments out."""
    lines = [line for line in found.study_text.split("\n") if line.startswith("# ")]
    return "\n".join([*found.asks, *found.lacking, *lines])


def is_asked(name, found):
    """Say whether init asks about a column of the contract, or about the rows."""
    if name == "rows":
        return any(ask.startswith(("row", "worksheet")) for ask in found.asks)
    headings = [p.heading for p in found if p.column == name or not p.column]
    asked = "\n".join((*found.asks, *found.lacking))
    return name in asked or any(f'"{heading}"' in asked for heading in headings)


def listed(report):
    """Write the kinds of problems of a report: column, values, how the rule begins, rows."""
    rules = [" ".join(k.rule.split()[:4]).rstrip(",;") for k in report.kinds]
    parts = [(k.column, k.value, r, k.where) for k, r in zip(report.kinds, rules, strict=True)]
    return [" | ".join(filter(None, part)) for part in parts]


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_is_read_as_it_is_meant_or_asked_about(name, tmp_path):
    made, expected = SHEETS[name](tmp_path), EXPECTED[name]
    if made.refused:
        with pytest.raises(DataError) as error:
            proposed(made.path)
        assert listed(error.value.report) == listed(mn.validate(made.path)) == expected["listed"]
        return
    study, found = proposed(made.path)
    said = questions(found)
    starts = expected["asked"]
    assert [ask[: len(s)] for ask, s in zip(found.asks, starts, strict=True)] == starts
    report = mn.validate(made.path, study=study)
    assert listed(report) == expected["listed"]
    if report.ok:
        wrong = differences(mn.load(made.path, study=study).data, made.truth)
        assert sorted(wrong) == sorted(made.differs), wrong
        assert [column for column in wrong if not is_asked(column, found)] == []
    if made.mend:
        made.mend()
        (tmp_path / "study.toml").unlink()
        study, found = proposed(made.path)
    answered, reports = pasted(made.path, merged(study, made.answers), made.answers)
    said = "\n".join([said, questions(found), str(report), *map(str, reports)])
    assert [place for place, _ in leaves(made.answers) if not _was_asked(place, said)] == []
    assert differences(mn.load(made.path, study=answered).data, made.truth) == {}


def _was_asked(place, said):
    words = [word for word in place if word not in ("columns", "levels", "set", "missing")]
    return any(word in said for word in words)


def test_sheets_are_the_same_each_time(tmp_path):
    for name, maker in SHEETS.items():
        tables = []
        for where in ("a", "b"):
            folder = tmp_path / where / name
            folder.mkdir(parents=True)
            tables.append(list(maker(folder).truth))
        assert tables[0] == tables[1]
    assert len(SHEETS) >= 24
