"""Notes: every kind has a sentence, is made somewhere, and shows no small count once guarded."""

import ast
import pickle
import re
from pathlib import Path
from string import Formatter

import canary
import pytest

import mnstudy as mn
from mnstudy import formatting as fmt
from mnstudy.disclosure import guarded_finding
from mnstudy.disclosure.notes import guarded_note
from mnstudy.words.notes import SENTENCES, Count, Note, note

PACKAGE = Path(mn.__file__).parent
FEW = Count(n=3, of=40, noun="patient")
SMALL = re.compile(r"(?<![\d.,<])[1-4] (?:of [\d,]+ )?(?:patient|site|person|session|visit)s?\b")


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


def counts_in(value):
    if isinstance(value, Count):
        yield value
    elif isinstance(value, Note):
        for _, inside in value.values:
            yield from counts_in(inside)
    elif isinstance(value, tuple):
        for inside in value:
            yield from counts_in(inside)


def gives_away(count):
    small = [1 <= n <= 4 for n in (count.n, count.most or 0)]
    return count.people and any(small) and not count.shown


@pytest.mark.parametrize("kind", SENTENCES)
def test_every_kind_reads_and_is_guarded_before_words_exist(kind):
    said = example(kind)
    assert "{" not in str(said)
    shown = guarded_note(said)
    assert not any(map(gives_away, counts_in(shown)))
    assert not SMALL.search(str(shown))
    assert shown.kind == kind


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


def test_counts_are_guarded_alone_and_of_a_whole():
    shown = {
        Count(n=1, noun="patient"): "<5 patients",
        Count(n=0, noun="patient"): "0 patients",
        Count(n=409, of=412, noun="patient"): "all but <5 of 412 patients",
        Count(n=2, of=3, noun="site"): "<5 of <5 sites",
        Count(n=3, most=12, of=40, noun="patient"): "between <5 and 12 of 40 patients",
        Count(n=12, most=38, of=40, noun="patient"): "between 12 and all but <5 of 40 patients",
        Count(n=12, most=20, of=40, noun="patient"): "between 12 and 20 of 40 patients",
        Count(n=2, noun="study", plural="studies", people=False): "2 studies",
    }
    for count, words in shown.items():
        said = note("listed", said=(count,))
        assert str(guarded_note(said)) == words
        assert guarded_note(guarded_note(said)) == guarded_note(said)


def test_what_a_finding_holds_stays_exact_and_what_is_shown_of_it_holds_no_few(tmp_path):
    cohort = mn.load(canary.write(tmp_path))
    found = mn.evaluate(cohort, ["reduces-scarring", "smooths-texture", "treats-burn-scars"])
    exact = [text for f in found for text in (*f.notes, f.reason)]
    shown = [guarded_finding(f) for f in found]
    assert any(SMALL.search(text) for text in exact)
    assert not any(SMALL.search(text) for f in shown for text in (*f.notes, f.reason))
    for finding in (*found, *shown):
        again = pickle.loads(pickle.dumps(finding))
        assert (again.remarks, again.reasons) == (finding.remarks, finding.reasons)
        assert repr(again) == repr(finding)
        assert len({*again.remarks, *finding.remarks}) == len(set(finding.remarks))
    for finding in shown:
        notes = (*finding.remarks, *finding.reasons)
        assert not any(gives_away(c) for said in notes for c in counts_in(said))
        assert guarded_finding(finding).remarks == finding.remarks


def test_a_report_names_no_row_of_the_sheet():
    left = note("rows_struck_left_out", n=Count(n=1, noun="row"), rows="12")
    said = "<5 rows crossed out in the sheet left out: not shown"
    assert str(guarded_note(left)).startswith(said)
