"""One subscription at a subgraph for all clients that subscribe to the same with equal headers.

A shared source waits a second for a listener that falls behind, then drops it; so no listener holds
the others up twice, and a source faster than all its listeners is slowed. It ends with its last
listener.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from gateway.errors import SubscriberTooSlow
from gateway.execution.transport import Answer
from gateway.execution.tree import deep_copy
from gateway.serving.observability.metrics import Metrics

SLOW_LISTENER_SECONDS = 1.0
"""How long all listeners wait for a slow one."""

Key = tuple[object, ...]
Subscribe = Callable[[], AsyncGenerator[Answer, None]]
Queue = asyncio.Queue[Answer | Exception | None]


@dataclass(slots=True)
class _Source:
    listening: asyncio.Task[None] | None = None
    queues: set[Queue] = field(default_factory=set)


class SharedSources:
    """The sources of one process that have listeners."""

    def __init__(self, waiting: int, metrics: Metrics) -> None:
        self.waiting = waiting
        self.metrics = metrics
        self._sources: dict[Key, _Source] = {}

    async def events(self, key: Key, subscribe: Subscribe) -> AsyncGenerator[Answer, None]:
        """Yield the events from now on; raises what ends the source, or SubscriberTooSlow."""
        source = self._sources.get(key)
        queue: Queue = asyncio.Queue(self.waiting)
        if source is None:
            source = self._sources[key] = _Source(queues={queue})
            source.listening = asyncio.create_task(self._listen(key, source, subscribe))
        else:
            source.queues.add(queue)
        joined = len(source.queues) > 1
        self.metrics.shared_sources += joined
        try:
            while (event := await queue.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.metrics.shared_sources -= joined
            source.queues.discard(queue)
            if not source.queues and source.listening is not None:
                self._remove(key, source)
                source.listening.cancel()

    async def _listen(self, key: Key, source: _Source, subscribe: Subscribe) -> None:
        last: Exception | None = None
        events = subscribe()
        try:
            async for event in events:
                for queue in tuple(source.queues):
                    answer: Answer = deep_copy(event)  # each listener builds a tree of its own
                    try:
                        if queue.full():
                            await asyncio.wait_for(queue.put(answer), SLOW_LISTENER_SECONDS)
                        else:
                            queue.put_nowait(answer)
                    except TimeoutError:
                        source.queues.discard(queue)
                        _close(queue, subscriber_too_slow())
                if not source.queues:
                    break
        except Exception as error:
            last = error
        finally:
            self._remove(key, source)
            for queue in tuple(source.queues):
                _close(queue, last)
            await events.aclose()

    def _remove(self, key: Key, source: _Source) -> None:
        if self._sources.get(key) is source:
            del self._sources[key]


def _close(queue: Queue, last: Exception | None) -> None:
    while queue.full():
        queue.get_nowait()
    queue.put_nowait(last)


def subscriber_too_slow() -> SubscriberTooSlow:
    """Return the error for a client that takes its events too slowly."""
    return SubscriberTooSlow(
        "Events come faster than this client takes them; subscribe again.",
        "客户端接收事件过慢，订阅已结束；请重新订阅。",
    )
