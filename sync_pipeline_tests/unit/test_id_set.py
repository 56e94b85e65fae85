"""The set of ids that reconciling compares: as a set of texts, and small."""

from __future__ import annotations

import random
import tracemalloc

from sync_pipeline.steps.capture.id_set import IdSet


def test_it_is_a_set_of_texts() -> None:
    chance = random.Random(3)
    odd = ["", "0", "00", "007", "-1", "+1", "1_0", " 1", "٣", "a", "x/y", "zero-rate", str(2**70), "é"]

    def some() -> set[str]:
        return set(chance.sample(odd, 6)) | {str(chance.randrange(5000)) for _ in range(700)}

    for _ in range(30):
        one, other = some(), some()
        found, against = IdSet(one), IdSet(other)
        found.update(one)
        assert len(found) == len(one)
        assert list(found) == sorted(one, key=lambda i: (len(i), i))
        assert list(found - against) == sorted(one - other, key=lambda i: (len(i), i))
        assert all((i in found) == (i in one) for i in [*odd, *map(str, range(5000))])


def test_many_numbers_take_little() -> None:
    tracemalloc.start()
    found = IdSet(map(str, range(10**6, 10**6 + 50_000)))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(found) == 50_000
    assert held < 200_000
