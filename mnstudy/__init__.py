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

# Public name: module and attribute, imported on first use, so that `import mnstudy` costs nothing.
_PUBLIC = {
    "datasets": ("mnstudy.cohort.loading.datasets", "datasets"),
    "load": ("mnstudy.cohort.loading.datasets", "load"),
    "validate": ("mnstudy.cohort.loading.datasets", "validate"),
    "dictionary": ("mnstudy.cohort.schema.columns", "dictionary"),
    "scales": ("mnstudy.cohort.scales", "scales"),
    "table_one": ("mnstudy.cohort.describe.table_one", "table_one"),
    "missingness": ("mnstudy.cohort.describe.table_one", "missingness"),
    "attrition": ("mnstudy.cohort.describe.flow", "attrition"),
    "simulate": ("mnstudy.cohort.simulate.simulate", "simulate"),
    "Cohort": ("mnstudy.cohort.table", "Cohort"),
    "claims": ("mnstudy.verdicts.evaluate", "claims"),
    "claim": ("mnstudy.verdicts.claims.registry", "claim"),
    "evaluate": ("mnstudy.verdicts.evaluate", "evaluate"),
    "evidence": ("mnstudy.verdicts.evidence.evidence", "evidence"),
    "specification_curve": ("mnstudy.verdicts.robustness.specification", "specification_curve"),
    "between_studies": ("mnstudy.verdicts.evidence.between_studies", "between_studies"),
    "doubts": ("mnstudy.verdicts.doubts.doubts", "doubts"),
    "evidence_table": ("mnstudy.verdicts.evidence.table", "evidence_table"),
    "operating_characteristics": ("mnstudy.verdicts.operating", "operating_characteristics"),
    "Finding": ("mnstudy.verdicts.finding.finding", "Finding"),
    "Findings": ("mnstudy.verdicts.findings", "Findings"),
    "plot": ("mnstudy.reporting.figures.plot", "plot"),
    "style": ("mnstudy.reporting.figures.style", "style"),
    "outcomes": ("mnstudy.verdicts.displays.outcomes", "outcomes"),
    "tables": ("mnstudy.reporting.tables.write", "tables"),
    "write_tables": ("mnstudy.reporting.tables.write", "write_tables"),
    "charts": ("mnstudy.reporting.figures.plot", "charts"),
    "evidence_map": ("mnstudy.reporting.figures.evidence_map", "evidence_map"),
    "report": ("mnstudy.reporting.report", "report"),
    "stats": ("mnstudy.stats", None),
    "DataError": ("mnstudy.errors", "DataError"),
    "DesignError": ("mnstudy.errors", "DesignError"),
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mnstudy' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    found = importlib.import_module(module)
    value = found if attribute is None else getattr(found, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
