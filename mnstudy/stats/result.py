"""What every small result of this package can do: print itself, show in a notebook, be a row."""

from __future__ import annotations

import html
import math
from abc import ABC, abstractmethod
from dataclasses import fields
from numbers import Real
from typing import Any, Literal, get_args

import pandas as pd

Alternative = Literal["two-sided", "less", "greater"]
# Alternative hypotheses in scipy's words.
ALTERNATIVES: tuple[str, ...] = get_args(Alternative)


class SmallResult(ABC):
    """Printing for frozen results: a subclass says its lines, the first holds the estimate.

    Notes, where a subclass has any, are printed after them.
    """

    __slots__ = ()

    @abstractmethod
    def _lines(self) -> list[str]:
        """Return what is printed, a line each, the estimate first."""

    def _printed(self) -> list[str]:
        return [*self._lines(), *(f"note: {note}" for note in getattr(self, "notes", ()))]

    def __repr__(self) -> str:
        first, *rest = self._printed()
        return "\n".join([first, *(f"  {line}" for line in rest)])

    def _repr_html_(self) -> str:
        first, *rest = (html.escape(line) for line in self._printed())
        return "<br>".join([f"<strong>{first}</strong>", *rest])

    def to_frame(self) -> pd.DataFrame:
        """One row, nothing rounded; notes are joined, lists of per-study values left out."""
        row: dict[str, Any] = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if field.name == "notes":
                row["notes"] = "; ".join(value)
            elif not isinstance(value, tuple):
                row[field.name] = value
        return pd.DataFrame([row])


def percent(level: float) -> str:
    """Write a confidence level as percent, such as "95 %".

    Examples
    --------
    >>> percent(0.975)
    '97.5 %'
    """
    return f"{100 * level:.6g} %"


def interval(estimate: float, low: float, high: float, level: float) -> str:
    """Write an estimate with its interval, as the first line of a result.

    Examples
    --------
    >>> interval(0.62, 0.21, 1.03, 0.95)
    '0.62 (95 % CI 0.21 to 1.03)'
    """
    return f"{estimate:.4g} ({percent(level)} CI {low:.4g} to {high:.4g})"


def check_level(confidence_level: float) -> float:
    """Return the level when it is one, else say what one looks like."""
    if not (isinstance(confidence_level, Real) and 0.0 < confidence_level < 1.0):
        raise ValueError(
            f"confidence_level must lie between 0 and 1, such as 0.95, not {confidence_level!r}"
        )
    return float(confidence_level)


def check_number(**values: Any) -> None:
    """Refuse, by name, what is not one finite number.

    Examples
    --------
    >>> check_number(mean=2.5, sd=1)
    """
    for name, value in values.items():
        if not (isinstance(value, Real) and math.isfinite(value)):
            raise ValueError(f"{name} must be a number, not {value!r}")


def check_aligned(**inputs: Any) -> None:
    """Refuse inputs of one length whose pandas indexes differ: rows are read by position.

    Parameters
    ----------
    **inputs
        Arguments by name; what carries no index (a list, an array, None) goes with anything.

    Raises
    ------
    ValueError
        Two indexes differ. The arguments are named, the labels are not.

    Examples
    --------
    >>> check_aligned(y=pd.Series([1.0, 2.0]), groups=["a", "b"])
    """
    labelled = [pair for pair in inputs.items() if isinstance(pair[1], pd.Series | pd.DataFrame)]
    for name, values in labelled[1:]:
        first, others = labelled[0]
        if len(others) == len(values) and not others.index.equals(values.index):
            raise ValueError(
                f"{first} and {name} have different indexes, but rows are read by position: bring "
                "both into one order, then drop the labels with reset_index(drop=True) or "
                "to_numpy()"
            )


def check_option(name: str, value: object, allowed: tuple[Any, ...]) -> None:
    """Refuse an option that is not one of the allowed words, and list those."""
    if not any(value is item or (value == item and type(value) is type(item)) for item in allowed):
        words = ", ".join(repr(item) for item in allowed)
        raise ValueError(f"{name} must be one of {words}, not {value!r}")
