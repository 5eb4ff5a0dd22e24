"""Printed words keep the style sheet of CONTRIBUTING.md; the glossary is the same everywhere."""

import argparse
import json
import re
import tomllib
from pathlib import Path

import pytest

import mnstudy as mn
from mnstudy.cli import _parser
from mnstudy.cohort.published.tables import load_published
from mnstudy.packaged import packaged
from mnstudy.verdicts.claims.registry import ARTICLES, registry
from mnstudy.verdicts.finding.finding import VERDICTS
from mnstudy.words.notes import SENTENCES

ROOT = Path(__file__).parents[2]
PACKAGE = Path(mn.__file__).parent
NEVER = (
    "held against", "a further study", "what may be said", "authors not seen", "untitled long",
    "bodies of data", "\N{EM DASH}",
)  # fmt: skip
THOUGHT = re.compile(r"[.;:?!](?=\s|$)|\n")
WORDS = re.compile(r"[^\W_][\w.,%-]*")
# of all printed texts on average, and of the longest thought in one of them
MEAN, LONGEST = 8, 34
PRINTED = {  # tables of the package whose texts are printed, by the keys that hold one
    "verdicts/claims/claims.toml": {"title", "says", "margin_source", "contrary"},
    "verdicts/evidence/evidence.toml": {
        "label", "source", "describes", "words", "definition", "wording",
    },
    "verdicts/evidence/certainty.toml": {"reason", "doubt"},
    "words/glossary.toml": {"word", "meaning"},
}  # fmt: skip


def texts_in(table, keys):
    """Yield the texts under these keys, at any depth."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        if isinstance(value, str):
            if key in keys:
                yield value
        elif isinstance(value, dict | list):
            yield from texts_in(value, keys)


def helps(parser):
    """Yield all help of a parser and of its commands."""
    yield parser.format_help()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from helps(command)


def told(finding):
    """Return every text of a finding that is printed."""
    parts = [text for part in finding.parts for text in (part.label, part.group, *part.arms)]
    return [*finding.lines(), finding.wording, finding.claim.estimand, finding.margin_of, *parts]


@pytest.fixture(scope="module")
def printed(trials, clinic_findings):
    """Give printed texts by where they come from."""
    found = {path: list(texts_in(packaged(path), keys)) for path, keys in PRINTED.items()}
    wordings = [w for claim in registry().values() for w in claim.wording.values()]
    return found | {
        "sentences.toml": list(SENTENCES.values()),
        "articles": [*ARTICLES.values(), *wordings],
        "help": list(helps(_parser())),
        "findings": [text for finding in (*trials, *clinic_findings) for text in told(finding)],
        "labels": load_published().studies["label"].tolist(),
    }


def thoughts(texts):
    """Return the numbers of words between full stops, colons and semicolons, with their texts."""
    cut = [re.sub(r"\(doi [^)]*\)|\{[^}]*\}", "x", text) for text in dict.fromkeys(texts)]
    pieces = [piece for text in cut for piece in THOUGHT.split(text) if piece.strip()]
    return [(len(WORDS.findall(piece)), piece.strip()) for piece in pieces]


def never_said(text):
    return [phrase for phrase in NEVER if phrase in text.lower()]


def test_no_printed_text_holds_a_phrase_of_the_other_column(printed):
    wrong = [(at, text) for at, texts in printed.items() for text in texts if never_said(text)]
    assert not wrong


def test_pages_and_notebooks_hold_none_either():
    pages = [*ROOT.glob("docs/*.md"), ROOT / "README.md"]
    said = {path.name: path.read_text("utf-8") for path in pages}
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        prose = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
        said[path.name] = "\n".join(prose)
    assert not {name: never_said(text) for name, text in said.items() if never_said(text)}


def test_sentences_are_short(printed):
    of = {at: thoughts(texts) for at, texts in printed.items() if at != "help"}
    counted = sorted((found for x in of.values() for found in x), reverse=True)
    assert counted[0][0] <= LONGEST, counted[:10]
    assert sum(n for n, _ in counted) / len(counted) <= MEAN


def test_the_glossary_explains_every_verdict_and_each_word_once():
    glossary = packaged("words/glossary.toml")
    assert [entry["word"] for entry in glossary["verdicts"]] == list(VERDICTS)
    entries = [entry for group in glossary.values() for entry in group]
    keys = [entry["key"] for entry in entries]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key) for key in keys)
    assert all(entry["meaning"].endswith(".") for entry in entries)


def test_the_page_of_the_glossary_is_that_of_the_package():
    page = (ROOT / "docs" / "glossary.md").read_text("utf-8").split("## Words of the code")[0]
    rows = re.findall(r"^\| (?!word )([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)
    source = tomllib.loads((PACKAGE / "words" / "glossary.toml").read_text("utf-8"))
    assert rows == [(e["word"], e["meaning"]) for group in source.values() for e in group]


def test_a_long_text_and_a_phrase_are_found():
    assert thoughts(["one two three; four {blank:1}: five."]) == [
        (3, "one two three"), (2, "four x"), (1, "five"),
    ]  # fmt: skip
    assert never_said("Each is Held against a margin") == ["held against"]
