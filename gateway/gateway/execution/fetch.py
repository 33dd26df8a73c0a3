"""One fetch of a plan, compiled: builds its body, sends it, merges the answer and relays its errors."""

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
from gateway.execution.faults import MOST_FAULTS, ClientPath, Faults, nonsense
from gateway.execution.representations import Asked, Group
from gateway.execution.transport import Answer, Request, Send
from gateway.execution.tree import Object, Place, copied, merge, places
from gateway.plan import Fetch


@dataclass(slots=True)
class Run:
    """One execution under way."""

    tree: Object
    variables: Mapping[str, Any]
    send: Send
    faults: Faults
    paths: ClientPaths


class CompiledFetch:
    """A fetch with everything done that does not depend on the request."""

    def __init__(self, fetch: Fetch, *, written: bool = False) -> None:
        self.fetch = fetch
        self.groups = [Group(entities, written=written) for entities in fetch.entities]
        # Not bound to this object: it would hold itself, and be freed by the collector only.
        self._way: Callable[[CompiledFetch, Run], Awaitable[None]] = (
            CompiledFetch._run_root
            if not self.groups
            else CompiledFetch._run_given
            if any(group.is_given for group in self.groups)
            else CompiledFetch._run_entities
        )
        head = orjson.dumps({"query": fetch.document, "operationName": fetch.operation_name})
        self.head = head[:-1]

    async def run(self, run: Run) -> None:
        """Fetch; whatever goes wrong becomes a fault, never an exception."""
        try:
            await self._way(self, run)
        except RecursionError:  # JSON of a custom scalar, nested hundreds of levels deep
            run.faults.fail(nonsense(self.fetch.subgraph), None)

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
                merge(home, data if number == len(homes) - 1 else copied(data))
        for error in (answer.get("errors") or ())[:MOST_FAULTS]:
            asked = [place] if (place := _place(error)) else [(key,) for key in self._root_keys]
            paths = [run.paths.path((*home, *each)) for home, _ in homes for each in asked]
            run.faults.relay(self.fetch.subgraph, error, paths[0])
            run.faults.cover(paths)

    @cached_property
    def _root_keys(self) -> list[str]:
        """The response keys at the document's root; parsed only when something went wrong."""
        (operation,) = (
            item
            for item in parse(self.fetch.document).definitions
            if isinstance(item, OperationDefinitionNode)
        )
        return list(dict.fromkeys(_keys(operation.selection_set.selections)))

    # ---------------------------------------------------------------------------- with entities

    async def _run_entities(self, run: Run) -> None:
        asked = [
            group.ask(run.tree) if holds(group.guard, run.variables) else Asked([], [])
            for group in self.groups
        ]
        await self._ask(run, asked)

    async def _run_given(self, run: Run) -> None:
        """Objects with different values from above are asked in different requests, all at once."""
        asked: dict[bytes, list[Asked]] = {}
        for number, group in enumerate(self.groups):
            if holds(group.guard, run.variables):
                for given, each in group.ask_by_given(run.tree).items():
                    all_asked = asked.setdefault(given, [Asked([], []) for _ in self.groups])
                    all_asked[number] = each
        await asyncio.gather(*(self._ask(run, each, given[1:-1]) for given, each in asked.items()))

    async def _ask(self, run: Run, asked: list[Asked], given: bytes = b"") -> None:
        count = sum(len(each.representations) for each in asked)
        if not count:
            return
        try:
            answer = await run.send(Request(self.fetch, self._body(run, asked, given), count))
        except SubgraphFailed as failure:
            self._fail_all(run, asked, failure)
            return
        self._relay(run, asked, answer)
        data = answer.get("data") or {}
        for group, each in zip(self.groups, asked, strict=True):
            if each.representations:
                self._merge(run, group, each, data.get(group.alias))

    def _merge(self, run: Run, group: Group, asked: Asked, entities: Any) -> None:
        if entities is None:
            return
        if type(entities) is not list or len(entities) != len(asked.waiting):
            self._fail(run, group, asked, nonsense(self.fetch.subgraph))
            return
        for entity, waiting in zip(entities, asked.waiting, strict=True):
            if type(entity) is dict:
                _hand_out(entity, waiting, apart=self.fetch.apart)

    def _relay(self, run: Run, asked: list[Asked], answer: Answer) -> None:
        errors = answer.get("errors")
        if not errors:
            return
        # Before the answer is merged: afterwards the tree might no longer lead to the same objects.
        by_alias = {
            group.alias: (each, group.places(run.tree))
            for group, each in zip(self.groups, asked, strict=True)
        }
        everywhere: list[ClientPath] | None = None
        for error in errors[:MOST_FAULTS]:
            match _place(error):
                case (str() as alias, int() as index, *rest) if (
                    alias in by_alias and 0 <= index < len(by_alias[alias][0].waiting)
                ):
                    each, places = by_alias[alias]
                    for place in _places(each.waiting[index], places):
                        path = run.paths.path((*place, *rest))
                        run.faults.relay(self.fetch.subgraph, error, path)
                case _:
                    if everywhere is None:
                        everywhere = [
                            run.paths.path(place)
                            for each, places in by_alias.values()
                            for place in _all_places(each, places)
                        ]
                        run.faults.cover(everywhere)
                    first = everywhere[0] if everywhere else None
                    run.faults.relay(self.fetch.subgraph, error, first)

    def _fail_all(self, run: Run, asked: list[Asked], failure: SubgraphFailed) -> None:
        for group, each in zip(self.groups, asked, strict=True):
            self._fail(run, group, each, failure)

    def _fail(self, run: Run, group: Group, asked: Asked, failure: SubgraphFailed) -> None:
        """One fault, at the first object that misses its answer; the others count as explained."""
        paths = [run.paths.path(place) for place in _all_places(asked, group.places(run.tree))]
        if paths:
            run.faults.fail(failure, paths[0])
            run.faults.cover(paths)

    # ------------------------------------------------------------------------------------ bytes

    def _body(self, run: Run, asked: Iterable[Asked], above: bytes = b"") -> bytes:
        parts = [above] if above else []
        given = {
            name: run.variables[name] for name in self.fetch.variables if name in run.variables
        }
        if given:
            parts.append(orjson.dumps(given)[1:-1])
        for group, each in zip(self.groups, asked, strict=True):
            parts.append(b'"%b":[%b]' % (group.variable.encode(), b",".join(each.representations)))
        if not parts:
            return self.head + b"}"
        return b'%b,"variables":{%b}}' % (self.head, b",".join(parts))


def _hand_out(
    entity: Object, waiting: list[tuple[int, list[Object]]], *, apart: bool = False
) -> None:
    """Merge one answer into all who wait for it.

    Objects of one target hold the same selection and may share what is below them; another target
    may hang something else there, so it gets a copy of its own; all do when `apart`.
    """
    first = waiting[0][0]
    for number, items in waiting:
        new = entity if number == first or apart else copied(entity)
        for item in items:
            if apart:
                merge(item, copied(entity))
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
    found = (place for _, items in waiting for item in items for place in places.get(id(item), ()))
    return list(dict.fromkeys(found))


def _all_places(asked: Asked, places: dict[int, list[Place]]) -> list[Place]:
    return [place for waiting in asked.waiting for place in _places(waiting, places)]


def _keys(selections: Iterable[SelectionNode]) -> Iterable[str]:
    for item in selections:
        if isinstance(item, FieldNode):
            yield (item.alias or item.name).value
        else:
            inner = getattr(item, "selection_set", None)
            yield from _keys(inner.selections if inner else ())
