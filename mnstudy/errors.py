"""Errors a user can mend: each message says what is wrong, where, and what to do."""

from __future__ import annotations

from typing import Any


class DataError(ValueError):
    """The data break the contract; ``report`` holds every problem found, not only the first."""

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class DesignError(ValueError):
    """The analysis asked for is one that the declared design cannot carry."""
