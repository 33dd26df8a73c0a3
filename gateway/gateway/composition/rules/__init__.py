"""The rules of composition, one per module, in the order in which their problems are reported."""

from __future__ import annotations

from gateway.composition.rules.directives import (
    contexts,
    costs,
    directive_locations,
    directive_usage,
    inaccessible_parts,
    known_directives,
    overrides,
)
from gateway.composition.rules.field_sets import external_unused, keys, provides, requires
from gateway.composition.rules.fields import (
    argument_types,
    external_owners,
    external_types,
    field_sharing,
    field_types,
    input_fields,
    required_arguments,
)
from gateway.composition.rules.interfaces import (
    implementations,
    interface_fields,
    interface_keys,
    interface_objects,
)
from gateway.composition.rules.subgraphs import federation_versions, queries, subgraph_names
from gateway.composition.rules.types import enum_values, known_types, type_kinds
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem

# Rules about a single subgraph come first: the others would only repeat its problems.
SINGLE_SUBGRAPH = (
    subgraph_names,
    federation_versions,
    known_types,
    known_directives,
    directive_locations,
    directive_usage,
    implementations,
    keys,
    provides,
    requires,
    external_unused,
    contexts,
    costs,
)
ALL_SUBGRAPHS = (
    queries,
    type_kinds,
    interface_objects,
    interface_keys,
    overrides,
    external_owners,
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


def find_problems(subgraphs: SubgraphSet) -> list[Problem]:
    """Return the problems that the rules find; none of the second group if the first has some."""
    for rules in (SINGLE_SUBGRAPH, ALL_SUBGRAPHS):
        problems = [problem for rule in rules for problem in rule.check(subgraphs)]
        if problems:
            return problems
    return []
