"""Faults of an Odoo host in addition to the common ones."""

from typing import ClassVar

from sandbox import faults


class Faults(faults.Faults):
    """A kind is a model (`poison("res.partner", 7)`), a path the address (`/json/2/res.partner`)."""

    kinds: ClassVar[tuple[str, ...]] = (*faults.Faults.kinds, "500", "502", "504", "serialization")
