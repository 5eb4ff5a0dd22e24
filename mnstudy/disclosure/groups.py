"""Groups as sets of patients: no two that are released, nor what follows of them, differ by a few.

Earlier releases count too. Their record lies beside the sheet: ``releases.jsonl`` has the patients
of every group by keyed hashes, ``release.key`` the key. Together with the ids of the sheet they
tell who was in a group, so that neither goes into a release.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from mnstudy.cohort.schema.problems import Problem, fail
from mnstudy.cohort.table import Cohort
from mnstudy.fingerprints import fingerprint, write_whole

Group = frozenset[str]
Where = tuple[str, str]  # the column that was measured, and the week
_FIRM = 1e-8  # below it a remainder is rounding error
RECORDS, KEY, HOME = "releases.jsonl", "release.key", "disclosure_internal.csv"
_CUT = (
    "it was cut off or changed: put back the file as it was, from a backup; without it the next "
    "release could be subtracted from the last"
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """One group that was released: of which release, for which output, and its patients."""

    release: str
    output: str
    column: str
    week: str
    patients: tuple[str, ...]

    @property
    def where(self) -> Where:
        """What was measured, and when."""
        return self.column, self.week


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The releases of one sheet so far, and the key that hides its patients.

    Attributes
    ----------
    folder : Path or None
        Where the record is kept; None for a table in memory and for invented data.
    key : bytes
        Of the hashes; empty without a folder.
    groups : tuple of Released
    """

    folder: Path | None
    key: bytes
    groups: tuple[Released, ...] = ()

    def hidden(self, ids: Iterable[object]) -> Group:
        """Return patients as keyed hashes (HMAC-SHA-256)."""
        return frozenset(self.hash_of(str(x)) for x in ids)

    def hash_of(self, text: str) -> str:
        """Return a text as a keyed hash."""
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()[:32]

    def name_of(self, found: Sequence[Released]) -> str:
        """Name a release by its groups: the same again has the same name, none where none is kept.

        The name is a keyed hash too: it tells nobody else which groups they are.
        """
        return self.hash_of(fingerprint(list(found)))[:16] if self.key else ""

    def of_release(self, name: str) -> list[Released]:
        """Return the groups of a release, by its name."""
        found = [g for g in self.groups if g.release == name]
        if not found:
            remedy = "was it made of this sheet? the record lies beside it"
            fail(RECORDS, Problem(rule="the groups of this release", remedy=remedy))
        return found

    def with_release(self, found: Sequence[Released]) -> History:
        """Return the history with one more release; groups that are known add nothing."""
        name = self.name_of(found)
        known = {(g.release, g.output) for g in self.groups}
        new = [replace(g, release=name) for g in found if (name, g.output) not in known]
        return replace(self, groups=(*self.groups, *new))

    def write(self) -> None:
        """Keep the record; its key first, so that no hash stands without one."""
        if self.folder is None:
            return
        lines = "".join(json.dumps(asdict(g)) + "\n" for g in self.groups)
        for name, text in (
            (KEY, json.dumps({"key": self.key.hex(), "lines": len(self.groups)}) + "\n"),
            (RECORDS, lines),
        ):
            write_whole(self.folder / name, text.encode(), mode=0o600)


def history_of(cohort: Cohort) -> History:
    """Return what was released of a cohort before.

    Raises
    ------
    DataError
        The record cannot be read, or lacks lines.
    """
    place = cohort.provenance.location
    if not place or cohort.synthetic:
        return History(folder=None, key=b"")
    path = Path(place)
    folder = path if path.is_dir() else path.parent
    if not any((folder / name).exists() for name in (KEY, RECORDS, HOME)):
        return History(folder=folder, key=secrets.token_bytes(32))
    return read_history(folder)


def read_history(folder: Path) -> History:
    """Read the record of a folder, and hold it against the number of lines it was left with."""
    try:
        kept = json.loads((folder / KEY).read_text(encoding="utf-8"))
        key, expected = bytes.fromhex(kept["key"]), int(kept["lines"])
    except (OSError, ValueError, KeyError, TypeError):
        fail(KEY, Problem(rule="the key of earlier releases", remedy=_CUT))
    try:
        text = (folder / RECORDS).read_text(encoding="utf-8") if expected else ""
        lines = [json.loads(line) for line in text.splitlines()]
        groups = [Released(**{**x, "patients": tuple(x["patients"])}) for x in lines]
        whole = text.endswith("\n") or not text
    except (OSError, ValueError, KeyError, TypeError):
        groups, whole = [], False
    if not whole or len(groups) < expected:
        rule = f"the whole record of earlier releases, {expected:,} lines"
        fail(RECORDS, Problem(rule=rule, remedy=_CUT))
    return History(folder=folder, key=key, groups=tuple(groups))


def apart(old: Iterable[Released], new: Iterable[Released], least: int) -> list[str]:
    """Name the outputs of a release whose group would show a few patients beside an older one's."""
    groups = Groups(least)
    for group in old:
        groups.hold(group.where, frozenset(group.patients))
    return [g.output for g in new if groups.tells(g.where, frozenset(g.patients))]
