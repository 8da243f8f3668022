"""What is told of groups: never of fewer than five people, however it is subtracted."""

from hypothesis import given
from hypothesis import strategies as st

from domain.cohort_groups import FEWEST, Group, Tally, told


def group(key: str, people: int, known: int) -> Group:
    return Group(key, people, (Tally(known, (known * 50,)),))


def test_a_small_group_takes_the_smallest_shown_one_with_it() -> None:
    groups, total = told([group("a", 30, 30), group("b", 3, 3), group("c", 9, 9)])
    assert [each.people for each in groups] == [30, None, None]
    assert [each.tallies[0] is None for each in groups] == [False, True, True]
    assert (total.people, total.tallies[0]) == (42, Tally(42, (2100,)))


def test_alone_a_small_group_hides_the_total() -> None:
    groups, total = told([group("a", 4, 4)])
    assert (groups[0].people, total.people, total.tallies) == (None, None, (None,))


def test_a_measure_that_few_have_is_hidden_in_a_group_that_is_shown() -> None:
    groups, total = told([group("a", 30, 20), group("b", 10, 3), group("c", 10, 8)])
    assert [each.people for each in groups] == [30, 10, 10]
    assert [each.tallies[0] and each.tallies[0].known for each in groups] == [20, None, None]
    assert total.tallies[0] == Tally(31, (1550,))


def test_nobody_is_nothing_to_hide() -> None:
    assert told([])[1].people == 0
    groups, total = told([group("a", 6, 0)])
    assert (groups[0].people, groups[0].tallies, total.people) == (6, (Tally(0, (0,)),), 6)


counts = st.integers(1, 12).flatmap(lambda people: st.tuples(st.just(people), st.integers(0, people)))


@given(st.lists(counts, max_size=8))
def test_what_is_left_after_subtraction_is_of_five_in_two_groups(found: list[tuple[int, int]]) -> None:
    counted = [group(str(n), people, known) for n, (people, known) in enumerate(found)]
    shown, total = told(counted)
    hidden = [each.people or 0 for each, as_told in zip(counted, shown, strict=True) if as_told.people is None]
    assert all(each.people is None or each.people >= FEWEST for each in shown)
    if total.people is not None and hidden:
        assert sum(hidden) >= FEWEST
        assert len(hidden) > 1
    known = [each.tallies[0].known for each in counted if each.tallies[0] is not None]
    left = [known[n] for n, each in enumerate(shown) if each.tallies[0] is None]
    for each in shown:
        assert each.tallies[0] is None or each.people is not None
        assert each.tallies[0] is None or each.tallies[0].known == 0 or each.tallies[0].known >= FEWEST
    if total.tallies and total.tallies[0] is not None and left:
        assert sum(left) >= FEWEST
        assert sum(1 for each in left if each) > 1
