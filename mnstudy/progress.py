"""How far a long command is: one line a stage on standard output."""

from __future__ import annotations

import sys
import time

BAR = 30  # characters


class Progress:
    """One line a stage on standard output: what, how far, how long, and how long still."""

    def __init__(self) -> None:
        self._stage = ""
        self._started = time.monotonic()
        self._done, self._total = 0, 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell how much of a stage is done; a new stage ends the one before."""
        if stage != self._stage:
            self.close()
            self._stage, self._started = stage, time.monotonic()
        self._done, self._total = done, total
        if sys.stdout.isatty():
            print(f"\r{self._line()}{self._left():<20}", end="", flush=True)

    def _line(self) -> str:
        full = BAR * self._done // max(self._total, 1)
        bar = f"[{'#' * full}{'-' * (BAR - full)}]"
        return f"{self._stage} ".ljust(20, ".") + f" {self._done} of {self._total}".ljust(14) + bar

    def _left(self) -> str:
        spent = time.monotonic() - self._started
        if not 0 < self._done < self._total:
            return ""
        return f"  about {spent * (self._total - self._done) / self._done:.0f} s left"

    def close(self) -> None:
        """End the line of the present stage."""
        if self._stage:
            start = "\r" if sys.stdout.isatty() else ""
            spent = time.monotonic() - self._started
            print(f"{start}{self._line()}{spent:>6.0f} s".ljust(85), flush=True)
        self._stage = ""
