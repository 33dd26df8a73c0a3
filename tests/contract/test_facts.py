"""Facts are registered once, named alike, and somebody listens to each or a reason says why not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from chassis.facts.types import FACTS, FactType
from onebox.facts_page import SERVICES, handlers, registered, text

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for folder in ("chassis/chassis", *(f"services/{service}/{service}" for service in SERVICES))
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
)
REGISTRIES = {
    ROOT / "chassis" / "chassis" / "facts" / "types.py",
    *(ROOT / "services" / s / s / "core" / "domain" / "facts.py" for s in SERVICES),
}
EVERY: list[tuple[str, FactType]] = [
    *(("audit", fact) for fact in FACTS),
    *((service, fact) for service in SERVICES for fact in registered(service)),
]
NAMES = [fact.name for _, fact in EVERY]


@pytest.mark.parametrize(("service", "fact"), EVERY, ids=NAMES)
def test_is_named_by_service_entity_and_participle(service: str, fact: FactType) -> None:
    assert re.fullmatch(rf"{service}\.[a-z_]+\.[a-z_]+", fact.name)
    assert re.search(r"(ed|taken|signed_off|fell_due)$", fact.name)
    assert fact.meaning.endswith(".")


def test_each_name_is_registered_once() -> None:
    assert sorted(NAMES) == sorted(set(NAMES))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_fact_is_made_outside_the_registries(path: Path) -> None:
    """A type outside a registry, or a bare `Fact(name, …)`, would be an unregistered name."""
    if path in REGISTRIES:
        return
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]

    made = {ast.unparse(call.func).rpartition(".")[2] for call in calls}

    assert made.isdisjoint({"Fact", "FactType"})


def test_a_fact_outside_the_registries_would_be_seen() -> None:
    [call] = [
        node
        for node in ast.walk(ast.parse("record(session, outbox.Fact('x', '', {}))"))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Fact")
    ]

    assert ast.unparse(call.func).rpartition(".")[2] == "Fact"


@pytest.mark.parametrize("service", SERVICES)
def test_listens_only_to_registered_facts(service: str) -> None:
    assert set(handlers(service)) <= set(NAMES)


@pytest.mark.parametrize(("service", "fact"), EVERY, ids=NAMES)
def test_is_heard_or_says_why_not(service: str, fact: FactType) -> None:
    heard = any(fact.name in handlers(listener) for listener in SERVICES)

    assert heard is (fact.unheard is None), "either a service listens, or `unheard` gives a reason"


def test_every_registered_fact_is_recorded() -> None:
    """A constant that no code names would be a fact that never happens."""
    names = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for path in SOURCES
        if path not in REGISTRIES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute | ast.Name)
    }
    constants = {
        target.id
        for registry in REGISTRIES
        for node in ast.parse(registry.read_text()).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id not in {"FACTS", "_OWN_ROWS"}
    }

    # Those of the changes of a task are taken from a table by the value of the change.
    assert constants - {"TASK_REASSIGNED"} <= names


def test_the_page_names_every_fact() -> None:
    page = (ROOT / "docs" / "facts.md").read_text()

    assert page == text()
    assert all(f"`{name}`" in page for name in NAMES)
