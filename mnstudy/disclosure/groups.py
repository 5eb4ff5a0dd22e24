"""Groups as sets of patients: no two that are released, nor what follows, differ by a few."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np

Group = frozenset[str]
Where = tuple[str, str]  # the column that was measured, and the week
_FIRM = 1e-8  # below it a remainder is rounding error


class Groups:
    """The groups of which something was released, by the column and the week of what was.

    Parameters
    ----------
    least : int
        Patients that two groups must differ by, unless by none.
    """

    def __init__(self, least: int) -> None:
        self._least = least
        self._held: dict[Where, list[Group]] = {}

    def hold(self, where: Where, group: Group) -> None:
        """Take a group as released."""
        held = self._held.setdefault(where, [])
        if group not in held:
            held.append(group)

    def tells(self, where: Where, group: Group) -> bool:
        """Tell whether a further group, beside those released, would show a few patients.

        Compared with each group, with the unions, the common part and the differences of each two,
        and with all that sums of groups can be solved for.
        """
        held = self._held.get(where, [])
        if not held or group in held:
            return False
        return any(0 < len(group ^ x) < self._least for x in _made_of(held)) or self._solved(
            [*held, group]
        )

    def _solved(self, groups: list[Group]) -> bool:
        """Tell whether the sum over a few patients is a combination of the sums over groups."""
        together = frozenset().union(*groups)
        pattern = {p: tuple(p in g for g in groups) for p in together}
        atoms = {x: sum(y == x for y in pattern.values()) for x in set(pattern.values())}
        names = sorted(atoms)
        sizes = np.array([atoms[x] for x in names])
        rows = np.array(names, dtype="float64").T  # one row a group, one column an atom
        _, values, right = np.linalg.svd(rows, full_matrices=False)
        basis = right[values > _FIRM]
        small = np.flatnonzero(sizes < self._least)
        few = [[i] for i in small]
        few += [[i, j] for i, j in combinations(small, 2) if sizes[i] + sizes[j] < self._least]
        for places in few:
            wanted = np.zeros(len(names))
            wanted[places] = 1.0
            if np.linalg.norm(wanted - basis.T @ (basis @ wanted)) < _FIRM:
                return True
        return False


def _made_of(held: Iterable[Group]) -> Iterator[Group]:
    held = list(held)
    yield from held
    for one, other in combinations(held, 2):
        yield from (one | other, one & other, one - other, other - one)
