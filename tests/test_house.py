"""The house keeps its sizes, and no module imports another in a circle, whatever the import."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import house  # noqa: E402

GRAPH = house.imports(ROOT)


def test_no_module_imports_another_in_a_circle():
    assert house.circles(GRAPH) == []


def test_the_sizes_are_within_their_limits():
    sizes = house.sizes(ROOT)
    assert [n for n, limit in house.LIMITS.items() if getattr(sizes, n) > limit] == []


def test_every_room_says_what_it_is_for():
    for init in (ROOT / house.PACKAGE).rglob("__init__.py"):
        assert init.read_text(encoding="utf-8").startswith('"""'), init


def write(root, **files):
    for name, text in files.items():
        path = root / house.PACKAGE / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "back",
    [
        "from mnstudy.a import x",
        "def f():\n    from mnstudy import a\n    return a",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mnstudy.a",
    ],
)
def test_a_circle_is_found_whatever_the_import(back, tmp_path):
    write(
        tmp_path, __init__="", a="from mnstudy.b import y\nx = 1", b="from mnstudy import c", c=back
    )
    assert house.circles(house.imports(tmp_path)) == [["mnstudy.a", "mnstudy.b", "mnstudy.c"]]


def test_code_lines_leave_out_docstrings_comments_and_blanks():
    parts = ['"""Doc', "", 'more."""', "x = 1  # why", "# a comment", "", "def f():"]
    text = "\n".join([*parts, '    """Doc."""', "    return x", ""])
    assert house.code_lines(text) == 3


def test_a_size_above_its_limit_is_told_unless_it_was_so_before():
    small = house.Sizes(modules=1, widest=1, widest_folder="", code_lines=1, circles=0)
    large = house.Sizes(modules=1, widest=99, widest_folder="", code_lines=1, circles=0)
    assert house.above(large, small) == [f"widest: 99 is above {house.LIMITS['widest']}"]
    assert house.above(large, large) == []
