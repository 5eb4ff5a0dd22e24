"""Cells that the data cannot answer: a sentence in place of a traceback, and the rest runs.

A notebook loads it by ``%load_ext mnstudy``. A cell that meets bad data, a design that cannot
answer, a column that the data do not have or an extra that is not installed shows why. What it
would have made is forgotten, so that no later cell works with an older value: cells that need it
say so in turn. Any other error is shown as always, and ends the run.
"""

from __future__ import annotations

import ast
import os
import re
import threading
import time
from html import escape
from typing import Any

import pandas as pd

from mnstudy.cohort.schema.columns import columns
from mnstudy.cohort.table import Cohort
from mnstudy.errors import DataError, DesignError

CAUGHT = (DataError, DesignError, NameError, KeyError, ValueError, ModuleNotFoundError)
EXTRAS = {"openpyxl": "io", "pyarrow": "io", "pyreadstat": "io", "python_calamine": "io"}
QUIET_SECONDS = 3.0  # a cell that takes longer says that it is still working
_WORD = re.compile(r"\w+")
_LETTERS = re.compile(r"<t([dh])>(?!NaN|None|nan)(?=[A-Za-z]<|[^<]*[A-Za-z]{2})")


class Sentence(str):
    """Words in the place of what a cell would have shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<p>{'<br>'.join(map(escape, self.splitlines()))}</p>"


class Cells:
    """What is remembered from one cell to the next: which names could not be made."""

    def __init__(self, shell: Any, *, live: bool) -> None:
        self._shell, self._live = shell, live
        self._source, self._stopped = "", False
        self._unmade: set[str] = set()
        self._working: Working | None = None

    def begin(self, info: Any) -> None:
        """Take note of the cell that is about to run."""
        self._source, self._stopped = str(getattr(info, "raw_cell", "")), False
        self._working = Working() if self._live else None

    def end(self, result: Any) -> None:
        """Let the run go on after a cell that said why it has no answer."""
        if self._working is not None:
            self._working.end()
        if self._stopped:
            result.error_in_exec = None
        elif getattr(result, "success", False):
            self._unmade -= assigned(self._source)

    def caught(
        self,
        shell: Any,
        kind: type[BaseException],
        error: Exception,
        trace: Any,
        tb_offset: int | None = None,
    ) -> None:
        """Show what is missing in place of a traceback, or the traceback of any other error."""
        from IPython.display import display

        said = self.said(error)
        if said is None:
            shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
            return
        self._stopped = True
        made = assigned(self._source)
        self._unmade |= made
        for name in made:
            shell.user_ns.pop(name, None)
        display(said)

    def said(self, error: Exception) -> Any:
        """Return what is shown of an error; None of one that is not about the data."""
        if isinstance(error, DataError):
            return Sentence(error) if error.report is None else error.report
        if isinstance(error, DesignError):
            return Sentence(error)
        if isinstance(error, ModuleNotFoundError):
            name = str(error.name).partition(".")[0]
            extra = f"{name} is not installed: pip install 'mnstudy[{EXTRAS.get(name, '')}]'"
            return Sentence(extra) if name in EXTRAS else None
        needed = getattr(error, "name", None)
        if isinstance(error, NameError) and needed in self._unmade:
            return Sentence(f"Left out: it needs {needed}, which a cell above could not make.")
        absent = self._absent()
        if not absent:
            return None
        return Sentence(f"Left out: the data have no column {', '.join(absent)}.")

    def _absent(self) -> list[str]:
        """Return the columns of the contract in the cell that no cohort of the notebook has."""
        cohorts = [x for x in self._shell.user_ns.values() if isinstance(x, Cohort)]
        there = {name for cohort in cohorts for name in cohort.data}
        named = [
            word for word in _WORD.findall(self._source) if word in columns() and word not in there
        ]
        return list(dict.fromkeys(named)) if cohorts else []


class Working:
    """A line beneath a cell that takes long: that it is still working, and for how long."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)
        self._thread.start()

    def _tell(self) -> None:
        from IPython.display import display

        started = time.monotonic()
        if self._done.wait(QUIET_SECONDS):
            return
        shown = display(Sentence("still working"), display_id=True)
        while not self._done.wait(1.0):
            spent = time.monotonic() - started
            shown.update(Sentence(f"still working: {spent:.0f} s"))
        shown.update(Sentence(""))

    def end(self) -> None:
        """Take the line away."""
        self._done.set()
        self._thread.join()


def assigned(source: str) -> set[str]:
    r"""Return the names that a cell makes; magics and what cannot be read make none.

    >>> sorted(assigned("%matplotlib inline\nimport pandas as pd\na, (b, c[0]) = 1, (2, 3)"))
    ['a', 'b', 'pd']
    """
    plain = "\n".join(line for line in source.splitlines() if line[:1] not in {"%", "!"})
    try:
        tree = ast.parse(plain)
    except SyntaxError:
        return set()
    stored = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    aliases = [
        alias
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    return stored | {(alias.asname or alias.name).partition(".")[0] for alias in aliases}


def table_html(table: pd.DataFrame) -> str:
    """Write a table for a notebook: words to the left, wrapped and never cut; numbers as they are.

    A table of more rows than pandas shows is cut in its middle, as pandas does.
    """
    most = pd.get_option("display.max_rows")
    with pd.option_context("display.max_colwidth", None):
        html = str(table.to_html(max_rows=most, show_dimensions=len(table) > (most or len(table))))
    return _LETTERS.sub(r'<t\1 style="text-align: left; white-space: normal">', html)


def load(shell: Any) -> None:
    """Let a shell of IPython show what is missing, and tables and cells as this module says."""
    cells = Cells(shell, live=os.environ.get("MNSTUDY_PROGRESS") != "off")
    shell.events.register("pre_run_cell", cells.begin)
    shell.events.register("post_run_cell", cells.end)
    shell.set_custom_exc(CAUGHT, cells.caught)
    shell.display_formatter.formatters["text/html"].for_type(pd.DataFrame, table_html)
