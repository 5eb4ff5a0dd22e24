"""The command line: ``mnstudy report|diff|evaluate|validate|claims|simulate|plan|power|...``.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mnstudy import __version__
from mnstudy.errors import DataError, DesignError

BAR = 30  # characters
EVERY = 10.0  # seconds between two lines of a stage where no line can be written again

# As in the modules that write them, which are too heavy to import for --help; a test compares.
FORMATS = ("svg", "png", "pdf")
PROFILES = ("default", "annals", "jama")
NOBODY_READS = 128 + 13  # what a shell says of a program that SIGPIPE ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 fine, 2 something to mend in the input."""
    code = 0
    try:
        try:
            code = _run(argv)
        finally:
            print(end="", flush=True)  # else a pipe that nobody reads shows at the exit only
    except OSError as error:  # of standard output: what is still to be written goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return NOBODY_READS
        if code != 2:  # else it has been said
            print(_of_system(error), file=sys.stderr)
        return 2
    return code


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except (DataError, DesignError) as error:
        print(_folded(str(error)), file=sys.stderr)
    except BrokenPipeError:
        raise
    except OSError as error:
        print(_of_system(error), file=sys.stderr)
    except (KeyError, ValueError) as error:
        print(error.args[0] if error.args else error, file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped; nothing half-written is left behind", file=sys.stderr)
        return 130
    return 2


def _of_system(error: OSError) -> str:
    """Say what the system refused and for which file, or what we said ourselves."""
    if not error.strerror:
        return str(error)
    place = Path(str(error.filename or ""))
    seen = place.parent if place.name.startswith(".") else place  # what is written aside is hidden
    named = f"{seen}: " if error.filename else ""
    return f"{named}{error.strerror}; what was there before is as it was"


def _folded(text: str) -> str:
    """Fold long lines at the width of the terminal, the rest of each further in."""
    if not sys.stderr.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(
        textwrap.fill(line, width, subsequent_indent=" " * (len(line) - len(line.lstrip()) + 4))
        for line in text.split("\n")
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mnstudy",
        description="Put efficacy claims about microneedling of scars to data.",
    )
    parser.add_argument("--version", action="version", version=f"mnstudy {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    data = "a shipped data set, a sheet (.csv .xlsx .parquet .sav .dta) or a study.toml"

    report = _command(commands, "report", _report, "write all figures, tables and the page")
    report.add_argument("data", nargs="?", help=data + "; the shipped ones when left out")
    _how_to_report(report)

    diff = _command(commands, "diff", _diff, "show what changed between two reports, and why")
    diff.add_argument("old", help="folder of a report")
    diff.add_argument("new", help="folder of another; exit code 1 where a finding differs")

    evaluate = _command(commands, "evaluate", _evaluate, "test the claims on a data set")
    evaluate.add_argument("data", help=data)
    evaluate.add_argument("--claims", nargs="+", metavar="ID", help="these claims only")
    evaluate.add_argument("--confidence-level", type=float, help="default: the plan's, else 0.95")
    evaluate.add_argument("--csv", metavar="FILE", help="write every number to this file as well")

    claims = _command(commands, "claims", _claims, "list the 43 claims, and a study's own")
    claims.add_argument("data", nargs="?", help=data + "; says which it can answer")
    _command(commands, "datasets", _datasets, "list the shipped data sets")

    simulate = _command(commands, "simulate", _simulate, "write a synthetic cohort")
    simulate.add_argument("--patients", type=int, default=400)
    simulate.add_argument("--design", default="registry")
    simulate.add_argument("--seed", type=int, default=0)
    simulate.add_argument("--out", required=True, help="the .csv file to write")

    _command(commands, "plan", _plan, "show the declared plan and its fingerprint").add_argument(
        "data", help=data
    )
    power = _command(commands, "power", _power, "work out how many patients the next study needs")
    _how_to_plan(power)
    _own_sheets(commands, data)
    release = _command(commands, "release", _release, "compare a release with an earlier one")
    release.add_argument("what", choices=("check",), help="always the word check")
    release.add_argument("old", help="folder of a release")
    release.add_argument("new", help="folder of another; or the sheet or study.toml of the next")
    release.add_argument(
        "--records", metavar="FILE", help="releases.jsonl of the sheet (default: beside the sheet)"
    )
    evidence = _command(
        commands, "evidence", _evidence, "check your own tables of published studies"
    )
    evidence.add_argument("what", choices=("check",), help="always the word check")
    evidence.add_argument("folder", help="with studies.csv, arms.csv, outcomes.csv, contrasts.csv")
    return parser


def _own_sheets(commands: argparse._SubParsersAction[argparse.ArgumentParser], data: str) -> None:
    """Add the commands from a sheet of one's own to a cohort."""
    template = _command(commands, "template", _template, "write an empty Excel sheet to fill in")
    template.add_argument("file", nargs="?", default="template.xlsx", help="the .xlsx to write")
    template.add_argument(
        "--columns", nargs="+", default=(), metavar="NAME", help="besides core ones (default: all)"
    )
    init = _command(commands, "init", _init, "propose a study.toml for a sheet")
    init.add_argument("sheet", help="the sheet to look at")
    validate = _command(commands, "validate", _validate, "list what has to be corrected")
    validate.add_argument("data", help=data)
    validate.add_argument(
        "--no-copy", action="store_true", help="write no marked copy of the sheet beside it"
    )


def _how_to_report(report: argparse.ArgumentParser) -> None:
    report.add_argument("--out", default="report", help="folder to write (default: report)")
    report.add_argument("--no-notebooks", action="store_true", help="leave the notebooks out")
    report.add_argument("--only", nargs="+", metavar="CLAIM", help="answer these claims only")
    report.add_argument(
        "--formats", nargs="+", choices=FORMATS, default=FORMATS, help="of figures (default: all)"
    )
    report.add_argument(
        "--profile", choices=PROFILES, default="default", help="number format of the tables"
    )
    report.add_argument(
        "--release", action="store_true", help="write a report to share: see docs/disclosure.md"
    )
    report.add_argument(
        "--fresh", action="store_true", help="compute everything again, reuse nothing"
    )


def _how_to_plan(power: argparse.ArgumentParser) -> None:
    power.add_argument("study", help="a study.toml with a [power] table; no sheet is needed")
    power.add_argument("--pilot", metavar="SHEET", help="its spread, at the upper 80 %% limit")
    power.add_argument("--target", type=float, default=0.8, help="chance wanted (default: 0.8)")
    power.add_argument("--csv", metavar="FILE", help="write the curves to this file as well")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def _report(arguments: argparse.Namespace) -> int:
    from mnstudy.reporting.run.cache import place_of_runs
    from mnstudy.reporting.run.folder import is_current, remove_abandoned
    from mnstudy.reporting.run.origin import report_fingerprint

    how = {
        "claims": arguments.only,
        "formats": arguments.formats,
        "profile": arguments.profile,
        "notebooks": not arguments.no_notebooks,
    }
    out = Path(arguments.out).expanduser().absolute()
    if (
        not arguments.release
        and not arguments.fresh
        and is_current(out, report_fingerprint(arguments.data, **how))
    ):
        for place in (Path(os.path.realpath(out)), place_of_runs()):
            remove_abandoned(place)  # of runs that were killed
        print("nothing changed since this report was made (--fresh computes everything again)")
    else:
        _make_report(arguments, how)
        gc.freeze()  # ending takes a second less: nothing is looked through to be thrown away
    what = "every text of the release" if arguments.release else "every number, full precision"
    print(f"{out / 'index.html'}   open this\n{out / 'results.csv'}   {what}")
    return 0


def _make_report(arguments: argparse.Namespace, how: Mapping[str, Any]) -> None:
    from mnstudy.reporting.run.processes import prepare

    # Ended by the system it cleans up as when interrupted: nothing half-written is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for this process alone
    prepare()  # imports at the same time as this process
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from mnstudy.reporting.report import report

    progress = Progress()
    report(
        arguments.data, arguments.out, release=arguments.release, reuse=not arguments.fresh,
        progress=progress, **how,
    )  # fmt: skip
    progress.close()


class Progress:
    """One line a stage on standard output: what, how far, how long, and how long still.

    Parameters
    ----------
    live : bool, optional
        Write the line again at each step; when left out, in a terminal only. Give True in a
        notebook. Else a line tells that a stage begins, then one at most every ten seconds how
        far it is.

    Examples
    --------
    >>> import mnstudy as mn
    >>> progress = mn.Progress()
    >>> progress("studies", 2, 2)  # doctest: +ELLIPSIS
    studies ............ 2 of 2 ...
    """

    def __init__(self, live: bool | None = None) -> None:
        self._live = sys.stdout.isatty() if live is None else live
        self._stage = ""
        self._started = self._told = time.monotonic()
        self._done, self._total = 0, 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell how much of a stage is done; a new stage ends the one before."""
        if stage != self._stage:
            self.close()
            self._stage, self._started, self._told = stage, time.monotonic(), -EVERY
        self._done, self._total = done, total
        if done == total:
            self.close()
        elif self._live:
            print(f"\r{self._line()}{self._left():<20}", end="", flush=True)
        elif time.monotonic() >= self._told + EVERY:
            self._told = time.monotonic()
            print(self._line() + self._left(), flush=True)

    def _line(self) -> str:
        full = BAR * self._done // max(self._total, 1)
        bar = f"[{'#' * full}{'-' * (BAR - full)}]"
        return f"{self._stage} ".ljust(20, ".") + f" {self._done} of {self._total}".ljust(14) + bar

    def _left(self) -> str:
        spent = time.monotonic() - self._started
        if not 0 < self._done < self._total:
            return "  begun"
        return f"  about {spent * (self._total - self._done) / self._done:.0f} s left"

    def close(self) -> None:
        """End the line of the present stage."""
        if self._stage:
            start = "\r" if self._live else ""
            spent = time.monotonic() - self._started
            print(f"{start}{self._line()}{spent:>6.0f} s".ljust(85), flush=True)
        self._stage = ""


def _diff(arguments: argparse.Namespace) -> int:
    from mnstudy.reporting.run.difference import difference

    found = difference(Path(arguments.old), Path(arguments.new))
    print(found)
    return 1 if found.changes else 0


def _release(arguments: argparse.Namespace) -> int:
    from mnstudy.disclosure.release import check_releases

    told = check_releases(Path(arguments.old), arguments.new, arguments.records)
    print("\n".join(told) or "no group differs from one of the other release by a few patients")
    return 1 if told else 0


def _evidence(arguments: argparse.Namespace) -> int:
    from mnstudy.cohort.published.tables import check_published

    report = check_published(arguments.folder)
    print(_folded(str(report)), file=sys.stdout if report.ok else sys.stderr)
    return 0 if report.ok else 2


def _evaluate(arguments: argparse.Namespace) -> int:
    from mnstudy.cohort.loading.datasets import load
    from mnstudy.verdicts.evaluate import evaluate

    cohort = load(arguments.data)
    level = arguments.confidence_level
    findings = evaluate(cohort, arguments.claims, confidence_level=level)
    print(cohort)
    for finding in findings:
        print(f"\n{finding}")
    if arguments.csv:
        from mnstudy.reporting.tables.write import write_csv

        write_csv(findings.to_frame(), Path(arguments.csv))
        print(f"\nwrote {arguments.csv}")
    return 0


def _validate(arguments: argparse.Namespace) -> int:
    from mnstudy.cohort.loading.datasets import validate

    report = validate(arguments.data)
    if report.ok:
        from mnstudy.cohort.loading.datasets import load
        from mnstudy.verdicts.claims.own_claims import check_study

        check_study(load(arguments.data).study)
    print(_folded(str(report)), file=sys.stdout if report.ok else sys.stderr)
    if not report.ok and not arguments.no_copy:
        from mnstudy.cohort.proposing.workbooks import mark

        copy = mark(arguments.data, report)
        if copy:
            print(f"\nnothing was changed; marked copy: {copy}", file=sys.stderr)
    return 0 if report.ok else 2


def _claims(arguments: argparse.Namespace) -> int:
    from mnstudy.verdicts.claims.registry import GROUPS, select

    own, why_not = {}, {}
    if arguments.data:
        from mnstudy.cohort.loading.datasets import load
        from mnstudy.verdicts.claims.own_claims import check_study
        from mnstudy.verdicts.evaluate import claims

        cohort = load(arguments.data)
        own = check_study(cohort.study)
        why_not = claims(cohort)["why_not"].to_dict()
    listed = select(None, own)
    for group in dict.fromkeys(c.group for c in listed):
        print(f"\n{GROUPS[group]}")
        for claim in (c for c in listed if c.group == group):
            said = f" ({', '.join(claim.articles)})" if claim.articles else ""
            print(f"  {claim.id:<21} {claim.title}{said}")
            if why_not.get(claim.id):
                print(f"  {'':<22}not testable: {why_not[claim.id]}")
    return 0


def _datasets(arguments: argparse.Namespace) -> int:
    from mnstudy.cohort.loading.datasets import datasets

    for name, row in datasets().iterrows():
        mark = "SYNTHETIC" if row["synthetic"] else "real"
        print(f"{name:<20}{mark:<11}{row['patients']:>6,} patients  {row['title']}")
    return 0


def _simulate(arguments: argparse.Namespace) -> int:
    from mnstudy.cohort.simulate.simulate import simulate

    out = Path(arguments.out)
    if out.exists():
        raise FileExistsError(f"{out} exists already: name another file")
    cohort = simulate(arguments.patients, design=arguments.design, rng=arguments.seed)
    cohort.data.to_csv(out, index=False, lineterminator="\n")
    print(f"wrote {out}: synthetic, seed {arguments.seed}, {len(cohort.data):,} rows")
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    from mnstudy.cohort.loading.datasets import load
    from mnstudy.verdicts.claims.own_claims import check_study, plan_in_words

    study = load(arguments.data).study
    print("\n".join(plan_in_words(study, check_study(study))))
    return 0


def _power(arguments: argparse.Namespace) -> int:
    from mnstudy.verdicts.operating.power import power

    found = power(arguments.study, arguments.pilot, arguments.target)
    print(found)
    if arguments.csv:
        from mnstudy.reporting.tables.write import write_csv

        write_csv(found.curve, Path(arguments.csv))
        print(f"\nwrote {arguments.csv}")
    return 0


def _init(arguments: argparse.Namespace) -> int:
    from mnstudy.cohort.proposing.propose import write_study

    target, proposed = write_study(Path(arguments.sheet))
    print(proposed)
    print(f"\nwrote {target.name}; correct it, then: mnstudy validate {target}")
    return 0


def _template(arguments: argparse.Namespace) -> int:
    from mnstudy.cohort.proposing.workbooks import template

    target = template(Path(arguments.file), arguments.columns)
    print(f"wrote {target}; fill it in, then: mnstudy init {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
