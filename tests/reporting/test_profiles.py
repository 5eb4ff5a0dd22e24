"""Number formats by profile: the rules that a journal would check."""

import re
from dataclasses import FrozenInstanceError, dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnstudy import formatting as fmt
from mnstudy.cohort.describe.table_one import percent
from mnstudy.formatting import PROFILES, Profile, profile_named

NAN = float("nan")
DEFAULT, ANNALS, JAMA = (PROFILES[n] for n in ("default", "annals", "jama"))


@dataclass(frozen=True)
class Ends:
    value: float = 3.1
    ci_low: float = 2.4
    ci_high: float = 3.8


@pytest.mark.parametrize(
    ("p", "annals", "jama"),
    [
        (0.04, "P = 0.040", "P = .04"),
        (0.0432, "P = 0.043", "P = .04"),
        (0.046, "P = 0.046", "P = .046"),  # .05 would read as if it had crossed
        (0.0512, "P = 0.051", "P = .05"),
        (0.0081, "P = 0.008", "P = .008"),
        (0.0099, "P = 0.010", "P = .01"),
        (0.011, "P = 0.011", "P = .01"),
        (0.2, "P = 0.200", "P = .20"),
        (0.3211, "P = 0.32", "P = .32"),
        (0.001, "P = 0.001", "P = .001"),
        (0.00099, "P < 0.001", "P < .001"),
        (1.0, "P > 0.99", "P > .99"),
        (NAN, "no P value", "no P value"),
    ],
)
def test_p_values_by_journal(p, annals, jama):
    assert (ANNALS.p_value(p), JAMA.p_value(p)) == (annals, jama)


def test_p_values_in_a_cell_have_no_letter():
    assert [s.p_cell(0.0432) for s in PROFILES.values()] == ["0.043", "0.043", ".04"]
    assert [s.p_cell(0.0001) for s in PROFILES.values()] == ["<0.001", "<0.001", "<.001"]
    assert JAMA.p_cell(NAN) == ""


@pytest.mark.parametrize(
    ("count", "n", "annals", "jama"),
    [
        (9, 28, "32%", "32%"),
        (60, 180, "33%", "33.3%"),
        (60, 199, "30%", "30.2%"),
        (60, 200, "30.0%", "30.0%"),
        (1, 900, "0.1%", "0.1%"),
        (1, 3000, "<0.1%", "<0.1%"),
        (2999, 3000, ">99.9%", ">99.9%"),
        (0, 300, "0%", "0%"),
        (300, 300, "100%", "100%"),
        (0, 0, "", ""),
    ],
)
def test_decimals_of_a_percentage_follow_its_denominator(count, n, annals, jama):
    assert (ANNALS.percent(count, n), JAMA.percent(count, n)) == (annals, jama)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_no_part_is_written_as_nothing_or_all(pair):
    count, n = pair
    for style in PROFILES.values():
        number = re.sub("[%\xa0]", "", style.percent(count, n))
        assert (number.rstrip(".0") == "") == (count == 0)
        assert (number == "100") == (count == n)
        assert "\N{PLUS-MINUS SIGN}" not in style.mean_sd(count, n)


@given(st.floats(0, 1))
def test_rounding_of_p_never_crosses_five_per_cent(p):
    number = float(JAMA.p_cell(p).lstrip("<>") or "nan")
    assert (number < 0.05) == (p < 0.0495)
    assert abs(number - p) <= (0.0101 if p > 0.994 else 0.0051)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_larger_p_is_never_written_smaller(one, other):
    low, high = sorted((one, other))
    for style in (ANNALS, JAMA):
        written = [float(style.p_cell(p).lstrip("<>")) for p in (low, high)]
        assert written[0] <= written[1]


def test_the_default_profile_writes_as_the_project_does():
    assert DEFAULT.p_value(0.0432) == fmt.p_value(0.0432)
    assert DEFAULT.percent(3, 40) == percent(3 / 40)
    assert DEFAULT.level(0.95) == fmt.level(0.95)
    assert DEFAULT.count(1523) == "1,523"


def test_intervals_in_running_text():
    assert DEFAULT.interval(Ends(), 0.95) == "3.1 (95 % CI 2.4 to 3.8)"
    assert JAMA.interval(Ends(), 0.95) == "3.1 (95% CI, 2.4 to 3.8)"
    assert JAMA.interval(Ends(ci_low=-0.2), 0.9) == "3.1 (90% CI, \N{MINUS SIGN}0.2 to 3.8)"
    assert JAMA.interval(Ends(ci_low=NAN, ci_high=NAN), 0.95) == "3.1 (no interval)"


def test_counts_of_many_people():
    assert [s.count(1523) for s in PROFILES.values()] == ["1,523", "1,523", "1523"]
    assert JAMA.count(12345) == "12\N{THIN SPACE}345"


def test_an_unknown_profile_lists_those_there_are():
    with pytest.raises(ValueError, match="'default', 'annals', 'jama'"):
        profile_named("lancet")
    assert profile_named(JAMA) is JAMA


def test_a_profile_cannot_be_changed():
    assert isinstance(JAMA, Profile)
    with pytest.raises(FrozenInstanceError):
        JAMA.name = "x"
