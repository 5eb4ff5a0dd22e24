"""What people look at: figures, tables and the report page. Nothing is computed here."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    """Hand out ``notebooks.show`` under its two earlier names, with a warning."""
    if name not in ("notebook_tables", "notebook_figures"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    said = f"mnstudy.reporting.{name} is mnstudy.reporting.notebooks.show"
    warnings.warn(said, DeprecationWarning, stacklevel=2)
    return importlib.import_module("mnstudy.reporting.notebooks.show")
