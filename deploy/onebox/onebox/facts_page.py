"""docs/facts.md: every fact, which service records it and which services listen to it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

from chassis.facts.stream import Handler
from chassis.facts.types import FACTS, FactType

SERVICES = ("identity", "customers", "activities", "integrations")
_HEAD = """\
# Facts

<!-- Generated from the fact registries and handlers of the services by `make schemas`; do not
     edit. -->

A fact says in the past tense what happened. It leaves with the transaction that did it, by the
outbox and the stream `facts:<service>`; its receiver reads the present state, and may receive it
twice or late. Names are `service.entity.participle`. A fact is registered once, in
`core/domain/facts.py` of the service that records it; a service listens to it in its `facts.py`.
"""
_EVERY = """
## From every service

Each service records them on its own stream.
"""


def text() -> str:
    """Write the whole page."""
    listeners = _listeners()
    sections = [_HEAD]
    for service in SERVICES:
        if types := registered(service):
            sections += [f"\n## From {service}\n", _table(types, listeners)]
    sections += [_EVERY, _table(FACTS, listeners)]
    return "".join(sections)


def registered(service: str) -> tuple[FactType, ...]:
    """List the facts that a service registers, in the order of its registry."""
    types: tuple[FactType, ...] = importlib.import_module(f"{service}.core.domain.facts").FACTS
    return types


def handlers(service: str) -> Mapping[str, Handler]:
    """List the handlers of a service by the names of the facts it listens to."""
    mapping: Mapping[str, Handler] = importlib.import_module(f"{service}.facts").HANDLERS
    return mapping


def _listeners() -> dict[str, list[str]]:
    listeners: dict[str, list[str]] = {}
    for service in SERVICES:
        for name, handler in handlers(service).items():
            listeners.setdefault(name, []).append(f"**{service}**: {_summary(handler)}")
    return listeners


def _table(types: tuple[FactType, ...], listeners: Mapping[str, list[str]]) -> str:
    return "\n| fact | what happened | who listens |\n|---|---|---|\n" + "".join(
        f"| `{fact.name}` | {fact.meaning} | {_heard(fact, listeners)} |\n" for fact in types
    )


def _heard(fact: FactType, listeners: Mapping[str, list[str]]) -> str:
    if lines := listeners.get(fact.name):
        return "<br>".join(lines)
    return f"No service. {fact.unheard}"


def _summary(handler: Handler) -> str:
    lines: Iterator[str] = iter((handler.__doc__ or "").strip().split("\n\n"))
    return " ".join(next(lines).split())
