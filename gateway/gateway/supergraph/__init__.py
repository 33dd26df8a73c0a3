"""The supergraph noun: what clients see, and which subgraph owns what."""

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
