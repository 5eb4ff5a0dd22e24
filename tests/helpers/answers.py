"""What a person does with a proposed study file: paste lines of the report, give answers."""

import tomllib
from collections.abc import Mapping

import mnstudy as mn
from mnstudy.cohort.proposing.propose import write_study

ROUNDS = 4  # a report may list what it can only see once the lines of the one before are pasted


def merged(study, answers):
    """Put answers into the content of a study file.

    Tables are merged, lists of tables block by block, anything else is replaced; None takes out.
    """
    both = dict(study)
    for key, value in answers.items():
        old = both.get(key)
        if value is None:
            both.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(old, Mapping):
            both[key] = merged(old, value)
        elif _blocks(value) and _blocks(old) and len(value) == len(old):
            both[key] = [merged(*pair) for pair in zip(old, value, strict=True)]
        elif key == "missing" and isinstance(value, Mapping) and isinstance(old, list):
            both[key] = value  # named by column in place of all columns
        else:
            both[key] = value
    return both


def _blocks(value):
    return isinstance(value, list) and bool(value) and all(isinstance(x, Mapping) for x in value)


def proposed(path):
    """Return the content of the study file that init writes for a sheet, and the proposal."""
    target, found = write_study(path)
    return tomllib.loads(target.read_text(encoding="utf-8")), found


def pasted(path, study, answers=None):
    """Paste the lines of each report until none are left; return the study and all reports.

    Answers are given with the lines: they decide what these leave open.
    """
    reports = []
    for _ in range(ROUNDS):
        reports.append(mn.validate(path, study=study))
        lines = tomllib.loads(reports[-1].paste)
        before, study = study, merged(merged(study, lines), answers or {})
        if study == before:
            break
    return study, reports


def leaves(answers, place=()):
    """Yield every answer with its place, blocks of a list counted."""
    for key, value in answers.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*place, key))
        elif _blocks(value):
            for i, block in enumerate(value, 1):
                yield from leaves(block, (*place, f"{key} {i}"))
        else:
            yield (*place, key), value
