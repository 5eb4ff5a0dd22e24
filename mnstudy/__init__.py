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
    "datasets": ("mnstudy.cohort.datasets", "datasets"),
    "load": ("mnstudy.cohort.datasets", "load"),
    "validate": ("mnstudy.cohort.datasets", "validate"),
    "dictionary": ("mnstudy.cohort.columns", "dictionary"),
    "scales": ("mnstudy.cohort.scales", "scales"),
    "table_one": ("mnstudy.cohort.summary", "table_one"),
    "missingness": ("mnstudy.cohort.missingness", "missingness"),
    "attrition": ("mnstudy.cohort.attrition", "attrition"),
    "simulate": ("mnstudy.cohort.simulate", "simulate"),
    "Cohort": ("mnstudy.cohort.table", "Cohort"),
    "claims": ("mnstudy.verdicts.evaluate", "claims"),
    "claim": ("mnstudy.verdicts.registry", "claim"),
    "evaluate": ("mnstudy.verdicts.evaluate", "evaluate"),
    "evidence": ("mnstudy.verdicts.evidence", "evidence"),
    "specification_curve": ("mnstudy.verdicts.robustness.specification", "specification_curve"),
    "between_studies": ("mnstudy.verdicts.between_studies", "between_studies"),
    "doubts": ("mnstudy.verdicts.doubts", "doubts"),
    "evidence_table": ("mnstudy.verdicts.evidence_table", "evidence_table"),
    "operating_characteristics": ("mnstudy.verdicts.operating", "operating_characteristics"),
    "Finding": ("mnstudy.verdicts.findings", "Finding"),
    "Findings": ("mnstudy.verdicts.findings", "Findings"),
    "plot": ("mnstudy.reporting.figures", "plot"),
    "outcomes": ("mnstudy.verdicts.outcomes", "outcomes"),
    "tables": ("mnstudy.reporting.report_tables", "tables"),
    "write_tables": ("mnstudy.reporting.table_formats", "write_tables"),
    "charts": ("mnstudy.reporting.cohort_charts", "charts"),
    "evidence_map": ("mnstudy.reporting.evidence_map", "evidence_map"),
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
