"""The state of one running gateway; what is made from the supergraph is swapped as a whole."""

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

from gateway.errors import BadSupergraph, GatewayError
from gateway.execution.http.client import Subgraphs
from gateway.execution.streams.sources import Sources
from gateway.serving.documents.document_cache import DocumentCache, Key
from gateway.serving.documents.override_rollout import OverrideRollout
from gateway.serving.documents.persisted_documents import persisted_documents
from gateway.serving.observability.metrics import Metrics
from gateway.serving.observability.tracing import Tracing
from gateway.serving.protection.request_guard import RequestGuard
from gateway.serving.published_supergraph import PublishedSupergraph, is_published
from gateway.serving.subscriptions.registry import SubscriptionRegistry
from gateway.settings import Settings
from gateway.supergraph import Supergraph, load

log = logging.getLogger("gateway")

WARMED = 100
"""Documents that are prepared for a new supergraph before it is served."""


class State:
    """One gateway: its supergraph's documents, its connections, its metrics.

    The supergraph is read when this is made; connections and the exporter's thread only by `start`,
    which a forked child calls after the fork.
    """

    subgraphs: Subgraphs
    sources: Sources
    subscriptions: SubscriptionRegistry
    tracing: Tracing

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.sdl = read_supergraph(settings.supergraph)
        self.rollout = OverrideRollout(load(self.sdl), settings)
        self.guard = RequestGuard(settings, self.metrics)
        self.persisted = persisted_documents(settings)
        self.ready = False

    async def start(self) -> None:
        """Open what each process must open for itself, after a fork."""
        self.tracing = Tracing(self.settings, self.metrics)
        self.subgraphs = Subgraphs(
            self._addresses(self.documents.supergraph), self.settings.subgraph_limits
        )
        self.sources = Sources(
            self.subgraphs.addresses,
            self.settings.event_sources,
            self.settings.subgraph_limits,
            self.settings.subscription_limits,
        )
        self.subscriptions = SubscriptionRegistry(self.settings, self.metrics)
        self.ready = True

    async def stop(self) -> None:
        """Close what `start` opened."""
        self.ready = False
        await self.guard.close()
        if self.persisted is not None:
            await self.persisted.close()
        await self.sources.close()
        await self.subgraphs.close()
        await asyncio.to_thread(self.tracing.close)

    async def follow(self) -> None:
        """Watch, until cancelled, the files that may change while they are served."""
        watched: dict[Path | PublishedSupergraph, Callable[[], Awaitable[object]]] = {}
        if isinstance(self.settings.supergraph, Path):
            watched[self.settings.supergraph] = self.reload
        elif is_published(self.settings.supergraph):
            watched[PublishedSupergraph(str(self.settings.supergraph))] = self.reload
        if self.persisted and (manifest := self.persisted.manifest):
            watched[manifest.path] = lambda: asyncio.to_thread(manifest.reload)
        # The first stamp differs from none, so changes between reading and watching are noticed.
        seen: dict[Path | PublishedSupergraph, object] = {}
        while watched:
            for place, reload in watched.items():
                stamp = await asyncio.to_thread(_stamp, place)
                if stamp is not None and stamp != seen.get(place):
                    seen[place] = stamp
                    taken = await reload()
                    # What was read may be newer than its stamp; if the stamp then came back to
                    # the older one, the newer would be served for ever.
                    if taken is False or await asyncio.to_thread(_stamp, place) != stamp:
                        del seen[place]
            await asyncio.sleep(self.settings.reload_seconds)

    async def reload(self) -> bool:
        """Serve the new supergraph, or keep the old one and log why.

        Returns False when another attempt may succeed without another change.
        """
        try:
            sdl = await asyncio.to_thread(read_supergraph, self.settings.supergraph)
        except GatewayError as error:
            return self._refuse(error, settled=not is_published(self.settings.supergraph))
        if sdl == self.sdl:
            return True
        try:
            # In a thread: a large supergraph takes longer to read than requests should wait.
            rollout = await asyncio.to_thread(
                self._prepare, sdl, tuple(self.documents.entries.keys())
            )
        except GatewayError as error:
            return self._refuse(error, settled=True)
        self.subgraphs = self.subgraphs.with_addresses(self._addresses(rollout.supergraph))
        self.sources = self.sources.with_addresses(self.subgraphs.addresses)
        self.rollout, self.sdl = rollout, sdl
        self.metrics.loaded_at = time.time()
        self.metrics.reloads.add(("outcome", "taken"))
        log.info("a new supergraph is served: %s", fingerprint(sdl))
        return True

    def _refuse(self, error: GatewayError, *, settled: bool) -> bool:
        self.metrics.reloads.add(("outcome", "refused"))
        log.error("the new supergraph is refused, the old one stays: %s", error.en)
        return settled

    @property
    def documents(self) -> DocumentCache:
        """The documents of requests that no progressive override by percentage concerns."""
        return self.rollout.base

    def _prepare(self, sdl: str, used: tuple[Key, ...]) -> OverrideRollout:
        """Return the new supergraph's documents, with those used last prepared already."""
        rollout = OverrideRollout(load(sdl), self.settings)
        for text, name in used[-WARMED:]:
            rollout.base.prepare(text, name, lambda _: nullcontext())
            rollout.base.cached(text, name)  # so that it does not count as new
        return rollout

    def _addresses(self, supergraph: Supergraph) -> Mapping[str, str]:
        addresses = {name: endpoint.url for name, endpoint in supergraph.endpoints.items()}
        for name, url in self.settings.subgraph_urls.items():
            if name not in addresses:
                log.warning("subgraph_urls holds an address for %r, which is no subgraph", name)
            addresses[name] = url
        return addresses


def read_supergraph(supergraph: Path | str) -> str:
    """Return the SDL from a file, from Valkey, or the text itself; raises BadSupergraph."""
    if isinstance(supergraph, str):
        return PublishedSupergraph(supergraph).read() if is_published(supergraph) else supergraph
    try:
        return supergraph.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSupergraph(
            f"The supergraph {supergraph} cannot be read: {error}.",
            f"无法读取 supergraph {supergraph}：{error}。",
        ) from error


def fingerprint(sdl: str) -> str:
    """Return a short name for one version of a supergraph."""
    return hashlib.sha256(sdl.encode()).hexdigest()[:12]


def _stamp(place: Path | PublishedSupergraph) -> object | None:
    """Return a value that changes with the place; None when it cannot be read now."""
    if isinstance(place, PublishedSupergraph):
        return place.version()
    with contextlib.suppress(OSError):
        status = place.stat()
        return status.st_mtime_ns, status.st_size, status.st_ino
    return None
