"""Categories of products: a tree."""

from typing import Annotated, Any

from sync_pipeline.entities.base import Entity, Ref
from sync_pipeline.entities.core import CoreTable, To


class Category(Entity, frozen=True, kw_only=True):
    """A node of the category tree."""

    name: str
    slug: str | None = None
    description: str | None = None
    parent: Annotated[Ref | None, To("core.categories")] = None
    image: dict[str, Any] | None = None
    position: int | None = None
    active: bool = True


TABLE = CoreTable("core.categories", Category, holds="the category tree, with parents", kinds=("category",))
