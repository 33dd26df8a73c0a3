"""Bounded memories of what was worked out before, by age of use and by size."""

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

    def take(self, key: K) -> tuple[V, int] | None:
        """The entry and its weight, which is remembered here no longer."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.held -= entry[1]
        return entry

    def keys(self) -> Iterator[K]:
        """The keys, oldest first."""
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)


class Proven(Generic[K, V]):
    """The same for what may never be asked for again: a new entry is on trial, among a tenth of the
    count and half the weight, and joins the others when it is used. So what is made up anew with each
    request pushes out nothing that comes again, and takes little memory."""

    def __init__(self, count: int, weight: int) -> None:
        self._trial: Recent[K, V] = Recent(max(1, count // 10), weight // 2)
        self._proven: Recent[K, V] = Recent(count, weight)

    def get(self, key: K) -> V | None:
        """The entry, which is now the youngest, and proven."""
        found = self._proven.get(key)
        if found is None and (entry := self._trial.take(key)) is not None:
            self._proven.put(key, *entry)
            return entry[0]
        return found

    def put(self, key: K, value: V, weight: int) -> None:
        """Remember for a while, and for longer if it is used."""
        self._trial.put(key, value, weight)

    def keys(self) -> Iterator[K]:
        """The keys: those on trial, then the others, oldest first."""
        yield from self._trial.keys()
        yield from self._proven.keys()

    def __len__(self) -> int:
        return len(self._trial) + len(self._proven)
