"""A data loader whose batches run one query under the scope of the request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy.orm import Session
from strawberry.dataloader import DataLoader

from chassis.api.context import Context
from chassis.policy.scope import Scope

K = TypeVar("K")
V = TypeVar("V")


def scoped_loader(
    context: Context, object: str, query: Callable[[Session, Scope, Sequence[K]], list[V]]
) -> DataLoader[K, V]:
    """Return a loader that reads batches of keys with the right to read `object`.

    The scope is taken per batch, so that an unused loader asks the policy nothing; loading raises
    `Denied` where the right is missing.
    """

    async def load(keys: list[K]) -> list[V]:
        return await context.read(query, context.scope(object), keys)

    return DataLoader(load)
