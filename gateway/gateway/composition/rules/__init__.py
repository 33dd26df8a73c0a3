"""The rules of composition, one a file, in the order in which their problems are told."""

from __future__ import annotations

from gateway.composition.across import Across
from gateway.composition.rules import (
    argument_types,
    contexts,
    costs,
    directive_places,
    directive_use,
    enum_values,
    external_base,
    external_types,
    external_unused,
    field_sharing,
    field_types,
    implementations,
    inaccessible_parts,
    input_fields,
    interface_fields,
    interface_keys,
    interface_objects,
    keys,
    known_directives,
    known_types,
    links,
    overrides,
    provides,
    queries,
    required_arguments,
    requires,
    subgraph_names,
    type_kinds,
)
from gateway.errors import Problem

# What is wrong inside one subgraph comes first: the others would only repeat it in other words.
ALONE = (
    subgraph_names,
    links,
    known_types,
    known_directives,
    directive_places,
    directive_use,
    implementations,
    keys,
    provides,
    requires,
    external_unused,
    contexts,
    costs,
)
TOGETHER = (
    queries,
    type_kinds,
    interface_objects,
    interface_keys,
    overrides,
    external_base,
    external_types,
    field_sharing,
    field_types,
    argument_types,
    required_arguments,
    enum_values,
    input_fields,
    interface_fields,
    inaccessible_parts,
)


def broken(across: Across) -> list[Problem]:
    """Return every problem that the rules find."""
    for rules in (ALONE, TOGETHER):
        found = [problem for rule in rules for problem in rule.check(across)]
        if found:
            return found
    return []
