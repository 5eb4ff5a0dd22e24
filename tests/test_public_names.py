"""The public names exist, come in lazily, and the command line answers at once."""

import subprocess
import sys

import pytest

import mnstudy as mn

NAMES = [
    "datasets", "example_sheet", "propose", "template", "load", "validate", "claims", "claim",
    "evaluate", "evidence", "report", "simulate",
    "operating_characteristics", "stats", "plot", "DataError",
    "scales", "attrition", "specification_curve", "evidence_table", "doubts",
    "between_studies", "evidence_map", "table_one", "missingness",
    "charts", "style", "tables", "outcomes", "write_tables",
]  # fmt: skip
STATS = [
    "random_intercept", "mixed_model", "pool", "signed_rank", "hodges_lehmann", "proportion",
    "risk_difference", "nnt",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_public_names(name):
    assert getattr(mn, name) is not None
    assert name in dir(mn)


@pytest.mark.parametrize("name", STATS)
def test_public_statistics(name):
    assert callable(getattr(mn.stats, name))
    assert name in dir(mn.stats)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = mn.nonsense
    with pytest.raises(AttributeError, match="nonsense"):
        _ = mn.stats.nonsense


@pytest.mark.parametrize("code", ["import mnstudy", "import mnstudy.cli; mnstudy.cli._parser()"])
def test_nothing_heavy_is_imported_before_it_is_needed(code):
    heavy = ("numpy", "pandas", "scipy", "statsmodels", "matplotlib", "pandera", "jinja2")
    probe = f"{code}; import sys; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
