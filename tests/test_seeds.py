"""Tests of seeds: published values of splitmix64, distribution of bits, reproducibility, and threads."""

import itertools
import subprocess
import sys
import threading

import pytest

from seqfuse import _seeds


def test_sequence_is_splitmix64():
    generator = _seeds.SeedGenerator(0)
    generator.state = 1234567  # published values, as in rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64
    assert [generator.next() for _ in range(5)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_seeds_are_spread_over_every_bit():
    # Consecutive seeds are the worst case. The bound is 5 standard deviations of the count of a fair coin.
    drawn = [_seeds.SeedGenerator(n).next() for n in range(10_000)]
    counts = [sum(seed >> bit & 1 for seed in drawn) for bit in range(64)]
    assert all(abs(count - 5_000) < 5 * 50 for count in counts)
    flipped = [(a ^ b).bit_count() for a, b in itertools.pairwise(drawn)]
    assert abs(sum(flipped) / len(flipped) - 32) < 5 * 4 / 100


def test_sequences_of_consecutive_seeds_are_disjoint():
    generators = [_seeds.SeedGenerator(seed) for seed in [*range(100), 2**64 - 1]]
    drawn = [generator.next() for generator in generators for _ in range(500)]
    assert len(set(drawn)) == len(drawn)


def test_sequence_depends_only_on_the_seed():
    first, second = _seeds.SeedGenerator(7), _seeds.SeedGenerator(7)
    assert [first.next() for _ in range(3)] == [second.next() for _ in range(3)]
    assert _seeds.SeedGenerator(8).next() != _seeds.SeedGenerator(7).next()


def test_set_seed_decides_fresh_seeds_and_generators_without_one():
    def drawn():
        return [_seeds.next_seed(), _seeds.SeedGenerator().next(), _seeds.next_seed()]

    _seeds.set_seed(5)
    first = drawn()
    assert len({*first, *drawn()}) == 6
    _seeds.set_seed(5)
    assert drawn() == first
    _seeds.set_seed(6)
    assert not set(drawn()) & set(first)


def test_a_seeded_generator_does_not_use_the_seeds_of_the_process():
    _seeds.set_seed(5)
    wanted = [_seeds.next_seed(), _seeds.next_seed()]
    _seeds.set_seed(5)
    assert _seeds.next_seed() == wanted[0]
    _seeds.SeedGenerator(1).next()
    assert _seeds.next_seed() == wanted[1]


def test_two_processes_start_at_different_seeds():
    code = "from seqfuse import _seeds; print(_seeds.next_seed())"
    run = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(2)]
    assert run[0].stdout != run[1].stdout


def test_threads_never_get_the_same_seed_race():
    generator, alone, drawn = _seeds.SeedGenerator(1), _seeds.SeedGenerator(1), []
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda: drawn.extend([generator.next() for _ in range(2_000)])) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert sorted(drawn) == sorted(alone.next() for _ in range(8_000))


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: _seeds.SeedGenerator(-1), ValueError, r"SeedGenerator: seed must be in \[0, 2\*\*64\); got -1"),
        (lambda: _seeds.SeedGenerator(2**64, function="Dropout"), ValueError, "Dropout: seed must be in"),
        (lambda: _seeds.SeedGenerator(1.0), TypeError, "seed must be an integer; got 1.0"),
        (lambda: _seeds.SeedGenerator(True), TypeError, "seed must be an integer; got True"),
        (lambda: _seeds.set_seed(None), TypeError, "set_random_seed: seed must be an integer; got None"),
    ],
)
def test_invalid_seeds_are_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()
