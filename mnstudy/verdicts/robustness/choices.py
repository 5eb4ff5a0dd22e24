"""Defensible choices that a specification curve goes through, read from ``specifications.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from mnstudy.cohort.schema.problems import Problem
from mnstudy.cohort.study.study import Study


@cache
def declared_choices() -> dict[str, dict[str, str]]:
    """Return the choices by kind, each option with its meaning, the usual one first."""
    text = resources.files("mnstudy.verdicts.robustness").joinpath("specifications.toml")
    return tomllib.loads(text.read_text("utf-8"))


def choice_problems(study: Study) -> list[Problem]:
    """List what is wrong in the ``[specifications]`` of a study file."""
    known = declared_choices()
    problems = []
    for kind, options in study.specifications.items():
        allowed = list(known.get(kind, known))
        good = kind in known and isinstance(options, list) and bool(options)
        if good and all(option in allowed for option in options):
            continue
        column = f"specifications.{kind}"
        rule = "a list of " + ", ".join(allowed) if kind in known else "one of " + ", ".join(known)
        remedy = "correct it in the study file"
        problems.append(Problem(column=column, value=str(options), rule=rule, remedy=remedy))
    return problems
