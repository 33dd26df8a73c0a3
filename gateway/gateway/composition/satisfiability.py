"""Walks every path that a client can take, and reports those that no subgraph can go on with.

A position is a type together with the subgraphs that can hold the object there. From these, others
are entered by keys until nothing new is found; then every field must be answered by one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphql import GraphQLObjectType

from gateway.errors import Problem
from gateway.operation import Field, Selection, parse_field_set
from gateway.supergraph import FieldView, GraphView, Supergraph

_MOST_PROBLEMS = 25  # one mistake shows up on many paths; more would only hide it


@dataclass(frozen=True)
class Holder:
    """A subgraph that holds an object, as the type it sees, with what a @provides adds."""

    graph: str
    type: str
    provided: tuple[Selection, ...] = ()


Held = frozenset[Holder]
_Step = tuple[str, Held, tuple[str, ...], frozenset[str]]  # type, who holds it, path, contexts set


def unreachable(supergraph: Supergraph) -> list[Problem]:
    """Return a problem for every field that cannot be reached on some path."""
    return _Walker(supergraph).problems()


class _Walker:
    def __init__(self, supergraph: Supergraph) -> None:
        self.schema = supergraph.schema
        self.graphs = supergraph.graphs
        self.setters = supergraph.contexts
        self.stand_ins = {
            name: [view.name for view in graph.types.values() if view.interface_object]
            for name, graph in self.graphs.items()
        }
        self.known: dict[str, list[tuple[GraphView, list[str]]]] = {}
        self.all_members: dict[str, set[str]] = {}
        roots = (self.schema.query_type, self.schema.mutation_type, self.schema.subscription_type)
        self.roots = tuple(root.name for root in roots if root is not None)
        self.seen: set[tuple[str, Held, frozenset[str]]] = set()
        self.found: dict[str, Problem] = {}
        self.field_sets: dict[str, tuple[Selection, ...]] = {}

    def problems(self) -> list[Problem]:
        todo: list[_Step] = [
            (name, self.everybody(name), (name,), frozenset()) for name in self.roots
        ]
        while todo and len(self.found) < _MOST_PROBLEMS:
            name, held, path, contexts = todo.pop()
            if (name, held, contexts) in self.seen:
                continue
            self.seen.add((name, held, contexts))
            todo += self.check(name, held, path, contexts)
        return list(self.found.values())

    def contexts(self, name: str) -> frozenset[str]:
        """Return the contexts that every object of a type sets."""
        return frozenset(
            context
            for context, types in self.setters.items()
            if any(name == setter or name in self.members(setter) for setter in types)
        )

    def check(
        self, name: str, held: Held, path: tuple[str, ...], contexts: frozenset[str]
    ) -> Iterator[_Step]:
        kind = self.schema.type_map.get(name)
        if not isinstance(kind, GraphQLObjectType):
            return
        reached = self.reach(name, held)
        further = contexts | self.contexts(name)
        for field in kind.fields:
            answers = [
                answer
                for answer in self.answers(name, reached, field, frozenset())
                if all(use[0] in contexts for use in answer[1].context)
            ]
            step = (*path, f"{name}.{field}")
            if not answers:
                self.report(name, field, step, held)
                continue
            self.check_runtime_type(answers, step)
            for below, holders in self.below(answers):
                yield below, holders, step, further

    def check_runtime_type(
        self,
        answers: list[tuple[Holder, FieldView, tuple[Selection, ...]]],
        path: tuple[str, ...],
    ) -> None:
        """Somebody must know what an object really is, if all who hold it stand in for others."""
        holders: set[Holder] = set()
        for holder, view, _ in answers:
            kind = self.graphs[holder.graph].types.get(view.named)
            if kind is None or not kind.interface_object:
                return
            holders.add(Holder(holder.graph, view.named))
        for name in {holder.type for holder in holders}:
            reached = self.reach(name, frozenset(holders))
            kinds = [self.graphs[h.graph].types[h.type] for h in reached]
            if self.members(name) and not any(kind.kind == "INTERFACE" for kind in kinds):
                self.report(name, "__typename", (*path, f"{name}.__typename"), frozenset(holders))

    def report(self, name: str, field: str, path: tuple[str, ...], held: Held) -> None:
        owners = tuple(
            graph.endpoint.name
            for graph in self.graphs.values()
            if name in graph.types and field in graph.types[name].fields
        )
        coordinate = f"{name}.{field}"
        here = ", ".join(sorted({holder.graph for holder in held})) or "no subgraph"
        if coordinate not in self.found:
            waiting = [h.graph for h in held if self.waits(h, field)]
            why = f"from {here} nobody who answers it can be reached."
            mend = (
                f"Give {name} a resolvable @key that {here} can supply in a subgraph that answers "
                f"{field}, or let {here} answer {field} itself with @shareable."
            )
            if waiting:
                mend = f"Give {name} a resolvable @key in {waiting[0]} that others can supply."
                why = (
                    f"{waiting[0]} must be entered by a resolvable key with what @requires names, "
                    "and cannot."
                )
            self.found[coordinate] = Problem(
                "SATISFIABILITY_ERROR",
                f"The field can be asked for on this path, but {why}",
                mend,
                owners,
                coordinate,
                path,
            )

    def waits(self, holder: Holder, field: str) -> bool:
        """Tell whether a holder answers a field only after others."""
        view = self.graphs[holder.graph].types[holder.type].fields.get(field)
        return view is not None and bool(view.requires) and not view.external

    # ----------------------------------------------------------------------------------- reaching

    def everybody(self, name: str) -> Held:
        """Return all subgraphs that have a root type: it needs no key."""
        return frozenset(Holder(n, name) for n, graph in self.graphs.items() if name in graph.types)

    def reach(self, name: str, held: Held, busy: frozenset[str] = frozenset()) -> Held:
        """Return everybody who can be entered from here."""
        if name in self.roots:
            return held | self.everybody(name)
        reached = held
        grown = True
        while grown:
            grown = False
            for graph, seen in self.sides(name):
                for seen_as in seen:
                    holder = Holder(graph.endpoint.name, seen_as)
                    if any((h.graph, h.type) == (holder.graph, seen_as) for h in reached):
                        continue
                    keys = [key for key in graph.types[seen_as].keys if key.resolvable]
                    if any(self.has(name, reached, self.field_set(k.fields), busy) for k in keys):
                        reached |= {holder}
                        grown = True
        return reached

    def sides(self, name: str) -> list[tuple[GraphView, list[str]]]:
        """Return the subgraphs that know a type, each with the types it sees it as."""
        known = self.known.get(name)
        if known is None:
            every = ((graph, list(self.seen_as(graph, name))) for graph in self.graphs.values())
            known = self.known[name] = [(graph, seen) for graph, seen in every if seen]
        return known

    def seen_as(self, graph: GraphView, name: str) -> Iterator[str]:
        if name in graph.types:
            yield name
        for other in self.stand_ins.get(graph.endpoint.name, ()):
            if other != name and name in self.members(other):
                yield other

    def members(self, name: str) -> set[str]:
        known = self.all_members.get(name)
        if known is None:
            known = self.all_members[name] = {
                member
                for graph in self.graphs.values()
                if name in graph.types
                for member in graph.types[name].members
            }
        return known

    def has(
        self, name: str, held: Held, selections: tuple[Selection, ...], busy: frozenset[str]
    ) -> bool:
        """Tell whether a field set can be had from those who hold the object."""
        for item in selections:
            if not isinstance(item, Field):
                if item.type in (None, name) and not self.has(name, held, item.selections, busy):
                    return False
                continue
            if item.name == "__typename":
                continue
            answers = self.answers(name, held, item.name, busy)
            if not answers:
                return False
            if item.selections:
                for below, holders in self.below(answers):
                    reached = self.reach(below, holders, busy)
                    if not self.has(below, reached, item.selections, busy):
                        return False
        return True

    def answers(
        self, name: str, held: Held, field: str, busy: frozenset[str]
    ) -> list[tuple[Holder, FieldView, tuple[Selection, ...]]]:
        """Return who of those answers a field, and what is provided below it."""
        found = []
        for holder in held:
            view = self.graphs[holder.graph].types[holder.type].fields.get(field)
            if view is None:
                continue
            given = self.given(name, holder.provided, field)
            counts = not (view.external or view.overridden) or view.override_label is not None
            if not counts and given is None:
                continue
            if view.requires:
                place = f"{holder.graph}:{name}.{field}"
                if place in busy or not self.required(name, held, view.requires, busy | {place}):
                    continue
                if not self.comes_back(name, held, holder, busy | {place}):
                    continue
            found.append((holder, view, given or ()))
        return found

    def required(self, name: str, held: Held, requires: str, busy: frozenset[str]) -> bool:
        reached = self.reach(name, held, busy)
        return self.has(name, reached, self.field_set(requires), busy)

    def comes_back(self, name: str, held: Held, holder: Holder, busy: frozenset[str]) -> bool:
        """Tell whether a subgraph can be entered once more, with what its field requires.

        Where all its keys are unresolvable, Apollo composes and asks `_entities` all the same; a
        subgraph that says it resolves no reference is believed here.
        """
        reached = self.reach(name, held, busy)
        keys = self.graphs[holder.graph].types[holder.type].keys
        return any(
            key.resolvable and self.has(name, reached, self.field_set(key.fields), busy)
            for key in keys
        )

    def given(
        self, name: str, provided: tuple[Selection, ...], field: str
    ) -> tuple[Selection, ...] | None:
        found: tuple[Selection, ...] | None = None
        for item in provided:
            if isinstance(item, Field):
                if item.name == field:
                    found = (found or ()) + item.selections
            elif item.type is None or item.type == name or name in self.members(item.type):
                inner = self.given(name, item.selections, field)
                if inner is not None:
                    found = (found or ()) + inner
        return found

    def below(
        self, answers: list[tuple[Holder, FieldView, tuple[Selection, ...]]]
    ) -> Iterator[tuple[str, Held]]:
        """Yield the runtime types below a field, each with those who can hold it."""
        by_type: dict[str, set[Holder]] = {}
        for holder, view, given in answers:
            types = self.graphs[holder.graph].types
            kind = types.get(view.named)
            if kind is None or kind.kind in ("SCALAR", "ENUM"):
                continue
            provided = given + (self.field_set(view.provides) if view.provides else ())
            if kind.interface_object:
                for member in self.members(view.named):
                    place = Holder(holder.graph, view.named, provided)
                    by_type.setdefault(member, set()).add(place)
                continue
            names = kind.members if kind.kind in ("INTERFACE", "UNION") else {view.named}
            for name in names:
                by_type.setdefault(name, set()).add(Holder(holder.graph, name, provided))
        for name, holders in by_type.items():
            yield name, frozenset(holders)

    def field_set(self, text: str) -> tuple[Selection, ...]:
        known = self.field_sets.get(text)
        if known is None:
            known = self.field_sets[text] = parse_field_set(text)
        return known
