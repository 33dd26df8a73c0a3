"""The specifications that a schema links, with the names under which it imports their parts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from graphql import (
    ConstDirectiveNode,
    DocumentNode,
    ListValueNode,
    ObjectValueNode,
    SchemaDefinitionNode,
    SchemaExtensionNode,
    StringValueNode,
    ValueNode,
)

_URL = re.compile(
    r"^(?P<identity>.*?/?(?P<name>[A-Za-z_][A-Za-z0-9_]*))(/v(?P<version>\d+\.\d+))?/?$"
)


@dataclass(frozen=True, slots=True)
class Spec:
    """One linked specification."""

    identity: str  # "https://specs.apollo.dev/federation"
    name: str  # "federation"
    version: tuple[int, int]
    prefix: str  # names that are not imported are written prefix__name
    imports: Mapping[str, str] = field(default_factory=dict)  # "@key" → "@myKey"

    def directive(self, name: str) -> str:
        """Return the name that the schema uses for a directive of this specification."""
        if (imported := self.imports.get(f"@{name}")) is not None:
            return imported.removeprefix("@")
        return self.prefix if name == self.name else f"{self.prefix}__{name}"

    def owns(self, name: str) -> bool:
        """Return whether a type or directive name belongs to this specification."""
        if name == self.prefix or name.startswith(f"{self.prefix}__"):
            return True
        return name in self.imports.values() or f"@{name}" in self.imports.values()


def specs_of(document: DocumentNode) -> dict[str, Spec]:
    """Return the linked specifications by their own name (join, federation, tag, …)."""
    specs = [
        spec
        for node in document.definitions
        if isinstance(node, SchemaDefinitionNode | SchemaExtensionNode)
        for directive in node.directives or ()
        if (spec := _spec(directive)) is not None
    ]
    return {spec.name: spec for spec in specs}


def texts(node: ValueNode | None) -> Iterator[str]:
    """Yield the strings of a string value, or of a list of strings at any depth."""
    if isinstance(node, StringValueNode):
        yield node.value
    elif isinstance(node, ListValueNode):
        for item in node.values:
            yield from texts(item)


def argument(directive: ConstDirectiveNode, name: str) -> ValueNode | None:
    """Return the value of an argument of a directive; None if it is absent."""
    for item in directive.arguments or ():
        if item.name.value == name:
            return item.value
    return None


def _spec(directive: ConstDirectiveNode) -> Spec | None:
    url = argument(directive, "url") or argument(directive, "feature")
    if not isinstance(url, StringValueNode) or (match := _URL.match(url.value)) is None:
        return None
    alias = argument(directive, "as")
    major, _, minor = (match["version"] or "0.0").partition(".")
    return Spec(
        identity=match["identity"],
        name=match["name"],
        version=(int(major), int(minor)),
        prefix=alias.value if isinstance(alias, StringValueNode) else match["name"],
        imports=dict(_imports(argument(directive, "import"))),
    )


def _imports(node: ValueNode | None) -> Iterator[tuple[str, str]]:
    for item in node.values if isinstance(node, ListValueNode) else ():
        if isinstance(item, StringValueNode):
            yield item.value, item.value
        elif isinstance(item, ObjectValueNode):
            pair = {part.name.value: part.value for part in item.fields}
            name = next(texts(pair.get("name")), None)
            if name is not None:
                yield name, next(texts(pair.get("as")), name)
