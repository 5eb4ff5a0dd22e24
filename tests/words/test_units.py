"""Units: every one the package uses is declared, and knows its scale."""

import pytest

import mnstudy as mn
from mnstudy.verdicts.claims.registry import registry
from mnstudy.verdicts.claims.settings import forms
from mnstudy.words import units


def test_every_unit_in_use_is_declared():
    used = {claim.unit for claim in registry().values()} | {f.unit for f in forms().values()}
    for findings in (mn.evidence(), mn.evaluate(mn.load("demo_split_face"))):
        used |= {part.unit for finding in findings for part in finding.parts}
    assert {unit for unit in used if unit} <= set(units.UNITS)


def test_only_ratios_are_ratios():
    assert {name for name in units.UNITS if units.is_ratio(name)} == {"ratio", "odds ratio"}
    assert not units.is_ratio("ratio of the days")  # a name of a study file is a plain difference


@pytest.mark.parametrize(
    ("name", "short"),
    [("percent", "%"), ("points per grade", "points/grade"), ("mmHg per month", "mmHg/month")],
)
def test_short(name, short):
    assert units.short(name) == short
