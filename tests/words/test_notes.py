"""Notes: every kind has a sentence, is made somewhere, and counts are written exactly."""

import ast
import pickle
from pathlib import Path
from string import Formatter

import pytest

import mnstudy as mn
from mnstudy import formatting as fmt
from mnstudy.words.notes import SENTENCES, Count, note

PACKAGE = Path(mn.__file__).parent
FEW = Count(n=3, of=40, noun="patient")


def constants(tree):
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}


@pytest.fixture(scope="module")
def trees():
    return [ast.parse(p.read_text(encoding="utf-8")) for p in PACKAGE.rglob("*.py")]


def sample(spec):
    """Return a value for a blank with this word of format: few people wherever it may be text."""
    if spec in ("interval", "interval2"):
        return fmt.Ends(value=0.5, ci_low=0.25, ci_high=0.75)
    if spec in ("", "n", "of"):
        return FEW
    if spec.isdecimal() or spec in ("g", "short", "p", "%", "{digits}"):
        return 0.5
    return (FEW, note("within_person", patients=FEW))


def example(kind):
    blanks = [(name, spec) for _, name, spec, _ in Formatter().parse(SENTENCES[kind]) if name]
    values = {name: sample(spec) for name, spec in blanks}
    return note(kind, **values, **({"digits": 1} if "{digits}" in SENTENCES[kind] else {}))


@pytest.mark.parametrize("kind", SENTENCES)
def test_every_kind_reads(kind):
    said = example(kind)
    assert "{" not in str(said)
    assert pickle.loads(pickle.dumps(said)) == said


def test_every_kind_is_made_somewhere(trees):
    used = set().union(*map(constants, trees))
    assert [kind for kind in SENTENCES if kind not in used] == []


def test_every_note_that_is_made_has_a_sentence(trees):
    made = {
        call.args[0].value
        for tree in trees
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", "") == "note"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }
    assert len(made) > 100
    assert made <= set(SENTENCES)


def test_a_note_has_the_blanks_of_its_sentence_and_no_other():
    with pytest.raises(TypeError, match=r"needs \['patients'\], not \['people'\]"):
        note("within_person", people=FEW)
    with pytest.raises(KeyError):
        note("no_such_kind")


def test_counts_are_written_alone_and_of_a_whole():
    shown = {
        Count(n=1, noun="patient"): "1 patient",
        Count(n=1409, of=1412, noun="patient"): "1,409 of 1,412 patients",
        Count(n=1, of=3, noun="site"): "1 of 3 sites",
        Count(n=3, most=12, of=40, noun="patient"): "between 3 and 12 of 40 patients",
        Count(n=2, noun="study", plural="studies"): "2 studies",
    }
    for count, words in shown.items():
        assert str(note("listed", said=(count,))) == words
