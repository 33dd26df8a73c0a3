"""Data loaders that read rows through a scope, one query per batch of keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy.orm import Session
from strawberry.dataloader import DataLoader

from activities.core.domain.ids import CustomerId
from chassis.api.context import Context
from chassis.policy.scope import Scope


class CustomerKey(Protocol):
    """A frozen dataclass: one customer, and the arguments of the field that reads for it."""

    @property
    def customer(self) -> CustomerId | None:
        """Return the customer, or `None` in a key that stands for the arguments alone."""


K = TypeVar("K")
V = TypeVar("V")
C = TypeVar("C", bound=CustomerKey)


def scoped_loader(
    context: Context,
    object: str,
    query: Callable[[Session, Scope, Sequence[K]], list[V]],
) -> DataLoader[K, V]:
    """Return a loader that reads a batch of keys under the caller's read scope for `object`."""

    async def load(keys: list[K]) -> list[V]:
        return await context.read(query, context.scope(object), keys)

    return DataLoader(load)


async def load_by_arguments(
    keys: Sequence[C], load: Callable[[C, Sequence[CustomerId]], Awaitable[list[V]]]
) -> list[V]:
    """Read keys that differ in their customer only with one query, in the order of the keys.

    Aliased fields with other arguments are a query each.
    """
    batches: dict[C, list[CustomerId]] = {}
    for key in keys:
        batches.setdefault(_without_customer(key), []).append(cast(CustomerId, key.customer))
    values: dict[tuple[C, CustomerId], V] = {}
    for arguments, ids in batches.items():
        for id, value in zip(ids, await load(arguments, ids), strict=True):
            values[arguments, id] = value
    return [values[_without_customer(key), cast(CustomerId, key.customer)] for key in keys]


def _without_customer(key: C) -> C:
    return cast(C, replace(cast(Any, key), customer=None))
