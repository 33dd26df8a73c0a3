"""Subgraphs fast enough to leave the gateway the bottleneck: one small process that answers from memory.

Every gateway sends the same few requests over and over, so an answer is worked out once, with
graphql-core, and then found by the bytes of its question. Documents that are made new by an alias
(`new00000017`) share an answer in which only the alias is exchanged.
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
from benchmarks.gateway.worlds import Object, World

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
MOST_KNOWN = 50_000


class Subgraphs:
    """Answers for all subgraphs of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.schemas = {name: executable(sdl) for name, sdl in world.sdl.items()}
        self.known: dict[tuple[str, bytes], bytes] = {}
        self.asked = 0

    def answer(self, path: str, body: bytes) -> bytes:
        """The whole HTTP response to a request."""
        if path == "/count":
            return _response(b"%d" % self.asked)
        if path not in self._paths:
            return _response(b"{}")  # an OTLP receiver that forgets
        self.asked += 1
        alias = NEW.search(body)
        if alias is None:
            return self._known(path, body)
        name = alias.group()
        return self._known(path, body.replace(name, SAME)).replace(SAME, name)

    @property
    def _paths(self) -> set[str]:
        return {f"/{name}" for name in self.schemas}

    def _known(self, path: str, body: bytes) -> bytes:
        answer = self.known.get((path, body))
        if answer is None:
            answer = _response(orjson.dumps(self._run(path[1:], orjson.loads(body))))
            if len(self.known) < MOST_KNOWN:
                self.known[path, body] = answer
        return answer

    def _run(self, graph: str, request: Object) -> Object:
        root = dict(self.world.root(graph))
        root["_entities"] = lambda _, representations: [
            self.world.entity(graph, given) for given in representations
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
    """The schema as a federation server runs it."""
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
    """One keep-alive connection."""

    def __init__(self, subgraphs: Subgraphs, delay: float) -> None:
        self.subgraphs, self.delay = subgraphs, delay
        self.parser: Any = httptools.HttpRequestParser(self)
        self.url, self.parts = b"", list[bytes]()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are none by name

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """A request begins."""
        self.url, self.parts = url, []

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self.parts.append(body)

    def on_message_complete(self) -> None:
        """Answer, now or after the delay."""
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
    """Serve for ever."""
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(subgraphs, delay), "127.0.0.1", port, backlog=512
    )
    print("ready", flush=True)
    await server.serve_forever()


def world_of(name: str) -> World:
    """`shop`, `many_plans`, `table`, or `wide:100`."""
    kind, _, count = name.partition(":")
    if kind == "wide":
        return worlds.wide(int(count))
    return {"shop": worlds.shop, "many_plans": worlds.many_plans, "table": worlds.table}[kind]()


def main() -> None:
    """Run as a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("world")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay", type=float, default=0, help="milliseconds")
    asked = parser.parse_args()
    uvloop.run(serve(Subgraphs(world_of(asked.world)), asked.port, asked.delay / 1000))


if __name__ == "__main__":
    main()
