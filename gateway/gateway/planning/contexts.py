"""Arguments that a subgraph takes from an object further up (@context and @fromContext).

Before the walk, every object that sets a context is asked for what is wanted of it, under keys of our
own. A field with such an argument is reached by a key like one with @requires; when all requests are
written, its request learns where in the merged tree the values stand and waits for whoever brings them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gateway.operation import Field, Fragment, Selection
from gateway.plan import Given, Source
from gateway.planning.draft import Draft, Use
from gateway.planning.moves import Moves, Selections
from gateway.planning.names import JsonPath

if TYPE_CHECKING:
    from gateway.planning.fetches import Writer


@dataclass(slots=True)
class _Object:
    """A position on the way down, and what has to be asked of it."""

    types: frozenset[str]
    wanted: dict[tuple[str, str], None] = field(default_factory=dict)  # (type, selection)


class Contexts:
    """Adds to an operation what contextual arguments need."""

    def __init__(self, moves: Moves) -> None:
        self.moves = moves

    def filled(self, type_name: str, selections: Selections) -> Selections:
        """Return the selections with what every context used below has to hold."""
        return self._object(type_name, selections, ()) if self.moves.contexts else selections

    def _object(self, name: str, selections: Selections, above: tuple[_Object, ...]) -> Selections:
        here = _Object(self.moves.possible(name))
        filled = tuple(self._below(name, selections, here, above))
        added = (
            Fragment(setter, (), tuple(_own(self.moves.field_set(text))))
            for setter, text in here.wanted
        )
        return (*filled, *added)

    def _below(
        self, name: str, selections: Selections, here: _Object, above: tuple[_Object, ...]
    ) -> Iterator[Selection]:
        for item in selections:
            if isinstance(item, Fragment):
                inner = tuple(self._below(item.type or name, item.selections, here, above))
                yield replace(item, selections=inner)
                continue
            for context, text in self._uses(name, item.name):
                self._want(context, text, above)
            named = self.moves.named(name, item.name) if item.selections else None
            if named is None:
                yield item
            else:
                yield replace(item, selections=self._object(named, item.selections, (here, *above)))

    def _uses(self, name: str, field_name: str) -> Iterable[tuple[str, str]]:
        return dict.fromkeys(
            (context, text)
            for runtime in self.moves.possible(name)
            for answer in self.moves.answers(runtime, field_name)
            for context, _, _, text in answer.field.context
        )

    def _want(self, context: str, text: str, above: tuple[_Object, ...]) -> None:
        for position in above:
            covered: set[str] = set()
            for setter in sorted(self.moves.contexts.get(context, ())):
                found = position.types & self.moves.possible(setter)
                if found:
                    position.wanted[setter, text] = None
                    covered |= found
            if covered == position.types:
                return


def settle(writer: Writer) -> None:
    """Tell every request with contextual arguments where their values are, and whom to wait for."""
    for draft in writer.drafts:
        for variable, use in draft.uses.items():
            draft.given[variable] = Given(variable, tuple(_sources(writer, draft, use)))


def _sources(writer: Writer, draft: Draft, use: Use) -> Iterator[Source]:
    setters = frozenset(
        name
        for setter in writer.moves.contexts.get(use.context, ())
        for name in writer.moves.possible(setter)
    )
    selections = tuple(_own(writer.moves.field_set(use.selection)))
    for above in use.above:
        by_type = {
            runtime: tuple(_trace(writer, draft, runtime, selections, above.json))
            for runtime in sorted(above.types & setters)
        }
        if by_type:
            yield Source(above.depth, by_type, len(above.types) == 1)
        if above.types <= setters:
            return


def _trace(
    writer: Writer, draft: Draft, type_name: str, selections: Selections, json: JsonPath
) -> Iterator[str]:
    """Yield the keys that lead to the one value selected; let the request wait for each."""
    for item in writer.selecting.fields(type_name, selections).values():
        source = writer.names.source(json, type_name, item)
        draft.parents |= writer.brought.get((json, source), set()) - {draft}
        yield source
        if item.selections:
            below = writer.named_type(type_name, item.name)
            yield from _trace(writer, draft, below, item.selections, (*json, source))


def _own(selections: Selections) -> Iterator[Selection]:
    """Give fields keys that no client uses, so that nothing is merged with what clients select."""
    for item in selections:
        inner = tuple(_own(item.selections))
        if isinstance(item, Field):
            yield replace(item, key=f"_context_{item.key}", selections=inner, ours=True)
        else:
            yield replace(item, selections=inner)
