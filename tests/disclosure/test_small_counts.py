"""Counts withheld from a line leave open what each of them is, by trying out all that it can be."""

from itertools import combinations_with_replacement, product

import numpy as np
import pytest

from mnstudy.disclosure.small_counts import THRESHOLD, hides_enough

SMALL = range(1, THRESHOLD)
LARGE = range(THRESHOLD, 3 * THRESHOLD)
LINES = [
    line
    for length in (1, 2, 3)
    for line in combinations_with_replacement(range(1, 2 * THRESHOLD), length)
]


def readings(line):
    """Return what a reader who knows the sum of a line, and which cells are small, can make of it.

    Small cells stand as one to four, the others as five or more.
    """
    ranges = [SMALL if n in SMALL else LARGE for n in line]
    return [some for some in product(*ranges) if sum(some) == sum(line)]


def test_a_line_is_hidden_where_every_small_count_can_be_one_thing_or_another():
    for line in LINES:
        possible = readings(line)
        open_ = all(len({r[i] for r in possible}) > 1 for i, n in enumerate(line) if n in SMALL)
        expected = open_ and len(line) > 1 and sum(line) >= THRESHOLD
        assert hides_enough(np.array(line)) == expected, line


@pytest.mark.parametrize(
    ("line", "enough"),
    [((4, 4), False), ((1, 5), False), ((1, 6), True), ((4, 1), True), ((7, 8), True)],
)
def test_two_counts_that_their_sum_gives_away_do_not_hide_each_other(line, enough):
    assert hides_enough(np.array(line)) is enough
