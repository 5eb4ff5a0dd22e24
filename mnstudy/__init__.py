"""Hold the efficacy claims made for microneedling of scars against data.

>>> import mnstudy as mn
>>> cohort = mn.load("demo_split_face")
>>> mn.evaluate(cohort, claims=["topical-adjunct"])["topical-adjunct"].verdict
'supported'
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Module, imported on first use so that `import mnstudy` costs nothing, and its public names.
_MODULES = {
    "cohort.loading.datasets": "datasets load validate",
    "cohort.loading.shipped": "example_sheet",
    "cohort.proposing.propose": "propose",
    "cohort.proposing.workbooks": "template",
    "cohort.schema.columns": "dictionary",
    "cohort.scales": "scales",
    "cohort.describe.table_one": "table_one missingness",
    "cohort.describe.flow": "attrition",
    "cohort.simulate.simulate": "simulate",
    "cohort.table": "Cohort",
    "verdicts.claims.registry": "claim",
    "verdicts.evaluate": "claims evaluate",
    "verdicts.evidence.evidence": "evidence",
    "verdicts.evidence.between_studies": "between_studies",
    "verdicts.evidence.table": "evidence_table effects_table",
    "verdicts.robustness.specification": "specification_curve",
    "verdicts.doubts.doubts": "doubts",
    "verdicts.operating.characteristics": "operating_characteristics",
    "verdicts.operating.certificate": "certificate",
    "verdicts.operating.power": "power",
    "verdicts.finding.finding": "Finding",
    "verdicts.findings": "Findings compare",
    "verdicts.displays.outcomes": "outcomes",
    "disclosure.release": "release",
    "reporting.figures.plot": "plot charts",
    "reporting.figures.style": "style",
    "reporting.figures.evidence_map": "evidence_map",
    "reporting.tables.write": "tables write_tables",
    "reporting.report": "report",
    "stats": "stats",
    "cli": "Progress",
    "errors": "DataError DesignError",
}
_PUBLIC = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mnstudy' has no attribute {name!r}")
    found = importlib.import_module(f"mnstudy.{_PUBLIC[name]}")
    value = found if name == "stats" else getattr(found, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: Any) -> None:
    """Say in a notebook what data cannot answer, and let the rest run: ``%load_ext mnstudy``."""
    importlib.import_module("mnstudy.reporting.notebooks.cells").load(shell)
