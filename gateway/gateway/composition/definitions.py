"""Which directives the supergraph defines, and which specs it links."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import DirectiveDefinitionNode, print_ast

from gateway.composition.across import Across
from gateway.composition.carrying import CARRIED
from gateway.composition.merged import MergedType

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
directive @join__implements(graph: join__Graph!, interface: String!) repeatable on OBJECT | INTERFACE
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
input join__ContextArgument { name: String! type: String! context: String! selection: join__FieldValue! }"""

_PLACES = "FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM"
_DEFINED = {
    "tag": "directive @tag(name: String!) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION "
    "| ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION "
    "| SCHEMA",
    "inaccessible": "directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION "
    "| ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION",
    "authenticated": f"directive @authenticated on {_PLACES}",
    "requiresScopes": "directive @requiresScopes(scopes: [[requiresScopes__Scope!]!]!) on "
    f"{_PLACES}\nscalar requiresScopes__Scope",
    "policy": f"directive @policy(policies: [[policy__Policy!]!]!) on {_PLACES}\n"
    "scalar policy__Policy",
    "cost": "directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION "
    "| INPUT_FIELD_DEFINITION | OBJECT | SCALAR",
    "listSize": "directive @listSize(assumedSize: Int, slicingArguments: [String!], "
    "sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION",
}
_SECURITY = frozenset({"inaccessible", "authenticated", "requiresScopes", "policy"})


def definitions(across: Across, types: dict[str, MergedType]) -> Iterator[str]:
    """Yield the directive definitions of the supergraph."""
    contextual = _sets_contexts(types)
    labelled = contextual or any("overrideLabel" in text for text in _texts(types))
    more = ", overrideLabel: String" if labelled else ""
    more += ", contextArguments: [join__ContextArgument!]" if contextual else ""
    yield _JOIN.replace("{more}", more)
    if contextual:
        yield _CONTEXT
    for name in sorted(_carried(types)):
        if name in _DEFINED:
            yield _DEFINED[name]
    yield from _composed(across)
    yield from _executable(across)


def links(across: Across, types: dict[str, MergedType]) -> Iterator[str]:
    """Yield the @link uses of the supergraph."""
    labelled = any("overrideLabel" in text for text in _texts(types))
    contextual = _sets_contexts(types)
    join = "v0.5" if contextual else "v0.4" if labelled else "v0.3"
    yield '@link(url: "https://specs.apollo.dev/link/v1.0")'
    yield f'@link(url: "https://specs.apollo.dev/join/{join}", for: EXECUTION)'
    if contextual:
        yield '@link(url: "https://specs.apollo.dev/context/v0.1", for: SECURITY)'
    used = _carried(types)
    urls: dict[str, list[str]] = {}
    for name, url in CARRIED.items():
        if name in used:
            urls.setdefault(url, []).append(name)
    for url, names in urls.items():
        security = ", for: SECURITY" if names[0] in _SECURITY else ""
        spec = url.split("/")[-2]
        imported = [name for name in names if name != spec]
        imports = ", ".join(f'"@{name}"' for name in (imported and names))
        yield f'@link(url: "{url}"' + (f", import: [{imports}]" if imports else "") + f"{security})"
    for url, names in _composed_links(across).items():
        imports = ", ".join(f'"@{name}"' for name in names)
        yield f'@link(url: "{url}", import: [{imports}])'


def _texts(types: dict[str, MergedType]) -> Iterator[str]:
    for kind in types.values():
        for field in kind.fields.values():
            yield from field.joins


def _sets_contexts(types: dict[str, MergedType]) -> bool:
    return any(text.startswith("@context(") for kind in types.values() for text in kind.carried)


def _carried(types: dict[str, MergedType]) -> set[str]:
    found: set[str] = set()
    for kind in types.values():
        texts = [*kind.carried]
        for field in kind.fields.values():
            texts += field.carried
            texts += [text for item in field.arguments for text in item.carried]
        texts += [text for item in kind.inputs for text in item.carried]
        texts += [text for value in kind.values for text in value.carried]
        found.update(text[1:].partition("(")[0] for text in texts)
    return found


def _composed(across: Across) -> Iterator[str]:
    seen: set[str] = set()
    for graph in across.graphs:
        for name in graph.composed:
            if name in graph.directives and name not in seen:
                seen.add(name)
                yield print_ast(graph.directives[name])


def _composed_links(across: Across) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for graph in across.graphs:
        for spec in graph.specs.values():
            for name in graph.composed:
                if f"@{name}" in spec.imports.values() or spec.directive(spec.name) == name:
                    major, minor = spec.version
                    names = found.setdefault(f"{spec.identity}/v{major}.{minor}", [])
                    if name not in names:
                        names.append(name)
    return found


def _executable(across: Across) -> Iterator[str]:
    """Keep the directives for operations that every subgraph understands."""
    first, *others = across.graphs
    for name, node in first.directives.items():
        if name in _BUILT_IN or not _places(node):
            continue
        known = [graph.directives.get(name) for graph in others]
        if all(other is not None for other in known):
            common = _places(node)
            for other in known:
                common = [place for place in common if other and place in _places(other)]
            if common:
                head = print_ast(node).rpartition(" on ")[0]
                yield f"{head} on {' | '.join(common)}"


def _places(node: DirectiveDefinitionNode) -> list[str]:
    return [place.value for place in node.locations if place.value in _EXECUTABLE]
