"""Values that need one another come to the same, whichever of them is asked for first."""

from __future__ import annotations

import random

import pytest

from mypy_asyncsession.semantic.fixpoint import Fixpoints


def reached_from(calls: dict[int, list[int]], order: list[int]) -> dict[int, frozenset[int]]:
    """Which numbers each number leads to, itself among them, asked for in an order."""
    known: Fixpoints[frozenset[int]] = Fixpoints(frozenset(), depth=100)

    def of(number: int) -> frozenset[int]:
        found = known.of(number, lambda: frozenset({number}).union(*map(of, calls[number])))
        assert found is not None
        return found

    return {number: of(number) for number in order}


@pytest.mark.parametrize("seed", range(40))
def test_cycles_do_not_depend_on_the_order(seed: int) -> None:
    chance = random.Random(seed)
    numbers = list(range(9))
    calls = {each: chance.sample(numbers, chance.randint(0, 3)) for each in numbers}
    expected = {}
    for each in numbers:
        seen, waiting = {each}, [each]
        while waiting:
            new = set(calls[waiting.pop()]) - seen
            seen |= new
            waiting += new
        expected[each] = frozenset(seen)
    for _ in range(5):
        order = chance.sample(numbers, len(numbers))
        assert reached_from(calls, order) == expected


def test_a_value_is_computed_once() -> None:
    known: Fixpoints[int] = Fixpoints(0, depth=10)
    asked: list[str] = []

    def one() -> int:
        asked.append("one")
        return 1

    assert [known.of("one", one) for _ in range(3)] == [1, 1, 1]
    assert asked == ["one"]


def test_what_never_settles_comes_to_an_end() -> None:
    known: Fixpoints[int] = Fixpoints(0, depth=10)

    def grows() -> int:
        return (known.of("grows", grows) or 0) + 1

    assert known.of("grows", grows) == 16


def test_what_is_too_deep_is_not_known() -> None:
    known: Fixpoints[int] = Fixpoints(0, depth=3)

    def below(number: int) -> int:
        return (known.of(number + 1, lambda: below(number + 1)) or 0) + 1

    assert known.of(0, lambda: below(0)) == 3


def test_a_failure_leaves_nothing_behind() -> None:
    known: Fixpoints[int] = Fixpoints(0, depth=10)

    def fails() -> int:
        raise ValueError("once")

    with pytest.raises(ValueError, match="once"):
        known.of("one", fails)
    assert known.of("one", lambda: 1) == 1


@pytest.mark.parametrize("order", [[1, 2, 3, 4], [4, 3, 2, 1], [3, 1, 4, 2], [2, 4, 3, 1]])
def test_what_is_cut_off_does_not_depend_on_the_order(order: list[int]) -> None:
    known: Fixpoints[int] = Fixpoints(0, depth=3)

    def of(number: int) -> int | None:
        return known.of(number, lambda: compute(number))

    def compute(number: int) -> int:
        inner = of(number - 1) if number > 1 else 0
        return -1 if inner is None or inner < 0 else inner + number

    # Where there is more room, it is computed again; what takes too much is not known by parts.
    assert {number: of(number) for number in order} == {1: 1, 2: 3, 3: 6, 4: -1}
