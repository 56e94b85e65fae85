"""A set of external ids that stays small: a million numbers that follow one another take a megabyte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_BITS = 10
_BLOCK = 1 << _BITS  # numbers of a block


class IdSet:
    """Ids of records. Numbers are bits of blocks of 1,024; all other ids are kept as texts."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._blocks: dict[int, int] = {}
        self._texts: set[str] = set()
        self.update(ids)

    def update(self, ids: Iterable[str]) -> None:
        """Add some ids."""
        blocks = self._blocks
        for one in ids:
            if _is_number(one):
                number = int(one)
                place = number >> _BITS
                blocks[place] = blocks.get(place, 0) | 1 << (number & _BLOCK - 1)
            else:
                self._texts.add(one)

    def __contains__(self, one: str) -> bool:
        if not _is_number(one):
            return one in self._texts
        return bool(self._blocks.get(int(one) >> _BITS, 0) >> (int(one) & _BLOCK - 1) & 1)

    def __len__(self) -> int:
        return sum(bits.bit_count() for bits in self._blocks.values()) + len(self._texts)

    def __iter__(self) -> Iterator[str]:
        """By length, then as texts: the order of lists."""
        texts = iter(sorted(self._texts, key=_order))
        waiting = next(texts, None)
        for number in self._numbers():
            while waiting is not None and _order(waiting) < _order(number):
                yield waiting
                waiting = next(texts, None)
            yield number
        if waiting is not None:
            yield waiting
            yield from texts

    def __sub__(self, other: IdSet) -> IdSet:
        """The ids that the other does not have."""
        rest = IdSet()
        for place, bits in self._blocks.items():
            if left := bits & ~other._blocks.get(place, 0):
                rest._blocks[place] = left
        rest._texts = self._texts - other._texts
        return rest

    def _numbers(self) -> Iterator[str]:
        for place in sorted(self._blocks):
            bits = self._blocks[place]
            while bits:
                lowest = bits & -bits
                yield str((place << _BITS) + lowest.bit_length() - 1)
                bits ^= lowest


def _is_number(one: str) -> bool:
    """Is it a number as it is written, so that it comes back as the same text?"""
    return one.isascii() and one.isdigit() and (one[0] != "0" or one == "0")


def _order(one: str) -> tuple[int, str]:
    return len(one), one
