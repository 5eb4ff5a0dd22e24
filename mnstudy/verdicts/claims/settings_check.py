"""Hold the settings of a claim against what its analysis takes; every problem at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mnstudy.cohort.schema.problems import Problem
from mnstudy.verdicts.claims import settings_arms as arms
from mnstudy.verdicts.claims import settings_values as values
from mnstudy.verdicts.claims.settings import Form, Setting
from mnstudy.verdicts.claims.settings_values import Asked, bad, nearest


def setting_problems(form: Form, asked: Asked) -> list[Problem]:
    """List what is wrong in the settings of a claim.

    Parameters
    ----------
    form : Form
        What the analysis takes.
    asked : Asked
        The settings with the key of the study file they stand under.

    Returns
    -------
    list of Problem
        An unknown, a missing and a wrong setting each name the key, the value, the rule and the
        remedy.
    """
    takes = ", ".join(form.settings) or "none"
    problems = [
        bad(
            f"{asked.at}.{name}",
            value,
            f"a setting of {form.analysis} ({takes})",
            nearest(name, form.settings, "leave it out"),
        )
        for name, value in asked.params.items()
        if name not in form.settings
    ]
    for name, setting in form.settings.items():
        if name in asked.params:
            problems += check_setting(asked.params[name], setting, asked)
        elif setting.required:
            rule = f"a setting that {form.analysis} needs: {_KINDS[setting.kind]}"
            problems.append(bad(f"{asked.at}.{name}", "", rule, f"add {name} = ..."))
    if not problems and {"treated", "reference"} <= set(form.settings):
        problems += arms.shared_sites(asked)
    return problems


def check_setting(value: Any, setting: Setting, asked: Asked) -> list[Problem]:
    """List what is wrong in the value of one setting."""
    return _CHECKS[setting.kind](value, setting, asked)


_CHECKS: dict[str, Callable[[Any, Setting, Asked], list[Problem]]] = {
    "number": values.number,
    "column": values.column,
    "events": values.events,
    "levels": values.levels,
    "arm": arms.arm,
    "flag": values.flag,
    "word": values.word,
}
_KINDS = {
    "number": "a number",
    "column": "one column in quotes",
    "events": "a list of columns that hold true or false",
    "levels": "a list of words",
    "arm": "allowed words by column",
    "flag": "true or false",
    "word": "one of its words",
}
