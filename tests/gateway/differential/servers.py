"""Answers for a world: as one server, and as subgraphs that know only their part."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson
from graphql import (
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    execute_sync,
    graphql_sync,
    parse,
    print_ast,
)

from gateway.execution.transport import Answer, Request, Send
from tests.gateway.differential.worlds import World, friend_of, monolith, stand_for, subgraph, value

Object = dict[str, Any]


def whole(
    world: World, query: str, variables: dict[str, bool], hidden: frozenset[str] = frozenset()
) -> Any:
    """What one server that holds everything answers, where `hidden` coordinates are null."""

    def resolve(source: Object | None, info: GraphQLResolveInfo[Any], **args: Any) -> Any:
        if f"{info.parent_type.name}.{info.field_name}" in hidden:
            return None
        return _resolve(world, source, info, args)

    result = execute_sync(
        _whole_schema(world),
        parse(query),
        variable_values=variables,
        field_resolver=resolve,
        type_resolver=lambda source, *_: source["type"],
    )
    assert not [e for e in result.errors or () if "non-nullable" not in e.message], result.errors
    return result.data


def sender(world: World) -> Send:
    """Sends requests to the subgraphs of a world."""
    schemas = {graph: _served(world, graph) for graph in all_graphs(world)}

    async def send(request: Request) -> Answer:
        body = orjson.loads(request.body)
        graph = request.fetch.subgraph
        result = graphql_sync(
            schemas[graph],
            body["query"],
            variable_values=body.get("variables"),
            field_resolver=lambda source, info, **args: _resolve(world, source, info, args, graph),
            type_resolver=lambda source, *_: source["type"],
        )
        bad = [e for e in result.errors or () if "non-nullable" not in e.message]
        assert not bad, f"{graph}: {bad}\n{body}"
        answer: Answer = {"data": result.data}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        return answer

    return send


@lru_cache(maxsize=2)
def _whole_schema(world: World) -> GraphQLSchema:
    return build_schema(monolith(world))


@lru_cache(maxsize=12)
def _served(world: World, graph: str) -> GraphQLSchema:
    """The subgraph's schema as a federation server offers it."""
    text = subgraph(world, graph).split("\n", 1)[1]
    keyed = [name for name, kind in world.kinds.items() if kind.keys]
    if graph == world.stand_in:
        keyed = ["I"]
    extra = "scalar _Any\n"
    if keyed:
        extra += f"union _Entity = {' | '.join(keyed)}\n"
        extra += "extend type Query { _entities(representations: [_Any!]!): [_Entity]! }\n"
    directives = (
        "directive @key(fields: String!) repeatable on OBJECT | INTERFACE\n"
        "directive @shareable on FIELD_DEFINITION\n"
        "directive @external on FIELD_DEFINITION\n"
        "directive @requires(fields: String!) on FIELD_DEFINITION\n"
        "directive @provides(fields: String!) on FIELD_DEFINITION\n"
        "directive @override(from: String!, label: String) on FIELD_DEFINITION\n"
        "directive @context(name: String!) on OBJECT\n"
        "directive @fromContext(field: String) on ARGUMENT_DEFINITION\n"
        "directive @interfaceObject on OBJECT\n"
    )
    if "type Query" not in text:
        text = "type Query { nothing: Int }\n" + text
    return build_schema(print_ast(parse(text + "\n" + extra + directives)))


def all_graphs(world: World) -> tuple[str, ...]:
    """Every subgraph, with the one that stands in for an interface."""
    return (*world.graphs, world.stand_in) if world.stand_in else world.graphs


def _resolve(
    world: World,
    source: Object | None,
    info: GraphQLResolveInfo[Any],
    args: Any,
    graph: str | None = None,
) -> Any:
    name = info.field_name
    if name == "_entities":
        return [_entity(world, item, graph) for item in args["representations"]]
    if source is None or source["type"] == "Query":
        found = value(world, "Query", "0", world.roots[name], args)
        return {"type": "I", "id": found[1]} if graph == "z" else _wrap(found, source)
    if source["type"] == "I" and name == "friend":
        return {"type": "I", "id": friend_of(world, source["id"])[1]}
    if source["type"] == "I":
        return source["id"] if name == "id" else f"I.{source['id']}.extra"
    kind = world.kinds[source["type"]]
    item = kind.fields[name]
    if item.needs is not None:
        if "sent" not in source:  # the whole server, which can look for itself
            return f"r({_required(world, source, item.needs)})"
        assert item.needs in source["sent"], f"{kind.name}.{name} came without {item.needs}"
        return f"r({source['sent'][item.needs]})"
    if item.context is not None:
        return f"c({args.get('a') if graph else _above(world, source, item.context)})"
    return _wrap(value(world, source["type"], source["id"], item, args), source)


def _above(world: World, source: Object, context: tuple[str, str]) -> Any:
    """What the nearest object above says; only a server that holds everything can look there."""
    kind, name = context
    above = source["above"]
    while above["type"] != kind:
        above = above["above"]
    return value(world, kind, above["id"], world.kinds[kind].fields[name], {})


def _required(world: World, source: Object, name: str) -> Any:
    item = world.kinds[source["type"]].fields[name]
    if item.needs is not None:
        return f"r({_required(world, source, item.needs)})"
    return value(world, source["type"], source["id"], item, {})


def _entity(world: World, sent: Object, graph: str | None) -> Object:
    kind = sent["__typename"]
    if kind == "I":
        known = "I" if graph == world.stand_in else stand_for(world, sent["id"])[0]
        return {"type": known, "id": sent["id"], "sent": sent}
    id = sent.get("id") or sent["code"].removeprefix(f"{kind}-")
    return {"type": kind, "id": id, "sent": sent}


def _wrap(found: Any, above: Object | None) -> Any:
    if isinstance(found, list):
        return [_wrap(item, above) for item in found]
    if isinstance(found, tuple):
        return {"type": found[0], "id": found[1], "above": above}
    return found
