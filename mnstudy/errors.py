"""Errors a user can mend: each message says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import Any


class DataError(ValueError):
    """The data break the contract; ``report`` holds every problem found, not only the first."""

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report

    def _render_traceback_(self) -> list[str]:
        """Show the message alone in a notebook: it says what to mend, a traceback does not."""
        return [str(self)]


class DesignError(ValueError):
    """The analysis asked for is one that the declared design cannot carry."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def chosen(words: str | Iterable[str], known: Collection[str], what: str) -> list[str]:
    """Return the words chosen, one alone or several; ValueError where one is not known.

    >>> chosen("svg", ["svg", "pdf"], "format")
    ['svg']
    """
    asked = [words] if isinstance(words, str) else list(words)
    unknown = [str(word) for word in asked if word not in known]
    if unknown:
        raise ValueError(f"no {what} {', '.join(unknown)}: choose from {', '.join(known)}")
    return asked


def nearest(
    word: object, known: Iterable[str], otherwise: str, *, n: int = 2, cutoff: float = 0.5
) -> str:
    """Offer the known words nearest to one that is not, or say what else to do.

    >>> nearest("topical", ["topicals", "engine"], "leave it out")
    'did you mean topicals?'
    """
    near = difflib.get_close_matches(str(word), list(known), n=n, cutoff=cutoff)
    return f"did you mean {' or '.join(near)}?" if near else otherwise
