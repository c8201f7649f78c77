"""A random generator that the tests hand over: draws on both sides are one sequence, and thousands of them cost little."""
# ruff: noqa

import random


class Dice:
    def __init__(self, sides=6, rng=None):
        self.sides, self.rng = sides, rng if rng is not None else random.Random()

    def roll(self):
        return self.rng.randint(1, self.sides)

    def rolls(self, count):
        return [self.roll() for _ in range(count)]


def estimate_pi(points, rng):
    inside = sum(rng.random() ** 2 + rng.random() ** 2 <= 1 for _ in range(points))
    return 4 * inside / points


def shuffled(items, rng):
    items = list(items)
    for last in range(len(items) - 1, 0, -1):
        other = rng.randrange(last + 1)
        items[last], items[other] = items[other], items[last]
    return items


def reservoir(stream, size, rng):
    kept = []
    for seen, item in enumerate(stream):
        if len(kept) < size:
            kept.append(item)
        elif (place := rng.randint(0, seen)) < size:
            kept[place] = item
    return kept


def noise(count, rng):
    return [rng.gauss(0, 1) for _ in range(count)]


def is_generator(rng):
    return isinstance(rng, random.Random)


# ---- hidden tests ----

import random
import statistics

import pytest
from solution import Dice, estimate_pi, is_generator, noise, reservoir, shuffled


class Loaded(random.Random):
    """Always the same draw."""

    def random(self):
        return 0.25

    def randint(self, low, high):
        return high


@pytest.fixture
def rng():
    return random.Random(42)


def test_a_seed_repeats_the_rolls():
    assert Dice(rng=random.Random(7)).rolls(20) == Dice(rng=random.Random(7)).rolls(20)
    assert Dice(rng=random.Random(7)).rolls(20) != Dice(rng=random.Random(8)).rolls(20)


def test_rolls_are_those_of_the_generator(rng):
    expected = random.Random(42)
    assert Dice(20, rng).rolls(50) == [expected.randint(1, 20) for _ in range(50)]


def test_both_sides_draw_from_one_sequence(rng):
    expected = random.Random(42)
    dice = Dice(6, rng)
    for _ in range(5):
        assert dice.roll() == expected.randint(1, 6)
        assert rng.random() == expected.random()
    assert rng.getstate() == expected.getstate()


def test_two_dice_share_a_generator(rng):
    expected = random.Random(42)
    one, other = Dice(6, rng), Dice(6, rng)
    assert one.rng is other.rng is rng
    assert [one.roll(), other.roll(), one.roll()] == [expected.randint(1, 6) for _ in range(3)]


def test_a_state_that_the_test_puts_back_is_used(rng):
    dice = Dice(100, rng)
    state = rng.getstate()
    first = dice.rolls(10)
    rng.setstate(state)
    assert dice.rolls(10) == first
    rng.seed(3)
    assert dice.roll() == random.Random(3).randint(1, 100)


def test_many_draws(rng):
    assert estimate_pi(40_000, rng) == pytest.approx(3.14159, abs=0.05)


def test_half_of_a_pair_of_gaussians_is_kept(rng):
    expected = random.Random(42)
    assert noise(3, rng) == [expected.gauss(0, 1) for _ in range(3)]
    assert rng.gauss(0, 1) == expected.gauss(0, 1)
    assert abs(statistics.fmean(noise(2_000, rng))) < 0.1


def test_shuffling_keeps_all_and_the_original(rng):
    items = list(range(30))
    assert sorted(shuffled(items, rng)) == items == list(range(30))
    assert shuffled(items, random.Random(1)) == shuffled(items, random.Random(1))


def test_a_reservoir_is_filled_and_drawn_evenly():
    counts = [0] * 10
    for seed in range(400):
        for item in reservoir(range(10), 3, random.Random(seed)):
            counts[item] += 1
    assert sum(counts) == 1200
    assert all(70 < count < 170 for count in counts)


def test_a_generator_that_a_test_has_loaded_is_asked():
    assert Dice(6, Loaded()).rolls(3) == [6, 6, 6]
    rng = random.Random(1)
    rng.randint = lambda low, high: low
    assert Dice(6, rng).rolls(3) == [1, 1, 1]


def test_it_is_a_generator_there_too(rng):
    assert is_generator(rng)
    assert not is_generator(0.5)


def test_without_one_the_dice_have_their_own():
    dice = Dice()
    assert isinstance(dice.rng, random.Random)
    assert dice.rng is dice.rng
    dice.rng.seed(5)
    assert dice.roll() == random.Random(5).randint(1, 6)
