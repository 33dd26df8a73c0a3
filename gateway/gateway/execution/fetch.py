"""One fetch of a plan, compiled: builds the body, sends it, merges the response, relays errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
from graphql import FieldNode, OperationDefinitionNode, SelectionNode, parse

from gateway.errors import SubgraphFailed
from gateway.execution.completion import ClientPaths, holds
from gateway.execution.faults import MOST_FAULTS, ClientPath, Faults, bad_answer
from gateway.execution.representations import EntityBatch, EntityGroup
from gateway.execution.transport import Answer, Request, Send
from gateway.execution.tree import Object, Place, deep_copy, merge, places
from gateway.plan import Fetch


@dataclass(slots=True)
class Run:
    """The state of one execution."""

    tree: Object
    variables: Mapping[str, Any]
    send: Send
    faults: Faults
    paths: ClientPaths


class CompiledFetch:
    """A fetch with all work done that does not depend on the request."""

    def __init__(self, fetch: Fetch, *, generated: bool = False) -> None:
        self.fetch = fetch
        self.groups = [EntityGroup(entities, generated=generated) for entities in fetch.entities]
        # Not bound to this object: it would hold itself, and be freed by the collector only.
        self._run: Callable[[CompiledFetch, Run], Awaitable[None]] = (
            CompiledFetch._run_root
            if not self.groups
            else CompiledFetch._run_by_values
            if any(group.has_contextual_values for group in self.groups)
            else CompiledFetch._run_entities
        )
        head = orjson.dumps({"query": fetch.document, "operationName": fetch.operation_name})
        self.head = head[:-1]

    async def run(self, run: Run) -> None:
        """Fetch; every failure becomes a fault, never an exception."""
        try:
            await self._run(self, run)
        except RecursionError:  # JSON of a custom scalar, nested hundreds of levels deep
            run.faults.fail(bad_answer(self.fetch.subgraph), None)

    # ------------------------------------------------------------------------------ at the root

    async def _run_root(self, run: Run) -> None:
        homes: list[tuple[Place, Object]] = [((), run.tree)]
        if self.fetch.mount and not (homes := places(self.fetch.mount, run.tree)):
            return
        try:
            answer = await run.send(Request(self.fetch, self._body(run, ())))
        except SubgraphFailed as failure:
            for key in self._root_keys:
                paths = [run.paths.path((*home, key)) for home, _ in homes]
                run.faults.fail(failure, paths[0])
                run.faults.cover(paths)
            return
        data = answer.get("data")
        if data:
            for number, (_, home) in enumerate(homes):
                merge(home, data if number == len(homes) - 1 else deep_copy(data))
        for error in (answer.get("errors") or ())[:MOST_FAULTS]:
            place = _place(error)
            ends = [place] if place else [(key,) for key in self._root_keys]
            paths = [run.paths.path((*home, *end)) for home, _ in homes for end in ends]
            run.faults.relay(self.fetch.subgraph, error, paths[0])
            run.faults.cover(paths)

    @cached_property
    def _root_keys(self) -> list[str]:
        """List the response keys at the document's root; parsed only for faults."""
        (operation,) = (
            item
            for item in parse(self.fetch.document).definitions
            if isinstance(item, OperationDefinitionNode)
        )
        return list(dict.fromkeys(_keys(operation.selection_set.selections)))

    # ---------------------------------------------------------------------------- with entities

    async def _run_entities(self, run: Run) -> None:
        batches = [
            group.collect(run.tree) if holds(group.guard, run.variables) else EntityBatch([], [])
            for group in self.groups
        ]
        await self._send(run, batches)

    async def _run_by_values(self, run: Run) -> None:
        """Fetch objects with different contextual values in different requests, all at once."""
        batches_by_values: dict[bytes, list[EntityBatch]] = {}
        for number, group in enumerate(self.groups):
            if holds(group.guard, run.variables):
                for values, batch in group.collect_by_values(run.tree).items():
                    batches = batches_by_values.setdefault(
                        values, [EntityBatch([], []) for _ in self.groups]
                    )
                    batches[number] = batch
        await asyncio.gather(
            *(
                self._send(run, batches, values[1:-1])
                for values, batches in batches_by_values.items()
            )
        )

    async def _send(self, run: Run, batches: list[EntityBatch], values: bytes = b"") -> None:
        count = sum(len(batch.representations) for batch in batches)
        if not count:
            return
        try:
            answer = await run.send(Request(self.fetch, self._body(run, batches, values), count))
        except SubgraphFailed as failure:
            self._fail_all(run, batches, failure)
            return
        self._relay(run, batches, answer)
        data = answer.get("data") or {}
        for group, batch in zip(self.groups, batches, strict=True):
            if batch.representations:
                self._merge(run, group, batch, data.get(group.alias))

    def _merge(self, run: Run, group: EntityGroup, batch: EntityBatch, entities: Any) -> None:
        if entities is None:
            return
        if type(entities) is not list or len(entities) != len(batch.waiting):
            self._fail(run, group, batch, bad_answer(self.fetch.subgraph))
            return
        for entity, waiting in zip(entities, batch.waiting, strict=True):
            if type(entity) is dict:
                _distribute(entity, waiting, apart=self.fetch.apart)

    def _relay(self, run: Run, batches: list[EntityBatch], answer: Answer) -> None:
        errors = answer.get("errors")
        if not errors:
            return
        # Before the response is merged: then the tree might no longer lead to the same objects.
        by_alias = {
            group.alias: (batch, group.places(run.tree))
            for group, batch in zip(self.groups, batches, strict=True)
        }
        everywhere: list[ClientPath] | None = None
        for error in errors[:MOST_FAULTS]:
            match _place(error):
                case (str() as alias, int() as index, *rest) if (
                    alias in by_alias and 0 <= index < len(by_alias[alias][0].waiting)
                ):
                    batch, places = by_alias[alias]
                    for place in _places(batch.waiting[index], places):
                        path = run.paths.path((*place, *rest))
                        run.faults.relay(self.fetch.subgraph, error, path)
                case _:
                    if everywhere is None:
                        everywhere = [
                            run.paths.path(place)
                            for batch, places in by_alias.values()
                            for place in _all_places(batch, places)
                        ]
                        run.faults.cover(everywhere)
                    first = everywhere[0] if everywhere else None
                    run.faults.relay(self.fetch.subgraph, error, first)

    def _fail_all(self, run: Run, batches: list[EntityBatch], failure: SubgraphFailed) -> None:
        for group, batch in zip(self.groups, batches, strict=True):
            self._fail(run, group, batch, failure)

    def _fail(
        self, run: Run, group: EntityGroup, batch: EntityBatch, failure: SubgraphFailed
    ) -> None:
        """Report one fault, at the first object without entity; the others count as explained."""
        paths = [run.paths.path(place) for place in _all_places(batch, group.places(run.tree))]
        if paths:
            run.faults.fail(failure, paths[0])
            run.faults.cover(paths)

    # ------------------------------------------------------------------------------------ bytes

    def _body(self, run: Run, batches: Iterable[EntityBatch], values: bytes = b"") -> bytes:
        parts = [values] if values else []
        variables = {
            name: run.variables[name] for name in self.fetch.variables if name in run.variables
        }
        if variables:
            parts.append(orjson.dumps(variables)[1:-1])
        for group, batch in zip(self.groups, batches, strict=True):
            parts.append(b'"%b":[%b]' % (group.variable.encode(), b",".join(batch.representations)))
        if not parts:
            return self.head + b"}"
        return b'%b,"variables":{%b}}' % (self.head, b",".join(parts))


def _distribute(
    entity: Object, waiting: list[tuple[int, list[Object]]], *, apart: bool = False
) -> None:
    """Merge one entity into all objects that wait for it.

    Objects of one target have the same selection and may share what is below them; another target
    may merge something else there, so it gets a copy of its own; all do when `apart`.
    """
    first = waiting[0][0]
    for number, items in waiting:
        new = entity if number == first or apart else deep_copy(entity)
        for item in items:
            if apart:
                merge(item, deep_copy(entity))
            elif item.keys().isdisjoint(new):
                item.update(new)
            else:
                merge(item, new)


def _place(error: Any) -> Place:
    path = error.get("path") if isinstance(error, dict) else None
    if not isinstance(path, list):
        return ()
    return tuple(step for step in path if isinstance(step, str | int))


def _places(waiting: list[tuple[int, list[Object]]], places: dict[int, list[Place]]) -> list[Place]:
    items = (item for _, objects in waiting for item in objects)
    return list(dict.fromkeys(place for item in items for place in places.get(id(item), ())))


def _all_places(batch: EntityBatch, places: dict[int, list[Place]]) -> list[Place]:
    return [place for waiting in batch.waiting for place in _places(waiting, places)]


def _keys(selections: Iterable[SelectionNode]) -> Iterable[str]:
    for item in selections:
        if isinstance(item, FieldNode):
            yield (item.alias or item.name).value
        else:
            inner = getattr(item, "selection_set", None)
            yield from _keys(inner.selections if inner else ())
