"""Prints the directives that the supergraph defines, and the specifications that it links."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import DirectiveDefinitionNode, print_ast

from gateway.composition.directive_merging import MERGED_DIRECTIVES
from gateway.composition.merged import MergedType
from gateway.composition.subgraph_set import SubgraphSet

_EXECUTABLE = frozenset(
    {
        "QUERY",
        "MUTATION",
        "SUBSCRIPTION",
        "FIELD",
        "FRAGMENT_DEFINITION",
        "FRAGMENT_SPREAD",
        "INLINE_FRAGMENT",
        "VARIABLE_DEFINITION",
    }
)
_BUILT_IN = frozenset({"skip", "include", "deprecated", "specifiedBy", "oneOf", "defer", "stream"})

_JOIN = """\
directive @join__enumValue(graph: join__Graph!) repeatable on ENUM_VALUE
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, \
type: String, external: Boolean, override: String, usedOverridden: Boolean{more}) \
repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__implements(graph: join__Graph!, interface: String!) \
repeatable on OBJECT | INTERFACE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, \
resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on \
OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__unionMember(graph: join__Graph!, member: String!) repeatable on UNION
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) \
repeatable on SCHEMA"""

_CONTEXT = """\
directive @context(name: String!) repeatable on INTERFACE | OBJECT | UNION
directive @context__fromContext(field: context__ContextFieldValue) on ARGUMENT_DEFINITION
scalar context__ContextFieldValue
scalar join__FieldValue
input join__ContextArgument { name: String! type: String! context: String! \
selection: join__FieldValue! }"""

_RIGHT_LOCATIONS = "FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM"
_DEFINED = {
    "tag": "directive @tag(name: String!) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE "
    "| UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT "
    "| INPUT_FIELD_DEFINITION | SCHEMA",
    "inaccessible": "directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION "
    "| ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION",
    "authenticated": f"directive @authenticated on {_RIGHT_LOCATIONS}",
    "requiresScopes": "directive @requiresScopes(scopes: [[requiresScopes__Scope!]!]!) on "
    f"{_RIGHT_LOCATIONS}\nscalar requiresScopes__Scope",
    "policy": f"directive @policy(policies: [[policy__Policy!]!]!) on {_RIGHT_LOCATIONS}\n"
    "scalar policy__Policy",
    "cost": "directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION "
    "| INPUT_FIELD_DEFINITION | OBJECT | SCALAR",
    "listSize": "directive @listSize(assumedSize: Int, slicingArguments: [String!], "
    "sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION",
}
_SECURITY = frozenset({"inaccessible", "authenticated", "requiresScopes", "policy"})


def definitions(subgraphs: SubgraphSet, types: dict[str, MergedType]) -> Iterator[str]:
    """Yield the directive definitions of the supergraph."""
    contextual = _sets_contexts(types)
    labelled = contextual or any("overrideLabel" in text for text in _field_joins(types))
    more = ", overrideLabel: String" if labelled else ""
    more += ", contextArguments: [join__ContextArgument!]" if contextual else ""
    yield _JOIN.replace("{more}", more)
    if contextual:
        yield _CONTEXT
    for name in sorted(_used_names(types)):
        if name in _DEFINED:
            yield _DEFINED[name]
    yield from _composed(subgraphs)
    yield from _executable(subgraphs)


def links(subgraphs: SubgraphSet, types: dict[str, MergedType]) -> Iterator[str]:
    """Yield the uses of @link of the supergraph."""
    labelled = any("overrideLabel" in text for text in _field_joins(types))
    contextual = _sets_contexts(types)
    join = "v0.5" if contextual else "v0.4" if labelled else "v0.3"
    yield '@link(url: "https://specs.apollo.dev/link/v1.0")'
    yield f'@link(url: "https://specs.apollo.dev/join/{join}", for: EXECUTION)'
    if contextual:
        yield '@link(url: "https://specs.apollo.dev/context/v0.1", for: SECURITY)'
    used = _used_names(types)
    urls: dict[str, list[str]] = {}
    for name, url in MERGED_DIRECTIVES.items():
        if name in used:
            urls.setdefault(url, []).append(name)
    for url, names in urls.items():
        security = ", for: SECURITY" if names[0] in _SECURITY else ""
        spec = url.split("/")[-2]
        imported = [name for name in names if name != spec]
        imports = ", ".join(f'"@{name}"' for name in (imported and names))
        yield f'@link(url: "{url}"' + (f", import: [{imports}]" if imports else "") + f"{security})"
    for url, names in _composed_links(subgraphs).items():
        imports = ", ".join(f'"@{name}"' for name in names)
        yield f'@link(url: "{url}", import: [{imports}])'


def _field_joins(types: dict[str, MergedType]) -> Iterator[str]:
    for merged in types.values():
        for field in merged.fields.values():
            yield from field.joins


def _sets_contexts(types: dict[str, MergedType]) -> bool:
    return any(
        text.startswith("@context(") for merged in types.values() for text in merged.directives
    )


def _used_names(types: dict[str, MergedType]) -> set[str]:
    """Return the names of the directives that merged elements carry."""
    names: set[str] = set()
    for merged in types.values():
        texts = [*merged.directives]
        for field in merged.fields.values():
            texts += field.directives
            texts += [text for item in field.arguments for text in item.directives]
        texts += [text for item in merged.inputs for text in item.directives]
        texts += [text for value in merged.values for text in value.directives]
        names.update(text[1:].partition("(")[0] for text in texts)
    return names


def _composed(subgraphs: SubgraphSet) -> Iterator[str]:
    seen: set[str] = set()
    for graph in subgraphs.graphs:
        for name in graph.composed:
            if name in graph.directive_definitions and name not in seen:
                seen.add(name)
                yield print_ast(graph.directive_definitions[name])


def _composed_links(subgraphs: SubgraphSet) -> dict[str, list[str]]:
    names_by_url: dict[str, list[str]] = {}
    for graph in subgraphs.graphs:
        for spec in graph.specs.values():
            for name in graph.composed:
                if f"@{name}" in spec.imports.values() or spec.directive(spec.name) == name:
                    major, minor = spec.version
                    names = names_by_url.setdefault(f"{spec.identity}/v{major}.{minor}", [])
                    if name not in names:
                        names.append(name)
    return names_by_url


def _executable(subgraphs: SubgraphSet) -> Iterator[str]:
    """Yield the directives for operations that every subgraph defines."""
    first, *others = subgraphs.graphs
    for name, node in first.directive_definitions.items():
        if name in _BUILT_IN or not _executable_locations(node):
            continue
        definitions = [graph.directive_definitions.get(name) for graph in others]
        if all(other is not None for other in definitions):
            common = _executable_locations(node)
            for other in definitions:
                if other is not None:
                    allowed = _executable_locations(other)
                    common = [location for location in common if location in allowed]
            if common:
                head = print_ast(node).rpartition(" on ")[0]
                yield f"{head} on {' | '.join(common)}"


def _executable_locations(node: DirectiveDefinitionNode) -> list[str]:
    return [location.value for location in node.locations if location.value in _EXECUTABLE]
