"""What an entity is found by is what its service says it is found by: key and resolver agree."""

from __future__ import annotations

from importlib import import_module

import pytest
from graphql import DirectiveNode, ObjectTypeDefinitionNode, parse

from chassis.api.schema import Subgraph, sdl

SERVICES = ("identity", "customers", "activities", "integrations")


def _resolvable(key: DirectiveNode) -> bool:
    given = {argument.name.value: argument.value for argument in key.arguments or ()}
    return getattr(given.get("resolvable"), "value", True) is not False


def _fields(key: DirectiveNode) -> set[str]:
    [fields] = [one.value for one in key.arguments or () if one.name.value == "fields"]
    return set(str(getattr(fields, "value", "")).split())


@pytest.mark.parametrize("service", SERVICES)
def test_every_key_is_enough_to_find_its_entity(service: str) -> None:
    schema = import_module(f"{service}.schema").schema
    assert isinstance(schema, Subgraph)
    seen = 0
    for node in parse(sdl(schema)).definitions:
        if not isinstance(node, ObjectTypeDefinitionNode):
            continue
        for key in node.directives or ():
            if key.name.value == "key" and _resolvable(key):
                assert schema.needs(node.name.value) <= _fields(key), node.name.value
                seen += 1
    assert seen
