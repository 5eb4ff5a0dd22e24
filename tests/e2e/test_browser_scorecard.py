"""A reader sorts and filters the scorecard with the keyboard alone."""

import math

import pytest
from playwright.sync_api import expect

import mnstudy as mn
from mnstudy.reporting.page.page import render
from mnstudy.reporting.run.sources import cohort_source
from mnstudy.verdicts.claims.registry import ARTICLES, GROUPS, registry

pytestmark = pytest.mark.e2e

CLAIMS = list(registry().values())
MANY_STOPS = 300


@pytest.fixture(scope="module")
def bodies(patients, clinic, clinic_findings):
    return [cohort_source(patients, mn.evaluate(patients)), cohort_source(clinic, clinic_findings)]


@pytest.fixture(scope="module")
def address(bodies, tmp_path_factory):
    """A page of two bodies of data, without figures."""
    path = tmp_path_factory.mktemp("page") / "index.html"
    html = render(bodies, {}, versions={}, register_sha256="0" * 64)
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def page(visit, address):
    page = visit(address)
    yield page
    assert page.complaints == []
    page.context.close()


@pytest.fixture
def filters(page):
    return page.get_by_role("search", name="Filter the scorecard")


def go_to(page, target):
    """Press Tab until the target has the focus."""
    for _ in range(MANY_STOPS):
        if target.evaluate("e => e === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"the keyboard does not reach {target}")


def choose(page, filters, option):
    """Go to the list that holds the option and press the down arrow until it is chosen."""
    select = filters.get_by_role("combobox").filter(has_text=option)
    go_to(page, select)
    for _ in select.locator("option").all():
        if option in select.evaluate("e => e.selectedOptions[0].text"):
            return
        page.keyboard.press("ArrowDown")
    pytest.fail(f"the arrow keys do not reach {option!r}")


def write(page, filters, words):
    go_to(page, filters.get_by_role("searchbox"))
    page.keyboard.type(words)


def press(page, button, key="Enter"):
    go_to(page, button)
    page.keyboard.press(key)


def shown(page):
    """Return the titles of the claims that are left, from the top down."""
    links = page.get_by_role("table", name="Claims by body of data").locator("th[scope=row] a")
    return links.filter(visible=True).all_inner_texts()


def titles(claims):
    return [claim.title for claim in claims]


def status(page):
    return page.get_by_role("status")


def head(page, name):
    return page.get_by_role("columnheader", name=name)


def test_all_claims_are_there_at_first(page):
    assert shown(page) == titles(CLAIMS)
    expect(status(page)).to_have_text(f"{len(CLAIMS)} of {len(CLAIMS)} claims.")


@pytest.mark.parametrize("letter", ["A", "E"])
def test_filter_by_article(page, filters, letter):
    choose(page, filters, f"{letter}: {ARTICLES[letter]}")
    wanted = [c for c in CLAIMS if letter in (*c.articles, *c.against)]
    assert shown(page) == titles(wanted)
    expect(status(page)).to_contain_text(f"{len(wanted)} of {len(CLAIMS)} claims")


def test_filter_by_verdict_of_any_data_or_of_one(page, filters, bodies):
    choose(page, filters, "contradicted")
    by_body = [{f.claim.id for f in b.findings if f.verdict == "contradicted"} for b in bodies]
    assert shown(page) == titles(c for c in CLAIMS if c.id in set.union(*by_body))
    choose(page, filters, bodies[0].heading)
    assert shown(page) == titles(c for c in CLAIMS if c.id in by_body[0])


def test_filter_by_room_and_by_words(page, filters):
    room = next(key for key in GROUPS if any(c.group == key for c in CLAIMS))
    choose(page, filters, GROUPS[room])
    own = [c for c in CLAIMS if c.group == room]
    assert shown(page) == titles(own)
    write(page, filters, "BURN")
    assert shown(page) == titles(c for c in own if "burn" in c.title.lower())


def test_what_is_not_found_is_said_and_reset_shows_all(page, filters):
    write(page, filters, "no such words")
    assert shown(page) == []
    expect(status(page)).to_contain_text(f"0 of {len(CLAIMS)} claims")
    press(page, filters.get_by_role("button", name="Reset"))
    assert shown(page) == titles(CLAIMS)
    expect(status(page)).to_have_text(f"{len(CLAIMS)} of {len(CLAIMS)} claims.")


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_sort_by_title_up_down_and_back(page, key):
    column = page.get_by_role("columnheader").filter(has_text="Claim")
    button = column.get_by_role("button", name="Sort by title")
    alphabetic = sorted(titles(CLAIMS), key=str.casefold)
    said = {status(page).inner_text()}
    for turn, order in [("ascending", alphabetic), ("descending", alphabetic[::-1])]:
        press(page, button, key)
        assert shown(page) == order
        expect(column).to_have_attribute("aria-sort", turn)
        said.add(status(page).inner_text())
        expect(button).to_be_focused()
    press(page, button, key)
    assert shown(page) == titles(CLAIMS)
    expect(page.locator("[aria-sort]")).to_have_count(0)
    assert len(said) == 3
    assert status(page).inner_text() in said


def test_sort_by_estimate_puts_what_is_missing_last(page, bodies):
    body = bodies[0]
    column = page.get_by_role("columnheader").filter(has_text=body.heading)
    press(page, column.get_by_role("button", name="Sort by estimate"))
    expect(column).to_have_attribute("aria-sort", "descending")
    value = {f.claim.title: f.estimate.value for f in body.findings if f.estimate is not None}
    order = [value.get(title, -math.inf) for title in shown(page)]
    assert order == sorted(order, reverse=True)
    assert 0 < sum(map(math.isfinite, order)) < len(CLAIMS)


def test_a_filter_stays_when_the_order_changes(page, filters):
    write(page, filters, "rare")
    before = shown(page)
    column = page.get_by_role("columnheader").filter(has_text="Claim")
    press(page, column.get_by_role("button", name="Sort by title"))
    assert 1 < len(before) < len(CLAIMS)
    assert shown(page) == sorted(before, key=str.casefold)


def test_the_focus_is_seen_on_every_control(page, filters):
    controls = [*filters.locator("input, select, button:enabled").all()]
    controls += page.get_by_role("columnheader").get_by_role("button").all()
    assert len(controls) > 8
    for control in controls:
        go_to(page, control)
        assert control.evaluate(
            "e => { const s = getComputedStyle(e);"
            " return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0; }"
        )
