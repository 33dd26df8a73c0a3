"""Totals never tell of fewer than five whom the reader may not see, nor do their differences."""

from __future__ import annotations

from hypothesis import given, strategies as st

from customers.totals.domain import SMALLEST, DisclosedCount, GroupCount, disclose, rank_disclosed


def test_what_one_sees_is_counted_one_by_one() -> None:
    assert disclose(GroupCount("a", 3, 3)) == DisclosedCount("a", 3, exact=True)


def test_others_are_counted_in_fives() -> None:
    assert disclose(GroupCount("a", 3, 7)) == DisclosedCount("a", 3, exact=False)
    assert disclose(GroupCount("a", 3, 8)) == DisclosedCount("a", 8, exact=False)
    assert disclose(GroupCount("a", 0, 14)) == DisclosedCount("a", 10, exact=False)


def test_a_group_of_which_nothing_may_be_told_is_not_mentioned() -> None:
    groups = [GroupCount("small", 0, 4), GroupCount("large", 0, 6), GroupCount(None, 1, 1)]

    assert rank_disclosed(groups, 1) == ([DisclosedCount("large", 5, exact=False)], 1)
    assert [one.key for one in rank_disclosed(groups, 9)[0]] == ["large", None]


sizes = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


@given(sizes)
def test_no_total_and_no_difference_tells_of_fewer_than_five(groups: list[tuple[int, int]]) -> None:
    """The reader can take away all that they see themselves; what is left is a multiple of five."""
    counted = [GroupCount(str(n), seen, seen + unseen) for n, (seen, unseen) in enumerate(groups)]
    whole = GroupCount(None, sum(g.seen for g in counted), sum(g.all for g in counted))

    hidden = [disclose(group).count - group.seen for group in counted]
    rest = disclose(whole).count - whole.seen - sum(hidden)

    assert all(number % SMALLEST == 0 for number in (*hidden, rest))
    assert rest >= 0
