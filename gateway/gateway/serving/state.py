"""Everything one running gateway holds; what comes from the supergraph is swapped whole when that changes."""

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
from gateway.serving.documents.document_cache import Documents, Key
from gateway.serving.documents.override_rollout import Rollout
from gateway.serving.observability.metrics import Metrics
from gateway.serving.observability.tracing import Tracing
from gateway.serving.protection.request_guard import Edge
from gateway.serving.published_supergraph import Published, is_published
from gateway.serving.subscriptions.subscription import Crowd
from gateway.settings import Settings
from gateway.supergraph import Supergraph, load

log = logging.getLogger("gateway")

WARMED = 100


class State:
    """One gateway: its supergraph's documents, its connections, its numbers.

    The supergraph is read when this is made; connections and the exporter's thread only by `start`,
    which a forked child calls after the fork.
    """

    subgraphs: Subgraphs
    sources: Sources
    crowd: Crowd
    tracing: Tracing

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.sdl = read(settings.supergraph)
        self.rollout = Rollout(load(self.sdl), settings)
        self.edge = Edge(settings, self.metrics)
        self.ready = False

    async def start(self) -> None:
        """Open what a process must open for itself."""
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
        self.crowd = Crowd(self.settings, self.metrics)
        self.ready = True

    async def stop(self) -> None:
        """Close it again."""
        self.ready = False
        await self.edge.close()
        await self.sources.close()
        await self.subgraphs.close()
        await asyncio.to_thread(self.tracing.close)

    async def follow(self) -> None:
        """Watch the files that may change while they are served, for ever."""
        watched: dict[Path | Published, Callable[[], Awaitable[object]]] = {}
        if isinstance(self.settings.supergraph, Path):
            watched[self.settings.supergraph] = self.reload
        elif is_published(self.settings.supergraph):
            watched[Published(str(self.settings.supergraph))] = self.reload
        if self.edge.stored and (manifest := self.edge.stored.manifest):
            watched[manifest.path] = lambda: asyncio.to_thread(manifest.reload)
        # What changed between reading and watching is noticed too: the first look differs from nothing.
        seen: dict[Path | Published, object] = {}
        while watched:
            for place, reload in watched.items():
                stamp = await asyncio.to_thread(_stamp, place)
                if stamp is not None and stamp != seen.get(place):
                    seen[place] = stamp
                    if await reload() is False:
                        del seen[place]
            await asyncio.sleep(self.settings.reload_seconds)

    async def reload(self) -> bool:
        """Take the new supergraph, or keep the old one and say why; False when a later look may succeed."""
        try:
            sdl = await asyncio.to_thread(read, self.settings.supergraph)
        except GatewayError as error:
            return self._refuse(error, settled=not is_published(self.settings.supergraph))
        if sdl == self.sdl:
            return True
        try:
            # In a thread: a large supergraph takes longer to read than requests should wait.
            rollout = await asyncio.to_thread(self._fresh, sdl, tuple(self.documents.known.keys()))
        except GatewayError as error:
            return self._refuse(error, settled=True)
        self.subgraphs = self.subgraphs.moved(self._addresses(rollout.supergraph))
        self.sources = self.sources.moved(self.subgraphs.addresses)
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
    def documents(self) -> Documents:
        """The documents where no override's luck is thrown."""
        return self.rollout.base

    def _fresh(self, sdl: str, busy: tuple[Key, ...]) -> Rollout:
        """The new supergraph's documents, with those used last prepared already."""
        rollout = Rollout(load(sdl), self.settings)
        for text, name in busy[-WARMED:]:
            rollout.base.prepare(text, name, lambda _: nullcontext())
            rollout.base.cached(text, name)  # it has proven itself already
        return rollout

    def _addresses(self, supergraph: Supergraph) -> Mapping[str, str]:
        addresses = {name: endpoint.url for name, endpoint in supergraph.endpoints.items()}
        for name, url in self.settings.subgraph_urls.items():
            if name not in addresses:
                log.warning("an address is given for %r, which is no subgraph", name)
            addresses[name] = url
        return addresses


def read(supergraph: Path | str) -> str:
    """The SDL, from wherever the settings say."""
    if isinstance(supergraph, str):
        return Published(supergraph).read() if is_published(supergraph) else supergraph
    try:
        return supergraph.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSupergraph(
            f"The supergraph {supergraph} cannot be read: {error}.",
            f"无法读取 supergraph {supergraph}：{error}。",
        ) from error


def fingerprint(sdl: str) -> str:
    """A short name for one version of a supergraph."""
    return hashlib.sha256(sdl.encode()).hexdigest()[:12]


def _stamp(place: Path | Published) -> object | None:
    """What changes when the place does; None when it cannot be looked at now."""
    if isinstance(place, Published):
        return place.version()
    with contextlib.suppress(OSError):
        found = place.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
    return None
