"""Reads a standard supergraph SDL (join specification v0.1 to v0.5, of any composer)."""

from __future__ import annotations

from graphql import DocumentNode, GraphQLError, parse

from gateway.errors import BadSupergraph
from gateway.memory import collector_paused
from gateway.supergraph.join import read_contexts, read_graphs
from gateway.supergraph.public import public_schema
from gateway.supergraph.specs import specs_of
from gateway.supergraph.views import Supergraph


def load(sdl: str) -> Supergraph:
    """Return the supergraph that the SDL describes; raise BadSupergraph if there is none."""
    with collector_paused():
        return _load(sdl)


def _load(sdl: str) -> Supergraph:
    document = _parse(sdl)
    specs = specs_of(document)
    if "join" not in specs:
        raise BadSupergraph(
            "The text is not a supergraph: its schema does not @link (or @core) the join spec. "
            "Compose the subgraphs first.",
            "该文本不是 supergraph：其 schema 没有通过 @link（或 @core）引用 join 规范。"
            "请先合成子图。",
        )
    graphs = read_graphs(document, specs)
    try:
        schema = public_schema(document, specs)
    except (GraphQLError, TypeError, KeyError) as error:
        raise BadSupergraph(
            f"The supergraph's public schema is not valid: {error}",
            f"supergraph 的公开 schema 无效：{error}",
        ) from error
    contexts = read_contexts(document, specs)
    return Supergraph(sdl=sdl, schema=schema, graphs=graphs, contexts=contexts)


def _parse(sdl: str) -> DocumentNode:
    try:
        return parse(sdl, no_location=True)
    except GraphQLError as error:
        raise BadSupergraph(
            f"The supergraph cannot be parsed: {error.message}",
            f"无法解析 supergraph：{error.message}",
        ) from error
