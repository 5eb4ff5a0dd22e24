"""What is true in a simulated study: an effect for every claim, and whether the claim holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mnstudy.packaged import packaged

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What can be true of one claim; an entry of ``truth.toml``, which explains the fields."""

    unit: str
    rule: str
    margin: float
    says: str
    effect: float | None = None
    types: tuple[str, ...] = ()
    needs: str = ""

    def holds(self, effect: float) -> str:
        """Tell whether the claim is ``true``, ``false`` or ``too small`` to matter.

        Notes
        -----
        ``at least``, ``at most``, ``above`` and ``below`` the margin are true or false. ``more``
        wants the margin reached, ``ratio`` likewise from 1 and ``fall`` downwards, ``size`` in
        either direction; an effect that falls short of it in the right direction is too small.
        """
        gap = effect - self.margin
        if self.rule in ("at least", "at most", "above", "below"):
            gap = gap if self.rule in ("at least", "above") else -gap
            return "true" if gap > 0 or (gap == 0 and self.rule.startswith("at ")) else "false"
        start = 1.0 if self.rule == "ratio" else 0.0
        gain = {"fall": -effect, "size": abs(effect)}.get(self.rule, effect - start)
        if gain <= 0:
            return "false"
        return "true" if gain >= abs(self.margin - start) else "too small"


@cache
def truths() -> dict[str, Truth]:
    """Return what can be true of each claim, in the order of the claims."""
    return {
        claim: Truth(**{**raw, "types": tuple(raw.get("types", ()))})
        for claim, raw in _file()["claims"].items()
    }


def type_effects() -> dict[str, float]:
    """Return the default effect of needling alone on each scar type, in points."""
    return {name: float(points) for name, points in _file()["type_effects"].items()}


def _file() -> dict[str, Any]:
    return packaged("cohort/simulate/truth.toml")


def check_given(given: Mapping[str, float], has: Collection[str], design: str) -> None:
    """Refuse effects that a simulated study cannot have.

    Parameters
    ----------
    given : mapping
        Claim id to effect.
    has : collection of str
        What the design has (see ``Truth.needs``).
    design : str
        Its name, for the message.

    Raises
    ------
    ValueError
        A claim is unknown, follows from others or cannot be shown by the design, or its effect
        is not a number, or not a share where a share is asked for.
    """
    for claim, effect in given.items():
        if claim not in truths():
            near = get_close_matches(str(claim), truths(), n=3, cutoff=0.0)
            raise ValueError(f"no claim {claim!r}; nearest: {', '.join(near)}")
        truth = truths()[claim]
        if claim == "weeks-to-results":
            raise ValueError(
                f"{claim!r} follows from reduces-scarring and more-sessions: set those"
            )
        if truth.needs and truth.needs not in has:
            raise ValueError(f"a {design} study cannot show {claim!r}: it has no {truth.needs}")
        if isinstance(effect, bool) or not isinstance(effect, int | float | np.number):
            raise ValueError(f"effect of {claim!r} must be a number, not {effect!r}")
        low, high = _range(truth)
        if not low <= effect <= high:
            raise ValueError(f"effect of {claim!r} must be {low:g} to {high:g}, not {effect:g}")


def _range(truth: Truth) -> tuple[float, float]:
    if truth.unit in ("percent of patients", "percent of sessions"):
        # certainty has no place on the scale that the shares are drawn on
        return (0.0, 100.0) if truth.rule == "at most" else (0.1, 99.9)
    ranges = {"points spread": (0, 100), "ratio": (0.01, 100)}
    if truth.rule == "at most":
        return 0.0, 10.0
    return ranges.get(truth.unit, (-100, 100))


def resolve_types(given: Mapping[str, float], weights: Floats) -> Floats:
    """Work out the effect on each scar type from what was asked for.

    Parameters
    ----------
    given : mapping
        Claim id to effect, the ``treats-`` claims, ``scar-type-matters`` and
        ``reduces-scarring`` among them.
    weights : array of shape (14,)
        Share of each scar type among the needled sites.

    Returns
    -------
    array of shape (14,)
        The spread is stretched first, then single types are set, then the types that were not
        set are shifted to the mean asked for.
    """
    effects = np.array(list(type_effects().values()))
    if "scar-type-matters" in given:
        mean = weights @ effects
        stretch = given["scar-type-matters"] / _spread(effects, weights)
        effects = mean + (effects - mean) * stretch
    free = weights > 0
    for claim in _treats() & given.keys():
        group = _is_of(claim)
        effects[group] += given[claim] - _mean(effects, weights * group)
        free &= ~group
    if "reduces-scarring" in given:
        scars = weights * _is_of("reduces-scarring")
        gap = given["reduces-scarring"] - _mean(effects, scars)
        if scars[free].any():
            effects[free] += gap * scars.sum() / scars[free].sum()
        elif abs(gap) > 1e-9:
            raise ValueError("reduces-scarring contradicts the effects set for the scar types")
    return effects


def effects_of_types(effects: Floats, weights: Floats) -> dict[str, float]:
    """Return the claims that follow from the effects on the scar types."""
    groups = {claim: weights * _is_of(claim) for claim in _treats()}
    follow = {claim: _mean(effects, group) for claim, group in groups.items() if group.any()}
    follow["reduces-scarring"] = _mean(effects, weights * _is_of("reduces-scarring"))
    follow["scar-type-matters"] = _spread(effects, weights)
    return follow


def _treats() -> set[str]:
    return {claim for claim in truths() if claim.startswith("treats-")}


def _is_of(claim: str) -> npt.NDArray[np.bool_]:
    return np.isin(list(type_effects()), truths()[claim].types)


def _spread(effects: Floats, weights: Floats) -> float:
    return float(np.ptp(effects[_is_of("scar-type-matters") & (weights > 0)]))


def _mean(values: Floats, weights: Floats) -> float:
    return float(weights @ values / weights.sum())


def truth_table(effects: Mapping[str, float], has: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return claim id to effect, unit, holds and says, for the claims a design can show."""
    table = {}
    for claim, truth in truths().items():
        if not truth.needs or truth.needs in has:
            effect = round(float(effects[claim]), 2)
            says = truth.says.format(effect=f"{effect:g}")
            holds = truth.holds(effect)
            table[claim] = {"effect": effect, "unit": truth.unit, "holds": holds, "says": says}
    return table
