"""One subscription at a subgraph for all clients who ask the same with the same headers.

A source that everybody listens to waits a second for whoever falls behind, then leaves them; so nobody holds the
others up twice, and a source faster than all its listeners is slowed. It ends with its last listener.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from gateway.errors import SubscriberTooSlow
from gateway.execution.transport import Answer
from gateway.execution.tree import copied
from gateway.serving.observability.metrics import Metrics

PATIENCE = 1.0
"""Seconds that all wait for one."""

Key = tuple[object, ...]
Fresh = Callable[[], AsyncGenerator[Answer, None]]
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
        self._known: dict[Key, _Source] = {}

    async def events(self, key: Key, fresh: Fresh) -> AsyncGenerator[Answer, None]:
        """Yield what comes from now on; raise what ends the source, or SubscriberTooSlow."""
        source = self._known.get(key)
        queue: Queue = asyncio.Queue(self.waiting)
        if source is None:
            source = self._known[key] = _Source(queues={queue})
            source.listening = asyncio.create_task(self._listen(key, source, fresh))
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
                self._forget(key, source)
                source.listening.cancel()

    async def _listen(self, key: Key, source: _Source, fresh: Fresh) -> None:
        last: Exception | None = None
        events = fresh()
        try:
            async for event in events:
                for queue in tuple(source.queues):
                    answer: Answer = copied(event)  # everybody builds a tree of their own
                    try:
                        if queue.full():
                            await asyncio.wait_for(queue.put(answer), PATIENCE)
                        else:
                            queue.put_nowait(answer)
                    except TimeoutError:
                        source.queues.discard(queue)
                        _end(queue, too_slow())
                if not source.queues:
                    break
        except Exception as error:
            last = error
        finally:
            self._forget(key, source)
            for queue in tuple(source.queues):
                _end(queue, last)
            await events.aclose()

    def _forget(self, key: Key, source: _Source) -> None:
        if self._known.get(key) is source:
            del self._known[key]


def _end(queue: Queue, last: Exception | None) -> None:
    while queue.full():
        queue.get_nowait()
    queue.put_nowait(last)


def too_slow() -> SubscriberTooSlow:
    """Why a client is left."""
    return SubscriberTooSlow(
        "Events come faster than this client takes them; subscribe again.",
        "客户端接收事件过慢，订阅已结束；请重新订阅。",
    )
