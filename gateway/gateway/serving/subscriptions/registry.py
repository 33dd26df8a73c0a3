"""The subscriptions under way in one process: their number, shared sources and event streams."""

import asyncio
import contextlib
from collections.abc import Iterator

from gateway.errors import TooManySubscriptions
from gateway.serving.observability.metrics import Metrics
from gateway.serving.subscriptions.shared_sources import SharedSources
from gateway.settings import Settings


class SubscriptionRegistry:
    """Limits the number of subscriptions, and knows the event streams that must end at shutdown."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.limits = settings.subscription_limits
        self.metrics = metrics
        self.shared_sources = SharedSources(self.limits.waiting, metrics)
        self.streams: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def reserve(self) -> Iterator[None]:
        """Count one subscription while it lasts; raises TooManySubscriptions at the limit."""
        if self.metrics.subscriptions >= self.limits.per_process:
            raise TooManySubscriptions(
                "This gateway carries as many subscriptions as it can; try again later.",
                "此网关的订阅数已达上限；请稍后再试。",
            )
        self.metrics.subscriptions += 1
        try:
            yield
        finally:
            self.metrics.subscriptions -= 1

    def end_streams(self) -> None:
        """End every event stream, so that its client connects to another gateway."""
        for stream in self.streams:
            stream.cancel()
