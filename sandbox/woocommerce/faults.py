"""Faults of a WordPress host in addition to the common ones."""

from typing import ClassVar

from sandbox import faults


class Faults(faults.Faults):
    kinds: ClassVar[tuple[str, ...]] = (*faults.Faults.kinds, "php_notice", "bom", "no_totals", "no_keepalive")

    def clear(self) -> None:
        with self._lock:
            self.ignores_offset = False
            self.page_cap: int | None = None
            self.plain = False
            super().clear()

    def ignore_offset(self, on: bool = True) -> None:
        self.ignores_offset = on

    def per_page_cap(self, cap: int | None) -> None:
        self.page_cap = cap

    def plain_permalinks(self, on: bool = True) -> None:
        self.plain = on
