"""Nothing reads a sentence back: what decides is data, never text that the package wrote."""

import ast
import re
from pathlib import Path

import pytest

import mnstudy

PACKAGE = Path(mnstudy.__file__).parent
ROOMS = ("words", "verdicts", "disclosure", "reporting")
SEARCHING = {
    "startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split",
    "rsplit", "splitlines", "replace", "find", "rfind", "contains", "isdigit", "isdecimal",
}  # fmt: skip
WRITTEN = {
    "unit", "label", "labels", "method", "reason", "note", "notes", "caption", "alt", "text",
    "sentence", "wording", "title", "verdict", "words",
}  # fmt: skip
# What may look into text, by the name of the function, class or constant at the top of a module.
ALLOWED = {
    "names of attributes, as Python gives them": {"_nearest"},
    "format words of a sentence, which are ours to define": {"_Writer", "_Phrase"},
    "a unit that a study file names": {"unit"},
    "keys of settings and names of columns": {
        "group_of", "Question", "in_arm", "column_of", "_rest_name", "_inside",
        "_of_event_differences", "_plain", "plain", "_events",
    },
    "ids of claims": {"_ID", "_precedence"},
    "names and texts of a study file, which leave only without numbers": {
        "_numbers_in", "_tells_nothing",
    },
    "text of published tables": {
        "Directions", "_opens", "_radiofrequency", "_resting", "_NUMBER", "_P",
        "PrintedOutcome", "printed_p", "_is_ratio", "_NO_SHARE", "_ends", "_RANGE", "_doubt",
        "_DOI", "_NAME", "_entry", "author_of", "_whole", "_escaped", "_plain_letters",
        "unseen_studies",
    },
    "items of a scale, as scales.toml has them": {"_names"},
    "names of data sets and files": {
        "slug", "downloads", "_place", "_filled", "remove_abandoned", "_parted", "claim_page",
        "checklist_frame", "drawn_charts",
    },
    "the code of a cell, and names as Python gives them": {"_WORD", "assigned", "Cells"},
    "files, in whose format text stands": {
        "_TAG", "_STYLE", "_QUOTES", "_DIGITS", "_UNSEEN", "svg_bytes", "data_address",
        "_classed", "_rule", "_comment", "_ADDRESS", "_last_line", "_named",
        "_tidy_output", "_LISTED", "_PIECE", "_LETTERS", "HEADS", "read_history",
    },
    "the search for patients in what a report wrote, which reads everything on purpose": {
        "is_distinctive", "_is_telling", "published_words", "_same", "_in", "_whole", "_UNREAD",
        "_SAID", "_TABLE", "_ROW", "_CELL", "_STREAM", "_SHOWN", "_STRING", "_APART", "_lines",
        "_notebook",
        "_strings", "_zipped", "_within_paragraph", "_pdf",
    },
    "typography of any text: lines, full stops, cells that a spreadsheet would compute": {
        "_key_columns", "numbers_at_risk", "_table", "charts",
        "sentence", "Sentence", "_head_width", "disarmed", "_spelled",
    },
    "the platform": {"swap_folders"},
}  # fmt: skip


def reads_text(node):
    """Tell whether a node looks into text: a regular expression, a search, ``"words" in text``."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id == "re"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in SEARCHING and not is_plain_name(node)
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
        inside = node.comparators[0]
        name = getattr(inside, "attr", getattr(inside, "id", ""))
        return isinstance(getattr(node.left, "value", None), str) and name in WRITTEN
    return False


def is_plain_name(call):
    """Tell whether a name of a column becomes words, or a value is replaced as a whole."""
    given = [getattr(arg, "value", None) for arg in call.args]
    return call.func.attr == "replace" and (given == ["_", " "] or len(given) < 2)


def readers(source):
    """Yield the name at the top of the module, and the text, of whatever reads text in it."""
    for top in ast.parse(source).body:
        targets = [*getattr(top, "targets", []), getattr(top, "target", None)]
        name = getattr(top, "name", None) or next((t.id for t in targets if hasattr(t, "id")), "")
        found = [ast.unparse(node) for node in ast.walk(top) if reads_text(node)]
        yield from ((name, text) for text in found)


def test_no_text_of_our_own_is_read():
    allowed = set().union(*ALLOWED.values())
    found = [
        f"{path.relative_to(PACKAGE)}: {name}: {text}"
        for room in ROOMS
        for path in sorted((PACKAGE / room).rglob("*.py"))
        for name, text in readers(path.read_text(encoding="utf-8"))
        if name not in allowed
    ]
    assert not found, "\n".join(found)


def test_templates_read_no_text():
    looks = re.compile(r"\.(?:startswith|endswith|split|partition|find|replace)\(|is search")
    for path in (PACKAGE / "reporting").rglob("*.j2"):
        assert not looks.findall(path.read_text(encoding="utf-8")), path.name


def test_what_is_allowed_is_there():
    sources = [p.read_text(encoding="utf-8") for r in ROOMS for p in (PACKAGE / r).rglob("*.py")]
    there = {name for source in sources for name, _ in readers(source)}
    assert set().union(*ALLOWED.values()) <= there


@pytest.mark.parametrize(
    "source",
    [
        'def f(finding):\n    return "ratio" in finding.estimate.unit',
        'def f(note):\n    return note.startswith("certainty ")',
        "X = re.compile('<5')",
        'def f(text):\n    return text.replace("a", "b")',
        'def f(steps):\n    return [s.removeprefix("after ") for s in steps]',
    ],
)
def test_the_search_finds_it(source):
    assert list(readers(source))


def test_data_are_no_text():
    source = 'def f(p):\n    return replace(p, n=1), p.name.replace("_", " "), "outcome" in params'
    assert not list(readers(source))
