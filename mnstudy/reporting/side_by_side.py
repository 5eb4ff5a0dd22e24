"""Independent pieces of a report, worked out side by side; what is kept is not worked out again."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from joblib import Parallel, cpu_count, delayed

from mnstudy import memory

PER_JOB = 8  # fewer pieces are done before a second process has started
HEAVY = (
    "mnstudy.reporting.checks",
    "mnstudy.reporting.pictures",
    "mnstudy.reporting.report_tables",
)

_starting: list[Thread] = []


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
    n_jobs: int | None,
    done: Callable[[int, int], None],
) -> list[Any]:
    """Return the result of every piece, in their order.

    Parameters
    ----------
    pieces : sequence of Piece
    n_jobs : int or None
        Pieces at a time; the processors of the machine for None. The results do not depend on it.
    done : callable
        Called with how many are done and how many there are.
    """
    done(0, len(pieces))
    found = {i: x for i, p in enumerate(pieces) for x in memory.remembered(p.name, p.inputs)}
    if found:
        done(len(found), len(pieces))
    missing = [i for i in range(len(pieces)) if i not in found]
    for i, result in zip(missing, _work([pieces[i] for i in missing], n_jobs), strict=True):
        found[i] = result
        done(len(found), len(pieces))
    return [found[i] for i in range(len(pieces))]


def start_early(n_jobs: int | None) -> None:
    """Let the processes start and import while the caller does something that takes one alone."""
    jobs = n_jobs or cpu_count()
    if jobs > 1:
        call = Parallel(n_jobs=jobs)
        thread = Thread(target=call, args=([delayed(_import_all)() for _ in range(jobs)],))
        thread.start()
        _starting.append(thread)


def _import_all() -> None:
    for name in HEAVY:
        importlib.import_module(name)


def _work(pieces: Sequence[Piece], n_jobs: int | None) -> Iterator[Any]:
    jobs = min(n_jobs or cpu_count(), len(pieces) // PER_JOB)
    if jobs < 2:
        yield from (_kept(piece) for piece in pieces)
        return
    while _starting:
        _starting.pop().join()
    place = memory.folder()
    yield from Parallel(n_jobs=jobs, return_as="generator")(
        delayed(_in_a_worker)(place, piece) for piece in pieces
    )


def _kept(piece: Piece) -> Any:
    return memory.kept(piece.name, piece.inputs, lambda: piece.function(*piece.given))


def _in_a_worker(place: Path | None, piece: Piece) -> Any:
    """Work on a piece in a process that may have been started for another report."""
    os.environ.pop(memory.FOLDER, None)
    with memory.kept_in(place):
        return _kept(piece)
