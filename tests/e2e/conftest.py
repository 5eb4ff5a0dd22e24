"""What people look at, in a browser: Debian's Chromium, driven by playwright.

These tests fail where a tool is missing; they never skip. `make e2e` runs them.
"""

import socket
import tempfile
from pathlib import Path

import pytest
from browsing import ARGUMENTS, PATIENCE_MS, WIDE, complaints_of, tool
from playwright.sync_api import expect, sync_playwright


@pytest.fixture(scope="session")
def browser():
    where = tool("chromium", "chromium")
    with sync_playwright() as play:
        expect.set_options(timeout=PATIENCE_MS)
        browser = play.chromium.launch(executable_path=where, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def visit(browser):
    """Open an address as a visitor would; ``page.complaints`` collects what went wrong on it."""
    contexts = []

    def open_page(address, *, width=WIDE, scheme="light", javascript=True):
        context = browser.new_context(
            viewport={"width": width, "height": 844},
            color_scheme=scheme,
            java_script_enabled=javascript,
        )
        contexts.append(context)
        page = context.new_page()
        page.complaints = complaints_of(page)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Keep a picture of every open page where a test failed, and say where it lies."""
    report = yield
    if report.failed and "browser" in item.funcargs:
        folder = Path(tempfile.mkdtemp(prefix="mnstudy-e2e-"))
        pages = [page for context in item.funcargs["browser"].contexts for page in context.pages]
        for number, page in enumerate(pages, 1):
            picture = folder / f"{number}.png"
            page.screenshot(path=picture)
            report.sections.append(("screenshot", f"{picture} of {page.url}"))
    return report
