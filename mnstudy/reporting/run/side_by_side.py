"""Independent pieces of a report, worked out side by side; what is kept is not worked out again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnstudy import cache as memory
from mnstudy.reporting.run.processes import Workers


@dataclass(frozen=True, slots=True)
class Piece:
    """A call to a function of a module, and the name and the inputs that its result is kept by."""

    name: str
    inputs: tuple[object, ...]
    function: Callable[..., Any]
    given: tuple[object, ...]


def side_by_side(
    pieces: Sequence[Piece],
    *,
    workers: Workers | None = None,
    done: Callable[[int, int], None],
) -> list[Any]:
    """Return the result of every piece, in their order.

    Parameters
    ----------
    pieces : sequence of Piece
    workers : Workers, optional
        Who works on them; the results do not depend on it. One after another when left out.
    done : callable
        Called with how many are done and how many there are.
    """
    done(0, len(pieces))
    # Where nothing of that name is kept yet, the keys are left to those who work on the pieces.
    known = {name for name in {p.name for p in pieces} if memory.holds_any(name)}
    found = {
        i: x
        for i, p in enumerate(pieces)
        if p.name in known
        for x in memory.remembered(p.name, p.inputs)
    }
    if found:
        done(len(found), len(pieces))
    missing = [i for i in range(len(pieces)) if i not in found]
    place = memory.folder()
    calls = [(_in_a_worker, (place, pieces[i])) for i in missing]
    for i, result in zip(missing, (workers or Workers()).results(calls), strict=True):
        found[i] = result
        done(len(found), len(pieces))
    return [found[i] for i in range(len(pieces))]


def _in_a_worker(place: Path | None, piece: Piece) -> Any:
    """Work on a piece in a process that may know nothing of where results are kept."""
    with memory.kept_in(place):
        return memory.kept(piece.name, piece.inputs, lambda: piece.function(*piece.given))
