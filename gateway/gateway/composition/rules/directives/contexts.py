"""A context is set above each of its uses, and a use reads one value of the argument's type."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.composition.contexts import context_setters, context_use
from gateway.composition.field_sets import try_parse
from gateway.composition.subgraph_schema import InputValue, OutputField, SubgraphSchema, Type
from gateway.composition.subgraph_set import SubgraphSet
from gateway.errors import Problem
from gateway.operation import Field, Fragment, Selection


def check(subgraphs: SubgraphSet) -> Iterator[Problem]:
    """Yield a problem for every invalid context name and every invalid use of a context."""
    for graph in subgraphs.graphs:
        setters = context_setters(graph)
        for name, types in setters.items():
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", name):
                yield Problem(
                    "CONTEXT_NAME_INVALID",
                    f'"{name}" is not a valid name of a context.',
                    "Use letters and digits only, no underscore.",
                    (graph.name,),
                    types[0],
                )
        for definition, field in graph.outputs():
            for argument in field.contextual.values():
                yield from _ContextUse(graph, definition, field, argument).problems(setters)
    if any(field.contextual for graph in subgraphs.graphs for _, field in graph.outputs()):
        yield from _not_contextual_everywhere(subgraphs)


class _ContextUse:
    """An argument with @fromContext."""

    def __init__(
        self, graph: SubgraphSchema, definition: Type, field: OutputField, argument: InputValue
    ) -> None:
        self.graph = graph
        self.definition = definition
        self.field = field
        self.argument = argument

    def problem(self, code: str, message: str, remedy: str) -> Problem:
        """Return a problem at this argument."""
        coordinate = f"{self.definition.name}.{self.field.name}({self.argument.name}:)"
        return Problem(code, message, remedy, (self.graph.name,), coordinate)

    def problems(self, setters: dict[str, list[str]]) -> Iterator[Problem]:
        """Yield the problems of this use; `setters` are types by the context they set."""
        yield from self.misplaced()
        use = context_use(self.argument)
        if use is None:
            yield self.problem(
                "NO_CONTEXT_IN_SELECTION",
                "@fromContext does not name a context and a selection.",
                'Write the context and one field: @fromContext(field: "$user { locale }").',
            )
            return
        context, selection = use
        if context not in setters:
            yield self.problem(
                "CONTEXT_NOT_SET",
                f"No type of this subgraph sets the context {context}.",
                f'Put @context(name: "{context}") on a type above {self.definition.name}.',
            )
            return
        for name in setters[context]:
            if (reason := self.misfit(name, selection)) is not None:
                yield self.problem(
                    "CONTEXT_INVALID_SELECTION",
                    f'"{selection.strip()}" does not fit {name}, which sets {context}: {reason}.',
                    "Select exactly one field of the argument's type, for each type that sets the "
                    "context.",
                )
        yield from self.unused(context, selection, setters[context])

    def misplaced(self) -> Iterator[Problem]:
        """Yield a problem if the argument cannot have a contextual value here."""
        if self.definition.kind != "OBJECT":
            yield self.problem(
                "CONTEXT_NOT_SET",
                "@fromContext cannot be used in an interface.",
                "Put it on the objects that implement the interface.",
            )
            return
        for name in self.definition.interfaces:
            interface = self.graph.types.get(name)
            if interface is not None and self.field.name in interface.fields:
                yield self.problem(
                    "CONTEXT_NOT_SET",
                    f"The field implements {name}.{self.field.name}, so clients set its arguments.",
                    "Move the argument to a field that no interface declares.",
                )
        if self.argument.default is not None:
            yield self.problem(
                "CONTEXT_NOT_SET",
                "The argument has a default value, but its value always comes from the context.",
                "Remove the default value.",
            )
        if not any(resolvable for _, resolvable in self.definition.keys):
            yield self.problem(
                "CONTEXT_NO_RESOLVABLE_KEY",
                f"{self.definition.name} has no resolvable key, so it cannot be entered with the "
                "argument's value.",
                f"Give {self.definition.name} a resolvable @key here.",
            )

    def unused(self, context: str, text: str, setters: list[str]) -> Iterator[Problem]:
        """Yield a problem for every fragment on a type that does not set the context."""
        possible = frozenset().union(*(self.graph.possible_types(name) for name in setters))
        for item in try_parse(text) or ():
            if isinstance(item, Fragment) and item.type not in possible:
                yield self.problem(
                    "CONTEXT_INVALID_SELECTION",
                    f"{item.type} does not set the context {context}, so the fragment on it is "
                    "never used.",
                    "Remove the fragment, or name a type that sets the context.",
                )

    def misfit(self, setter: str, text: str) -> str | None:
        """Return why a selection is not one value of a setting type, None if it is."""
        selections = try_parse(text)
        if not selections:
            return "it is not a selection"
        if "@" in text:
            return "aliases and directives are not allowed"
        if all(isinstance(item, Fragment) for item in selections):
            return self._misfit_by_type(setter, selections)
        return self._misfit_of(setter, selections)

    def _misfit_by_type(self, setter: str, selections: tuple[Selection, ...]) -> str | None:
        possible = self.graph.possible_types(setter)
        conditions = [item.type for item in selections if isinstance(item, Fragment)]
        if len(set(conditions)) < len(conditions):
            return "two fragments have the same type condition"
        matching = [
            item for item in selections if isinstance(item, Fragment) and item.type in possible
        ]
        if {item.type for item in matching} != possible:
            return "not every type that sets the context has a fragment"
        reasons = (self._misfit_of(item.type or setter, item.selections) for item in matching)
        return next((reason for reason in reasons if reason is not None), None)

    def _misfit_of(self, type_name: str, selections: tuple[Selection, ...]) -> str | None:
        definition = self.graph.types.get(type_name)
        (first, *others) = selections
        if others or not isinstance(first, Field):
            return "more than one field is selected"
        if first.key != first.name or first.directives or first.guard:
            return "aliases and directives are not allowed"
        if definition is None or first.name not in definition.fields:
            return f"{type_name} has no field {first.name}"
        if definition.interface_object:
            return f"{type_name} is an @interfaceObject"
        output = definition.fields[first.name]
        below = self.graph.types.get(output.named)
        if below is not None and below.is_composite:
            if not first.selections:
                return f"{first.name} is an object without a selection"
            return self._misfit_of(output.named, first.selections)
        if first.selections:
            return f"{first.name} has no fields"
        if not _fits(output.type, self.argument.type):
            return (
                f"{first.name} has the type {output.type}, the argument has the type "
                f"{self.argument.type}"
            )
        return None


def _fits(source: str, target: str) -> bool:
    """Return whether every value of the source type is a value of the target type."""
    if target.endswith("!"):
        return source.endswith("!") and _fits(source[:-1], target[:-1])
    source = source.removesuffix("!")
    if target.startswith("["):
        return source.startswith("[") and _fits(source[1:-1], target[1:-1])
    return source == target


def _not_contextual_everywhere(subgraphs: SubgraphSet) -> Iterator[Problem]:
    for name in subgraphs.declarations:
        for field, declarations in subgraphs.fields(name).items():
            contextual = {argument for _, item in declarations for argument in item.contextual}
            for graph, item in declarations:
                for argument in contextual & set(item.arguments):
                    if item.arguments[argument].required:
                        yield Problem(
                            "CONTEXTUAL_ARGUMENT_NOT_CONTEXTUAL_IN_ALL_SUBGRAPHS",
                            "Another subgraph reads the argument from a context, so no client can "
                            "set it, but it is required here.",
                            "Read it from a context here too, or make it optional.",
                            (graph.name,),
                            f"{name}.{field}({argument}:)",
                        )
