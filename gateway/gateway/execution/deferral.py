"""Executes operations with `@defer`: a first response, then each deferred fragment when it is done.

All parts are read from the one tree that all requests of the operation fill; each request is sent
once, for the part that needs it first.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import GraphQLSchema

from gateway.errors import GatewayError
from gateway.execution.completion import ClientPaths, Completion, holds
from gateway.execution.faults import ClientPath, Faults
from gateway.execution.fetch import CompiledFetch, Run
from gateway.execution.introspection import introspect
from gateway.execution.transport import Send
from gateway.execution.tree import Object
from gateway.plan import (
    Condition,
    Fetch,
    Node,
    Parallel,
    Piece,
    Plan,
    Sequence,
    Shape,
    Slot,
    Subscribe,
)
from gateway.result import Fault, Response


@dataclass(frozen=True, slots=True)
class Pending:
    """A deferred fragment at one object of the response, not sent yet."""

    id: str
    piece: Piece
    path: ClientPath
    value: Object


@dataclass(frozen=True, slots=True)
class Patch:
    """The content of a deferred fragment; no data when null propagated to its top."""

    pending: Pending
    data: Object | None
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What is sent at once: the first response or patches, and newly announced fragments."""

    first: Response | None = None
    patches: tuple[Patch, ...] = ()
    announced: tuple[Pending, ...] = ()
    has_next: bool = True


class DeferredExecutable:
    """A plan with deferred parts, compiled; good for any number of requests at once."""

    def __init__(self, plan: Plan, schema: GraphQLSchema) -> None:
        assert plan.pieces is not None
        self.plan = plan
        self.schema = schema
        self.shape = plan.pieces
        self.fetches = {fetch.id: CompiledFetch(fetch) for fetch in plan.fetches()}
        self.paths = ClientPaths(plan.shape)
        self._completions: dict[int, Completion] = {}
        self._defers_by_shape: dict[int, bool] = {}

    async def parts(
        self, variables: Mapping[str, Any], send: Send, locale: str
    ) -> AsyncGenerator[Part, None]:
        """Yield the first response, then the deferred fragments; nothing is raised."""
        delivery = _Delivery(self, variables, send, locale)
        try:
            first = await delivery.first()
            pending = delivery.begin()
            yield Part(first, announced=pending, has_next=bool(pending))
            while delivery.pending:
                patches, announced = await delivery.next_patches()
                yield Part(patches=patches, announced=announced, has_next=bool(delivery.pending))
        finally:
            await delivery.stop()

    def completion(self, shape: Shape) -> Completion:
        """Return the compiled shape; each is compiled once."""
        if id(shape) not in self._completions:
            self._completions[id(shape)] = Completion(shape)
        return self._completions[id(shape)]

    def pieces(
        self, shape: Shape, done: Object, value: Object, path: ClientPath
    ) -> Iterator[tuple[Piece, ClientPath, Object]]:
        """Yield the deferred fragments of a finished response, each with its path and object."""
        if not self._defers(shape):
            return
        typename = shape.only_type or value.get("__typename", "")
        for piece in shape.later.get(typename, ()):
            yield piece, path, value
        for slot in shape.slots if shape.only_type else shape.by_type.get(typename, ()):
            inner = done.get(slot.key)
            if slot.child is not None and inner is not None and self._defers(slot.child):
                source = value.get(slot.source)
                yield from self._below(slot.child, inner, source, (*path, slot.key))

    def _below(
        self, shape: Shape, done: Any, value: Any, path: ClientPath
    ) -> Iterator[tuple[Piece, ClientPath, Object]]:
        if type(done) is list:
            for index, (inner, source) in enumerate(zip(done, value, strict=True)):
                yield from self._below(shape, inner, source, (*path, index))
        elif done is not None:
            yield from self.pieces(shape, done, value, path)

    def _defers(self, shape: Shape) -> bool:
        defers = self._defers_by_shape.get(id(shape))
        if defers is None:
            slots = _all_slots(shape)
            defers = bool(shape.later) or any(
                self._defers(slot.child) for slot in slots if slot.child is not None
            )
            self._defers_by_shape[id(shape)] = defers
        return defers


@dataclass(slots=True)
class _Delivery:
    """The execution of one request, in parts."""

    compiled: DeferredExecutable
    variables: Mapping[str, Any]
    send: Send
    locale: str
    tree: Object = field(default_factory=dict)
    fetching: dict[int, asyncio.Task[Faults]] = field(default_factory=dict)
    """By fetch: the request, and the faults that it ended with."""
    turns: dict[tuple[str, ...], asyncio.Task[set[int]]] = field(default_factory=dict)
    """By the deferrals that are on: the task that sends their requests."""
    pending: list[Pending] = field(default_factory=list)
    reported: set[int] = field(default_factory=set)
    """The ids of faults that were sent to the client."""
    count: int = 0

    async def first(self) -> Response:
        """Return the response without the deferred fragments."""
        plan, shape = self.compiled.plan, self.compiled.shape
        fetched = await self._fetched(())
        faults = Faults(self.locale)
        if plan.introspection is not None:
            self.tree |= introspect(plan, self.compiled.schema, self.variables, faults)
        fetch_faults = [*faults.entries, *self._new_faults(fetched, shape, ())]
        data, more = self._complete(shape, self.tree, ())
        self._announce(shape, data, self.tree, ())
        return Response(data, (*fetch_faults, *more))

    def begin(self) -> tuple[Pending, ...]:
        """Start the requests of pending fragments, and return all of these."""
        for pending in self.pending:
            turn = _turn(pending)
            if turn not in self.turns:
                self.turns[turn] = asyncio.create_task(self._fetched(turn))
        return tuple(self.pending)

    async def next_patches(self) -> tuple[tuple[Patch, ...], tuple[Pending, ...]]:
        """Wait for at least one fragment; return all that are done, and those inside them."""
        turns = {self.turns[_turn(pending)] for pending in self.pending}
        await asyncio.wait(turns, return_when=asyncio.FIRST_COMPLETED)
        ready = [item for item in self.pending if self.turns[_turn(item)].done()]
        self.pending = [item for item in self.pending if item not in ready]
        count = len(self.pending)
        patches = tuple(self._patch(item) for item in ready)
        announced = tuple(self.pending[count:])
        self.begin()
        return patches, announced

    async def stop(self) -> None:
        """Cancel the requests under way."""
        tasks = [*self.turns.values(), *self.fetching.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _patch(self, pending: Pending) -> Patch:
        shape = pending.piece.shape
        faults = self._new_faults(self.turns[_turn(pending)].result(), shape, pending.path)
        data, more = self._complete(shape, pending.value, pending.path)
        self._announce(shape, data, pending.value, pending.path)
        return Patch(pending, data, (*faults, *more))

    def _announce(self, shape: Shape, data: Object | None, value: Object, path: ClientPath) -> None:
        if data is None:
            return
        for piece, place, inner in self.compiled.pieces(shape, data, value, path):
            if holds(piece.guard, self.variables):
                self.pending.append(Pending(str(self.count), piece, place, inner))
                self.count += 1

    def _complete(
        self, shape: Shape, value: Object, path: ClientPath
    ) -> tuple[Object | None, list[Fault]]:
        faults = _FaultsBelow(self.locale, path)
        for task in self.fetching.values():
            if task.done():
                faults.cover(
                    fault.path for fault in task.result().entries if fault.path is not None
                )
        return self.compiled.completion(shape).complete(
            value, faults, self.variables
        ), faults.entries

    def _new_faults(self, fetched: set[int], shape: Shape, top: ClientPath) -> list[Fault]:
        """Return the unreported faults below this path; the first part gets those without one."""
        faults = []
        for number in sorted(fetched):
            for fault in self.fetching[number].result().entries:
                here = not fault.path or (
                    fault.path[: len(top)] == top and _reaches(shape, fault.path[len(top) :])
                )
                if here and id(fault) not in self.reported:
                    self.reported.add(id(fault))
                    faults.append(fault)
        return faults

    # ----------------------------------------------------------------------------------- requests

    async def _fetched(self, turn: tuple[str, ...]) -> set[int]:
        """Send the requests for these deferrals; return the ids of their fetches."""
        variables = {**self.variables, **dict.fromkeys(turn, True)}
        done: set[int] = set()
        if self.compiled.plan.root is not None:
            await self._follow(self.compiled.plan.root, variables, done)
        return done

    async def _follow(self, node: Node, variables: Mapping[str, Any], done: set[int]) -> None:
        match node:
            case Fetch():
                if node.id not in self.fetching:
                    self.fetching[node.id] = asyncio.create_task(self._fetch(node.id))
                done.add(node.id)
                await asyncio.shield(self.fetching[node.id])
            case Condition(guard, inner):
                if holds(guard, variables):
                    await self._follow(inner, variables, done)
            case Sequence(nodes):
                for child in nodes:
                    await self._follow(child, variables, done)
            case Parallel(nodes):
                await asyncio.gather(*(self._follow(child, variables, done) for child in nodes))
            case Subscribe():
                raise AssertionError("subscriptions are not planned with deferred parts")

    async def _fetch(self, number: int) -> Faults:
        faults = Faults(self.locale)
        run = Run(self.tree, self.variables, self.send, faults, self.compiled.paths)
        await self.compiled.fetches[number].run(run)
        return faults


def _turn(pending: Pending) -> tuple[str, ...]:
    return (*pending.piece.inside, pending.piece.name)


def _all_slots(shape: Shape) -> tuple[Slot, ...]:
    return (*shape.slots, *(slot for slots in shape.by_type.values() for slot in slots))


def _reaches(shape: Shape | None, path: ClientPath) -> bool:
    """Tell whether a path is in this part of the response, not in one that comes later."""
    for step in path:
        if shape is None or isinstance(step, int):
            continue
        slot = next((slot for slot in _all_slots(shape) if slot.key == step), None)
        if slot is None:
            return False
        shape = slot.child
    return True


class _FaultsBelow(Faults):
    """The faults of a fragment: reported at paths from its top, listed at paths of the response."""

    def __init__(self, locale: str, top: ClientPath) -> None:
        super().__init__(locale)
        self.top = top

    def fail(self, error: GatewayError, path: ClientPath | None) -> None:
        """Report a failure of the gateway."""
        super().fail(error, None if path is None else (*self.top, *path))

    def missing(self, path: ClientPath, coordinate: str) -> None:
        """Report null for a non-null field, unless a fault already explains it."""
        if not self.explains((*self.top, *path)):
            plain = Faults(self.locale)
            plain.missing(path, coordinate)
            for fault in plain.entries:
                self._add(replace(fault, path=(*self.top, *path)))


__all__ = ["DeferredExecutable", "Part", "Patch", "Pending"]
