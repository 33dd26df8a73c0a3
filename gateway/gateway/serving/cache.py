"""A bounded memory of what was worked out before, by age of use and by size."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps the entries used last: at most `count` of them, weighing at most `weight` together."""

    def __init__(self, count: int, weight: int) -> None:
        self.count = count
        self.weight = weight
        self.held = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The entry, which is now the youngest."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Remember, and forget the oldest as long as there is too much."""
        if weight > self.weight:
            return
        if key in self._entries:
            self.held -= self._entries.pop(key)[1]
        self._entries[key] = (value, weight)
        self.held += weight
        while len(self._entries) > self.count or self.held > self.weight:
            _, (_, oldest) = self._entries.popitem(last=False)
            self.held -= oldest

    def keys(self) -> Iterator[K]:
        """The keys, oldest first."""
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
