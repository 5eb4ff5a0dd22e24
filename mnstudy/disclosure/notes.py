"""Notes as they may be shown: small counts of people replaced, wherever they stand in a note."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from mnstudy.disclosure.small_counts import FEW, NOT_SHOWN, is_small
from mnstudy.words.notes import Count, Note

# in the text of a study file: a count of people, alone or of a whole
_WRITTEN = re.compile(
    r"(?<![\d.,<])(\d[\d,]*)(?: of (\d[\d,]*))? "
    r"(patient|site|assessment|visit|person|event|session)s?\b"
)


def guarded_note(note: Note) -> Note:
    """Return a note without small counts of people, nor counts of all but a few.

    Text of a study file, a limit or a rule, is searched for counts that its author wrote. Which
    rows of the sheet were meant is nobody else's business.

    Examples
    --------
    >>> from mnstudy.words.notes import note
    >>> str(guarded_note(note("measured", patients=Count(n=409, of=412, noun="patient"))))
    'measured in all but <5 of 412 patients'
    """
    said = dict(note.values)
    if isinstance(said.get("rows"), str):
        note = note.having(rows=NOT_SHOWN)
    return with_counts(note, _guarded, text=guarded_text)


def guarded_text(text: str) -> str:
    """Return the text of a study file without small counts of people.

    Examples
    --------
    >>> guarded_text("3 patients refused; depth known of 40 of 41 sites")
    '<5 patients refused; depth known of all but <5 of 41 sites'
    """

    def shown(found: re.Match[str]) -> str:
        n, of = (int(x.replace(",", "")) if x else None for x in found.groups()[:2])
        count = _guarded(Count(n=n or 0, of=of, noun=found[3]))
        return str(count) if count.shown or count.of_shown else found[0]

    return _WRITTEN.sub(shown, text)


def guarded_notes(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Return notes without small counts of people, in their order."""
    return tuple(map(guarded_note, notes))


def with_counts(
    note: Note, change: Callable[[Count], Count], *, text: Callable[[str], str] = str
) -> Note:
    """Return a note with every count in it changed, and text, those of notes inside it too."""

    def changed(value: Any) -> Any:
        if isinstance(value, Count):
            return change(value)
        if isinstance(value, Note):
            return with_counts(value, change, text=text)
        if isinstance(value, str):
            return text(value)
        return tuple(map(changed, value)) if type(value) is tuple else value

    return Note(note.kind, tuple((name, changed(value)) for name, value in note.values))


def _guarded(count: Count) -> Count:
    if not count.people or count.shown:
        return count
    ends = (count.n,) if count.most in (None, count.n) else (count.n, count.most)
    marks = [_mark(n, count.of) for n in ends]
    said = " and ".join(mark or f"{n:,}" for mark, n in zip(marks, ends, strict=True))
    shown = (f"between {said}" if len(ends) > 1 else said) if any(marks) else ""
    of_shown = FEW if count.of is not None and is_small(count.of) else ""
    return replace(count, shown=shown, of_shown=of_shown)


def _mark(n: int, of: int | None) -> str:
    """Return what stands for a number of a whole; empty where it may be shown."""
    if is_small(n):
        return FEW
    return f"all but {FEW}" if of is not None and is_small(of - n) else ""
