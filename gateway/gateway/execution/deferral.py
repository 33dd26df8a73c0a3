"""Answers in pieces: what is not deferred first, then each deferred fragment as soon as its requests are done.

All pieces are read from the one tree that all requests of the operation fill; each request is sent once,
for whichever piece wants it first.
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
from gateway.plan import Condition, Fetch, Node, Parallel, Piece, Plan, Sequence, Shape, Subscribe
from gateway.result import Fault, Response


@dataclass(frozen=True, slots=True)
class Pending:
    """A deferred fragment at one object of the answer, not sent yet."""

    id: str
    piece: Piece
    path: ClientPath
    value: Object


@dataclass(frozen=True, slots=True)
class Patch:
    """What a deferred fragment turned out to be; no data when null rose to its top."""

    pending: Pending
    data: Object | None
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What is sent at once: the first answer, or patches; and what the client has to wait for."""

    first: Response | None = None
    patches: tuple[Patch, ...] = ()
    announced: tuple[Pending, ...] = ()
    has_next: bool = True


class Deferring:
    """A plan with pieces, compiled; good for any number of requests at once."""

    def __init__(self, plan: Plan, schema: GraphQLSchema) -> None:
        assert plan.pieces is not None
        self.plan = plan
        self.schema = schema
        self.shape = plan.pieces
        self.fetches = {fetch.id: CompiledFetch(fetch) for fetch in plan.fetches()}
        self.paths = ClientPaths(plan.shape)
        self._completions: dict[int, Completion] = {}
        self._owing: dict[int, bool] = {}

    async def parts(
        self, variables: Mapping[str, Any], send: Send, locale: str
    ) -> AsyncGenerator[Part, None]:
        """Yield the first answer, then the pieces; nothing is raised."""
        delivery = _Delivery(self, variables, send, locale)
        try:
            first = await delivery.first()
            waiting = delivery.begin()
            yield Part(first, announced=waiting, has_next=bool(waiting))
            while delivery.under_way:
                patches, announced = await delivery.some()
                yield Part(patches=patches, announced=announced, has_next=bool(delivery.under_way))
        finally:
            await delivery.stop()

    def completion(self, shape: Shape) -> Completion:
        """A shape, compiled once."""
        if id(shape) not in self._completions:
            self._completions[id(shape)] = Completion(shape)
        return self._completions[id(shape)]

    def pieces(
        self, shape: Shape, done: Object, value: Object, path: ClientPath
    ) -> Iterator[tuple[Piece, ClientPath, Object]]:
        """Find the deferred fragments that the objects of a finished answer owe."""
        if not self._owes(shape):
            return
        typename = shape.only_type or value.get("__typename", "")
        for piece in shape.later.get(typename, ()):
            yield piece, path, value
        for slot in shape.slots if shape.only_type else shape.by_type.get(typename, ()):
            inner = done.get(slot.key)
            if slot.child is not None and inner is not None and self._owes(slot.child):
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

    def _owes(self, shape: Shape) -> bool:
        known = self._owing.get(id(shape))
        if known is None:
            every = (*shape.slots, *(slot for slots in shape.by_type.values() for slot in slots))
            known = bool(shape.later) or any(
                self._owes(slot.child) for slot in every if slot.child is not None
            )
            self._owing[id(shape)] = known
        return known


@dataclass(slots=True)
class _Delivery:
    """One request that is answered in pieces."""

    compiled: Deferring
    variables: Mapping[str, Any]
    send: Send
    locale: str
    tree: Object = field(default_factory=dict)
    fetching: dict[int, asyncio.Task[Faults]] = field(default_factory=dict)
    """By fetch: the request and what went wrong with it."""
    turns: dict[tuple[str, ...], asyncio.Task[set[int]]] = field(default_factory=dict)
    """By deferrals that are on: the requests for them, all of them done in the end."""
    under_way: list[Pending] = field(default_factory=list)
    told: set[int] = field(default_factory=set)
    """Faults that the client knows."""
    count: int = 0

    async def first(self) -> Response:
        plan, shape = self.compiled.plan, self.compiled.shape
        fetched = await self._fetched(())
        faults = Faults(self.locale)
        if plan.introspection is not None:
            self.tree |= introspect(plan, self.compiled.schema, self.variables, faults)
        found = [*faults.found, *self._news(fetched, shape, ())]
        data, more = self._complete(shape, self.tree, ())
        self._announce(shape, data, self.tree, ())
        return Response(data, (*found, *more))

    def begin(self) -> tuple[Pending, ...]:
        """Start what nobody waits for yet."""
        for pending in self.under_way:
            turn = _turn(pending)
            if turn not in self.turns:
                self.turns[turn] = asyncio.create_task(self._fetched(turn))
        return tuple(self.under_way)

    async def some(self) -> tuple[tuple[Patch, ...], tuple[Pending, ...]]:
        """Wait until at least one piece is there; return all that are, and what they owe in turn."""
        turns = {self.turns[_turn(pending)] for pending in self.under_way}
        await asyncio.wait(turns, return_when=asyncio.FIRST_COMPLETED)
        ready = [each for each in self.under_way if self.turns[_turn(each)].done()]
        self.under_way = [each for each in self.under_way if each not in ready]
        known = len(self.under_way)
        patches = tuple(self._patch(each) for each in ready)
        announced = tuple(self.under_way[known:])
        self.begin()
        return patches, announced

    async def stop(self) -> None:
        tasks = [*self.turns.values(), *self.fetching.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _patch(self, pending: Pending) -> Patch:
        shape = pending.piece.shape
        news = self._news(self.turns[_turn(pending)].result(), shape, pending.path)
        data, more = self._complete(shape, pending.value, pending.path)
        self._announce(shape, data, pending.value, pending.path)
        return Patch(pending, data, (*news, *more))

    def _announce(self, shape: Shape, data: Object | None, value: Object, path: ClientPath) -> None:
        if data is None:
            return
        for piece, where, inner in self.compiled.pieces(shape, data, value, path):
            if holds(piece.guard, self.variables):
                self.under_way.append(Pending(str(self.count), piece, where, inner))
                self.count += 1

    def _complete(
        self, shape: Shape, value: Object, path: ClientPath
    ) -> tuple[Object | None, list[Fault]]:
        faults = _Below(self.locale, path)
        for task in self.fetching.values():
            if task.done():
                faults.cover(fault.path for fault in task.result().found if fault.path is not None)
        return self.compiled.completion(shape).complete(value, faults, self.variables), faults.found

    def _news(self, fetched: set[int], shape: Shape, top: ClientPath) -> list[Fault]:
        """What went wrong at this place; what has no place goes with whoever comes first."""
        found = []
        for number in sorted(fetched):
            for fault in self.fetching[number].result().found:
                here = not fault.path or (
                    fault.path[: len(top)] == top and _reaches(shape, fault.path[len(top) :])
                )
                if here and id(fault) not in self.told:
                    self.told.add(id(fault))
                    found.append(fault)
        return found

    # ----------------------------------------------------------------------------------- requests

    async def _fetched(self, turn: tuple[str, ...]) -> set[int]:
        """Send what is wanted when these deferrals are on; return which requests that were."""
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
                raise AssertionError("a subscription is not planned with pieces")

    async def _fetch(self, number: int) -> Faults:
        faults = Faults(self.locale)
        run = Run(self.tree, self.variables, self.send, faults, self.compiled.paths)
        await self.compiled.fetches[number].run(run)
        return faults


def _turn(pending: Pending) -> tuple[str, ...]:
    return (*pending.piece.inside, pending.piece.name)


def _reaches(shape: Shape | None, path: ClientPath) -> bool:
    """Whether a place is in this part of the answer, not in one that comes later."""
    for step in path:
        if shape is None or isinstance(step, int):
            continue
        every = (*shape.slots, *(slot for slots in shape.by_type.values() for slot in slots))
        slot = next((slot for slot in every if slot.key == step), None)
        if slot is None:
            return False
        shape = slot.child
    return True


class _Below(Faults):
    """Faults of a piece: found at places counted from its top, told at the client's."""

    def __init__(self, locale: str, top: ClientPath) -> None:
        super().__init__(locale)
        self.top = top

    def fail(self, error: GatewayError, path: ClientPath | None) -> None:
        """Report a failure of ours."""
        super().fail(error, None if path is None else (*self.top, *path))

    def missing(self, path: ClientPath, coordinate: str) -> None:
        """Report null where none may be, unless a fault already says why."""
        if not self.explains((*self.top, *path)):
            plain = Faults(self.locale)
            plain.missing(path, coordinate)
            for fault in plain.found:
                self._add(replace(fault, path=(*self.top, *path)))


__all__ = ["Deferring", "Part", "Patch", "Pending"]
