"""The supergraph: the schema that clients see, and every type as each subgraph sees it."""

from gateway.supergraph.load import load
from gateway.supergraph.views import (
    Endpoint,
    EntityKey,
    FieldView,
    GraphView,
    Subgraph,
    Supergraph,
    TypeView,
)

__all__ = [
    "Endpoint",
    "EntityKey",
    "FieldView",
    "GraphView",
    "Subgraph",
    "Supergraph",
    "TypeView",
    "load",
]
