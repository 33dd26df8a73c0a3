"""Every way by which a sensitive value can leave, read from the supergraph: the shortest query from
each root field to each sensitive coordinate, and one through each field that leads to one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from tests.support.sensitive import declared, parts

Steps = tuple[str, ...]
"""Fields from an object to another; `...Type` narrows to one of several."""
SHOWN = {"ProtectedText": " { text visibility }", "ProtectedJson": " { value visibility }"}


@dataclass(frozen=True)
class Way:
    """One path: from a root field to the sensitive fields of one type."""

    kind: str
    root: str
    steps: Steps
    type: str
    leaves: tuple[str, ...]

    def __str__(self) -> str:
        return f"{'.'.join((self.root, *self.steps))}: {self.type}.{{{','.join(self.leaves)}}}"


def sensitive_outputs(schema: GraphQLSchema) -> dict[str, list[str]]:
    """Sensitive fields by their type, as far as clients can see them."""
    found: dict[str, list[str]] = {}
    for coordinate, part in parts(schema):
        if isinstance(part, GraphQLField) and declared(part):
            type_, _, field = coordinate.partition(".")
            found.setdefault(type_, []).append(field)
    return found


def leading(schema: GraphQLSchema) -> Mapping[str, list[tuple[str, str]]]:
    """The fields of each type that lead to objects, and to which."""
    edges: dict[str, list[tuple[str, str]]] = {}
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            edges[name] = [(f"...{one.name}", one.name) for one in schema.get_possible_types(kind)]
        elif isinstance(kind, GraphQLObjectType) and not name.startswith("__"):
            edges[name] = [
                (field, get_named_type(one.type).name)
                for field, one in kind.fields.items()
                if not is_leaf_type(get_named_type(one.type))
                and not any(is_required_argument(a) for a in one.args.values())
            ]
    return edges


def ways(schema: GraphQLSchema) -> Iterator[Way]:
    """All of them."""
    edges, wanted = leading(schema), sensitive_outputs(schema)
    for kind, root_type in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        covered: set[tuple[str, str]] = set()
        for root, field in (root_type.fields if root_type else {}).items():
            start = get_named_type(field.type).name
            paths = shortest(edges, start)
            for type_, steps in paths.items():
                if type_ in wanted:
                    yield Way(kind, root, steps, type_, tuple(wanted[type_]))
            if kind == "mutation":
                continue
            for type_, steps in paths.items():
                for step, to in edges.get(type_, ()):
                    if (type_, step) in covered:
                        continue
                    covered.add((type_, step))
                    ends = {t: s for t, s in shortest(edges, to).items() if t in wanted}
                    if ends:
                        end = min(ends, key=lambda t: (len(ends[t]), t))
                        whole = (*steps, step, *ends[end])
                        if whole != paths.get(end):
                            yield Way(kind, root, whole, end, tuple(wanted[end]))


def shortest(edges: Mapping[str, list[tuple[str, str]]], start: str) -> dict[str, Steps]:
    """The shortest way to every type."""
    found: dict[str, Steps] = {start: ()}
    waiting = deque([start])
    while waiting:
        type_ = waiting.popleft()
        for step, to in edges.get(type_, ()):
            if to not in found:
                found[to] = (*found[type_], step)
                waiting.append(to)
    return found


def document(schema: GraphQLSchema, way: Way, arguments: list[str]) -> str:
    """The way as an operation: the root field once with each of these arguments."""
    leaves = " ".join(
        leaf + SHOWN.get(get_named_type(schema.type_map[way.type].fields[leaf].type).name, "")  # type: ignore[attr-defined]  # an object
        for leaf in way.leaves
    )
    body = f"{{ __typename {leaves} }}"
    for step in reversed(way.steps):
        cursor = "cursor " if step == "node" else ""
        body = f"{{ __typename {cursor}{step.replace('...', '... on ')} {body} }}"
    roots = " ".join(f"r{n}: {way.root}{given} {body}" for n, given in enumerate(arguments))
    return f"{way.kind} {{ {roots} }}"


def strings(value: Any) -> Iterator[str]:
    """Every text in an answer."""
    if isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield value
