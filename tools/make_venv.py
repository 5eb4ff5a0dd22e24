"""Make the project's environment from the lock, with the Python that runs this file.

Usage: python3 tools/make_venv.py [.venv]. Needs the standard library only.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

LOWEST, BELOW = (3, 11), (3, 14)
LOCK = Path("requirements.lock")


def fail(message: str) -> None:
    sys.exit(f"environment: {message}")


def check_python() -> None:
    if not LOWEST <= sys.version_info[:2] < BELOW:
        have = ".".join(map(str, sys.version_info[:3]))
        fail(f"python 3.11 to 3.13 is needed, this is {have}; try: make PYTHON=python3.12 ...")
    try:
        import ensurepip
        import venv
    except ImportError as missing:
        fail(
            f"the python module {missing.name} is missing; on Debian: apt-get install python3-venv"
        )
    else:
        assert ensurepip
        assert venv


def say(text: str) -> None:
    """Tell a stage; in a terminal over the line that counts packages."""
    start = "\r" if sys.stdout.isatty() else ""
    print(f"{start}environment ........ {text:<{60 if start else 0}}", flush=True)


def packages(lock: str) -> int:
    """Count the packages that a lock names, those of other systems too."""
    return len(re.findall(r"^[a-z0-9][^ ]*==", lock, re.MULTILINE))


def run(command: list[str], log: Path, *, count: int = 0) -> None:
    """Run a command into the log; with count, show how many packages are done."""
    done = 0
    with log.open("a") as out:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout
        for line in process.stdout:
            out.write(line)
            if count and line.startswith("Collecting "):
                done += 1
                show(done, count)
            elif count and line.startswith("Installing collected packages"):
                say(f"2 of 3: {done} packages fetched, their hashes checked; installing them")
    if process.wait() != 0:
        tail = log.read_text().splitlines()[-3:]
        fail("it could not be made: " + " | ".join(tail) + f" (all of it: {log})")


def show(done: int, count: int) -> None:
    if sys.stdout.isatty():
        share = min(done / count, 1)
        print(
            f"\renvironment ........ {done} of about {count} packages {share:4.0%}",
            end="",
            flush=True,
        )
    elif done % 25 == 0:
        say(f"{done} of about {count} packages")


def main() -> None:
    check_python()
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv")
    start = time.monotonic()
    version = ".".join(map(str, sys.version_info[:3]))
    count = packages(LOCK.read_text())
    say(f"making {target} with python {version}: up to {count} packages, each locked with")
    say(f"its version and hash in {LOCK}; about 2 minutes, more over a slow line")
    log = target / "setup.log"
    python = target / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        say("1 of 3: an empty environment")
        made = subprocess.run(
            [sys.executable, "-m", "venv", str(target)], capture_output=True, text=True, check=False
        )
        if made.returncode:
            fail("venv failed: " + (made.stderr or made.stdout).strip().splitlines()[-1])
    log.write_text("")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
    say("2 of 3: fetching the packages")
    run([*pip, "--require-hashes", "-r", str(LOCK)], log, count=count)
    say("3 of 3: mnstudy itself")
    run([*pip, "--no-build-isolation", "-e", "."], log)
    (target / ".ready").touch()
    seconds = time.monotonic() - start
    found = target.glob("[Ll]ib*/**/site-packages/*.dist-info")
    installed = len({path.name for path in found})
    say(f"{target} is ready: {installed} packages   {seconds:.0f} s")


if __name__ == "__main__":
    main()
