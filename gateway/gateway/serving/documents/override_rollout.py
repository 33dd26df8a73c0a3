"""Progressive @override: the labels that are on for a request, and the documents for them."""

import random
import re
from collections.abc import Callable, Iterator

from gateway.serving.documents.document_cache import DocumentCache
from gateway.settings import Settings
from gateway.supergraph import Supergraph

_PERCENT = re.compile(r"^percent\(([\d.]+)\)$")
Random = Callable[[], float]
"""Returns a number from 0 up to 1."""


class OverrideRollout:
    """The documents of one supergraph, once for each set of labels that requests draw."""

    def __init__(
        self, supergraph: Supergraph, settings: Settings, roll: Random = random.random
    ) -> None:
        self.supergraph = supergraph
        self.settings = settings
        self.roll = roll
        labels = frozenset(_labels(supergraph))
        self.always = labels & set(settings.labels)
        self.shares = {
            label: float(match.group(1)) / 100
            for label in sorted(labels - self.always)
            if (match := _PERCENT.match(label))
        }
        self.base = DocumentCache(supergraph, settings, self.always)
        self._by_labels = {self.always: self.base}

    def documents(self) -> DocumentCache:
        """Return the documents for one request; `percent(25)` is on for a random quarter."""
        if not self.shares:
            return self.base
        drawn = {label for label, share in self.shares.items() if self.roll() < share}
        on = self.always | drawn
        documents = self._by_labels.get(on)
        if documents is None:
            documents = self._by_labels[on] = DocumentCache(self.supergraph, self.settings, on)
        return documents


def _labels(supergraph: Supergraph) -> Iterator[str]:
    for graph in supergraph.graphs.values():
        for kind in graph.types.values():
            for field in kind.fields.values():
                if field.override_label is not None:
                    yield field.override_label
