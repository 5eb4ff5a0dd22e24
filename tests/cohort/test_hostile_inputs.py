"""Files and study files that nobody means well: each ends in one sentence, none in a traceback."""

import pytest
from made_files import text, written

import mnstudy as mn
from mnstudy.errors import DataError


def rule(source):
    with pytest.raises(DataError) as error:
        mn.load(source)
    return error.value.report.problems[0].rule


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("x = " + "[" * 5000 + "]" * 5000, "a TOML file"),
        ("x = " + "{a=" * 2000 + "1" + "}" * 2000, "a TOML file"),
        ("[plan]\nfinal_week = " + "9" * 5000, "a TOML file"),
        ("[units]\nneedle_depth_mm = [1]", "one of mm, um, micrometres, cm, in the cells"),
        ("randomised = true\nrandomised_by = [1, [2]]", "columns of the contract"),
    ],
)
def test_a_study_file_that_cannot_be(tmp_path, said, expected):
    written(tmp_path, "a.csv", text())
    assert rule(written(tmp_path, "study.toml", f'file = "a.csv"\n{said}')) == expected


def test_a_name_that_cannot_be_one_of_a_file():
    for name in ("a" * 300 + ".csv", "a\0b.csv"):
        assert rule(name) == "a file that exists or a shipped data set"


def test_a_text_of_more_columns_than_any_study_has(tmp_path):
    path = written(tmp_path, "a.csv", ",".join(f"c{i}" for i in range(3000)) + "\n" + "," * 2999)
    assert rule(path) == "a table of at most 2,000 columns"
