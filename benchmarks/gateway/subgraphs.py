"""Serves the subgraphs of a world so fast that the gateway is the bottleneck.

One process answers from memory. Every gateway sends the same few requests over and over, so an
answer is computed once, with graphql-core, and then cached by the bytes of its request. Documents
that are made new by an alias (`new00000017`) share an answer in which only the alias is replaced.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from typing import Any, cast

import httptools
import orjson
import uvloop
from graphql import GraphQLSchema, build_schema, graphql_sync

from benchmarks.gateway import worlds
from benchmarks.gateway.shop import shop
from benchmarks.gateway.world import Object, World

DIRECTIVES = """
directive @key(fields: String!) repeatable on OBJECT
directive @external on FIELD_DEFINITION
directive @requires(fields: String!) on FIELD_DEFINITION
directive @provides(fields: String!) on FIELD_DEFINITION
directive @shareable on OBJECT | FIELD_DEFINITION
scalar _Any
"""
NEW = re.compile(rb"new[0-9]{8}")
SAME = b"new00000000"
MOST_CACHED = 50_000


class Subgraphs:
    """Answer for all subgraphs of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.schemas = {name: executable(sdl) for name, sdl in world.sdl.items()}
        self.cached: dict[tuple[str, bytes], bytes] = {}
        self.requests = 0

    def answer(self, path: str, body: bytes) -> bytes:
        """Return the whole HTTP response to a request."""
        if path == "/count":
            return _response(b"%d" % self.requests)
        if path not in self._paths:
            return _response(b"{}")  # an OTLP receiver that stores nothing
        self.requests += 1
        alias = NEW.search(body)
        if alias is None:
            return self._cached(path, body)
        name = alias.group()
        return self._cached(path, body.replace(name, SAME)).replace(SAME, name)

    @property
    def _paths(self) -> set[str]:
        return {f"/{name}" for name in self.schemas}

    def _cached(self, path: str, body: bytes) -> bytes:
        answer = self.cached.get((path, body))
        if answer is None:
            answer = _response(orjson.dumps(self._run(path[1:], orjson.loads(body))))
            if len(self.cached) < MOST_CACHED:
                self.cached[path, body] = answer
        return answer

    def _run(self, graph: str, request: Object) -> Object:
        root = dict(self.world.root(graph))
        root["_entities"] = lambda _, representations: [
            self.world.entity(graph, representation) for representation in representations
        ]
        result = graphql_sync(
            self.schemas[graph],
            request["query"],
            root_value=root,
            variable_values=request.get("variables"),
            operation_name=request.get("operationName"),
        )
        answer: Object = {"data": result.data}
        if result.errors:
            answer["errors"] = [error.formatted for error in result.errors]
        return answer


def executable(sdl: str) -> GraphQLSchema:
    """Return the schema as a federation server executes it."""
    entities = re.findall(r"type (\w+) @key", sdl)
    if "type Query" not in sdl:
        sdl = "type Query { nothing: Int }\n" + sdl
    if entities:
        sdl += f"union _Entity = {' | '.join(entities)}\n"
        sdl += "extend type Query { _entities(representations: [_Any!]!): [_Entity]! }\n"
    return build_schema(sdl + DIRECTIVES)


def _response(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


class Connection(asyncio.Protocol):
    """A keep-alive connection."""

    def __init__(self, subgraphs: Subgraphs, delay: float) -> None:
        self.subgraphs, self.delay = subgraphs, delay
        self.parser: Any = httptools.HttpRequestParser(self)
        self.url, self.parts = b"", list[bytes]()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer to."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's do not inherit from it

    def data_received(self, data: bytes) -> None:
        """Pass the bytes to the parser."""
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Begin a request."""
        self.url, self.parts = url, []

    def on_body(self, body: bytes) -> None:
        """Collect a part of the body."""
        self.parts.append(body)

    def on_message_complete(self) -> None:
        """Answer, at once or after the delay."""
        path = self.url.partition(b"?")[0].decode()
        answer = self.subgraphs.answer(path, b"".join(self.parts))
        if self.delay and path != "/count":
            asyncio.get_running_loop().call_later(self.delay, self._write, answer)
        else:
            self.transport.write(answer)

    def _write(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)


async def serve(subgraphs: Subgraphs, port: int, delay: float) -> None:
    """Serve until the process ends."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(subgraphs, delay), "127.0.0.1", port, backlog=512
    )
    print("ready", flush=True)
    await server.serve_forever()


def world_of(name: str) -> World:
    """Return a world by name: `shop`, `many_plans`, `table`, or `wide:100`."""
    kind, _, count = name.partition(":")
    if kind == "wide":
        return worlds.wide(int(count))
    return {"shop": shop, "many_plans": worlds.many_plans, "table": worlds.table}[kind]()


def main() -> None:
    """Serve a world from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("world")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay", type=float, default=0, help="milliseconds")
    options = parser.parse_args()
    uvloop.run(serve(Subgraphs(world_of(options.world)), options.port, options.delay / 1000))


if __name__ == "__main__":
    main()
