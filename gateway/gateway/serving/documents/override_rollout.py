"""Progressive @override: which labels are on for one request, and the plans that go with them."""

import random
import re
from collections.abc import Callable, Iterator

from gateway.serving.documents.document_cache import Documents
from gateway.settings import Settings
from gateway.supergraph import Supergraph

_PERCENT = re.compile(r"^percent\(([\d.]+)\)$")
Roll = Callable[[], float]


class Rollout:
    """The documents of one supergraph, once for each set of labels that requests meet."""

    def __init__(
        self, supergraph: Supergraph, settings: Settings, roll: Roll = random.random
    ) -> None:
        self.supergraph = supergraph
        self.settings = settings
        self.roll = roll
        labels = frozenset(_labels(supergraph))
        self.always = labels & set(settings.labels)
        self.shares = {
            label: float(found.group(1)) / 100
            for label in sorted(labels - self.always)
            if (found := _PERCENT.match(label))
        }
        self.base = Documents(supergraph, settings, self.always)
        self._by_labels = {self.always: self.base}

    def documents(self) -> Documents:
        """Those for one request: `percent(25)` is on for a quarter of them, each by its own luck."""
        if not self.shares:
            return self.base
        lucky = {label for label, share in self.shares.items() if self.roll() < share}
        on = self.always | lucky
        known = self._by_labels.get(on)
        if known is None:
            known = self._by_labels[on] = Documents(self.supergraph, self.settings, on)
        return known


def _labels(supergraph: Supergraph) -> Iterator[str]:
    for graph in supergraph.graphs.values():
        for kind in graph.types.values():
            for field in kind.fields.values():
                if field.override_label is not None:
                    yield field.override_label
