"""Debian's Chromium and what a page complains about, for the tests of this folder."""

import shutil

import pytest

WIDE, PHONE = 1280, 390
PATIENCE_MS = 30_000  # for one step; the machine may be busy
ARGUMENTS = (
    "--no-sandbox",  # continuous integration runs as root in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def tool(name, package):
    """Return where a program of the system lies, or fail with the way to get it."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is missing; on Debian: apt-get install {package}", pytrace=False)
    return path


def complaints_of(page):
    """Collect console warnings and errors, exceptions, failed requests and whatever leaves."""
    found = []

    def console(message):
        if message.type in ("error", "warning"):
            found.append(f"console {message.type}: {message.text}")

    def request(sent):
        if not sent.url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:")):
            found.append(f"leaves this machine: {sent.url}")

    page.on("console", console)
    page.on("request", request)
    page.on("pageerror", lambda error: found.append(f"exception: {error}"))
    page.on("requestfailed", lambda sent: found.append(f"request failed: {sent.url[:200]}"))
    return found
