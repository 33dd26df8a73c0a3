"""Caches with bounds on the number of entries and on their weight together."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """Keeps the entries used last: at most `count` of them, weighing at most `weight` together."""

    def __init__(self, count: int, weight: int) -> None:
        self.count = count
        self.weight = weight
        self.held = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return the entry, which now counts as used last."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Add an entry, and drop those used longest ago while there is too much."""
        if weight > self.weight:
            return
        if key in self._entries:
            self.held -= self._entries.pop(key)[1]
        self._entries[key] = (value, weight)
        self.held += weight
        while len(self._entries) > self.count or self.held > self.weight:
            _, (_, oldest) = self._entries.popitem(last=False)
            self.held -= oldest

    def pop(self, key: K) -> tuple[V, int] | None:
        """Remove an entry and return it with its weight."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.held -= entry[1]
        return entry

    def keys(self) -> Iterator[K]:
        """Iterate over the keys, the one used longest ago first."""
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)


class SegmentedLruCache(Generic[K, V]):
    """An LRU cache for entries of which many are never used again (segmented LRU).

    A new entry is on trial, among a tenth of the count and half the weight, and joins the others
    when it is used. So documents that are written anew for each request push out none that comes
    again, and take little memory.
    """

    def __init__(self, count: int, weight: int) -> None:
        self._trial: LruCache[K, V] = LruCache(max(1, count // 10), weight // 2)
        self._protected: LruCache[K, V] = LruCache(count, weight)

    def get(self, key: K) -> V | None:
        """Return the entry, which now counts as used last, and is no longer on trial."""
        value = self._protected.get(key)
        if value is None and (entry := self._trial.pop(key)) is not None:
            self._protected.put(key, *entry)
            return entry[0]
        return value

    def put(self, key: K, value: V, weight: int) -> None:
        """Add an entry on trial."""
        self._trial.put(key, value, weight)

    def keys(self) -> Iterator[K]:
        """Iterate over the keys: those on trial, then the others, used longest ago first."""
        yield from self._trial.keys()
        yield from self._protected.keys()

    def __len__(self) -> int:
        return len(self._trial) + len(self._protected)
