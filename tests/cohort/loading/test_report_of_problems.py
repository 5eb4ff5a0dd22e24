"""What a person reads of the problems of a sheet."""

import tomllib

import pandas as pd

import mnstudy as mn
from mnstudy.cohort.schema.problems import Line, Problem, kinds, pasted


def bad(row, value, rule="one of a, b", **more):
    return Problem(row=row, column="arm", value=value, rule=rule, remedy="mend it", **more)


def test_one_line_a_kind_with_its_rows():
    found = kinds([bad(i, "A" if i % 2 else "B") for i in range(2, 42)])
    assert [k.value for k in found] == ['"B" x 20', '"A" x 20']
    assert found[0].where == "rows 2, 4, 6, 8, 10, 12, ..."


def test_many_values_under_one_rule_are_told_together():
    (kind,) = kinds([bad(i, str(i)) for i in range(2, 12)])
    assert kind.value == '"2", "3", "4", "5", "6" and 5 more x 10'


def test_a_slip_is_not_buried_under_forty_of_another_kind():
    words = [bad(i, "B") for i in range(2, 42)]
    report = mn.validate(pd.DataFrame())  # any report: its words are looked at below
    text = str(type(report)(source="s.csv", rows=40, problems=(*words, bad(37, "300", "at most"))))
    assert "row 37" in text
    assert "2 kinds" in text


def test_lines_to_paste_are_toml_merged_by_table():
    lines = [
        Line("levels.scar_type", 'a "b"', "burn"),
        Line("levels.scar_type", "?x", "?"),
        Line("missing", "weeks", ("-9",)),
        Line("missing", "weeks", ("99",)),
        Line("", "decimal", ",", otherwise="."),
    ]
    text = pasted([bad(2, "x", paste=(line,)) for line in lines])
    assert tomllib.loads(text) == {
        "decimal": ",",
        "levels": {"scar_type": {'a "b"': "burn"}},
        "missing": {"weeks": ["-9", "99"]},
    }
    assert 'decimal = ","     # or "."' in text


def test_long_and_unprintable_cells_are_cut_and_shown_on_one_line():
    (kind,) = kinds([bad(2, "\x1b[31m" + "x" * 500)])
    assert len(kind.value) < 80
    assert "\x1b" not in kind.value


def test_a_notebook_shows_a_table_and_escapes_it():
    sheet = pd.DataFrame({"patient_id": ["P1"], "scar_type": ["<b>"]})
    html = mn.validate(sheet)._repr_html_()
    assert "<table>" in html
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
