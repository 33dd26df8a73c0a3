"""Arguments that a subgraph reads from an object further up (@context and @fromContext).

Before the search, every object that sets a context also gets selected what the arguments read of
it, under response keys of our own. A field with such an argument is reached by a key like one with
@requires. When all fetch groups are written, its group learns where in the merged tree the values
are, and waits for the groups that fetch them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from gateway.operation import Field, Fragment, Selection
from gateway.plan import ContextValue, Source
from gateway.planning.fetch_group import ContextUse, FetchGroup
from gateway.planning.group_writing import GroupWriter
from gateway.planning.query_graph import QueryGraph, Selections
from gateway.planning.response_keys import JsonPath


@dataclass(slots=True)
class _Setter:
    """An object on the way down, and the selections that contexts read of it."""

    types: frozenset[str]
    reads: dict[tuple[str, str], None] = field(default_factory=dict)  # (type, selection)


class ContextSelections:
    """Add to an operation what contextual arguments read."""

    def __init__(self, query_graph: QueryGraph) -> None:
        self.query_graph = query_graph

    def add_to(self, type_name: str, selections: Selections) -> Selections:
        """Return the selections with the values of every context that is used below."""
        if not self.query_graph.contexts:
            return selections
        return self._object(type_name, selections, ())

    def _object(self, name: str, selections: Selections, above: tuple[_Setter, ...]) -> Selections:
        here = _Setter(self.query_graph.possible_types(name))
        completed = tuple(self._below(name, selections, here, above))
        added = (
            Fragment(setter, (), tuple(_with_own_keys(self.query_graph.field_set(text))))
            for setter, text in here.reads
        )
        return (*completed, *added)

    def _below(
        self, name: str, selections: Selections, here: _Setter, above: tuple[_Setter, ...]
    ) -> Iterator[Selection]:
        for item in selections:
            if isinstance(item, Fragment):
                inner = tuple(self._below(item.type or name, item.selections, here, above))
                yield replace(item, selections=inner)
                continue
            for context, text in self._uses(name, item.name):
                self._read(context, text, above)
            named = self.query_graph.named_type(name, item.name) if item.selections else None
            if named is None:
                yield item
            else:
                yield replace(item, selections=self._object(named, item.selections, (here, *above)))

    def _uses(self, name: str, field_name: str) -> Iterable[tuple[str, str]]:
        return dict.fromkeys(
            (context, text)
            for runtime in self.query_graph.possible_types(name)
            for edge in self.query_graph.field_edges(runtime, field_name)
            for context, _, _, text in edge.field.context
        )

    def _read(self, context: str, text: str, above: tuple[_Setter, ...]) -> None:
        """Note a selection at the nearest objects that together always set the context."""
        for setter in above:
            covered: set[str] = set()
            for type_name in sorted(self.query_graph.contexts.get(context, ())):
                common = setter.types & self.query_graph.possible_types(type_name)
                if common:
                    setter.reads[type_name, text] = None
                    covered |= common
            if covered == setter.types:
                return


def assign_context_values(writer: GroupWriter) -> None:
    """Set the sources of contextual arguments on every group, and the groups it waits for."""
    for group in writer.groups:
        for variable, use in group.context_uses.items():
            group.context_values[variable] = ContextValue(
                variable, tuple(_sources(writer, group, use))
            )


def _sources(writer: GroupWriter, group: FetchGroup, use: ContextUse) -> Iterator[Source]:
    setters = frozenset(
        name
        for setter in writer.query_graph.contexts.get(use.context, ())
        for name in writer.query_graph.possible_types(setter)
    )
    selections = tuple(_with_own_keys(writer.query_graph.field_set(use.selection)))
    for ancestor in use.ancestors:
        by_type = {
            runtime: tuple(_trace(writer, group, runtime, selections, ancestor.json))
            for runtime in sorted(ancestor.types & setters)
        }
        if by_type:
            yield Source(ancestor.depth, by_type, len(ancestor.types) == 1)
        if ancestor.types <= setters:
            return


def _trace(
    writer: GroupWriter, group: FetchGroup, type_name: str, selections: Selections, json: JsonPath
) -> Iterator[str]:
    """Yield the keys that lead to the one value selected; let the group wait for each."""
    for item in writer.collector.collect(type_name, selections).values():
        source = writer.response_keys.source(json, type_name, item)
        group.parents |= writer.suppliers.get((json, source), set()) - {group}
        yield source
        if item.selections:
            below = writer.named_type(type_name, item.name)
            yield from _trace(writer, group, below, item.selections, (*json, source))


def _with_own_keys(selections: Selections) -> Iterator[Selection]:
    """Give fields keys that no client uses, so that they are not merged with the client's."""
    for item in selections:
        inner = tuple(_with_own_keys(item.selections))
        if isinstance(item, Field):
            yield replace(item, key=f"_context_{item.key}", selections=inner, ours=True)
        else:
            yield replace(item, selections=inner)
