"""Documents that clients name: those of a manifest, and automatic persisted queries."""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from gateway.errors import (
    BadRequest,
    BadSettings,
    NotTrusted,
    PersistedQueryNotFound,
    PersistedQueryNotSupported,
    UnknownDocument,
)
from gateway.protection import PersistedQueries
from gateway.serving.cache import LruCache
from gateway.serving.requests.graphql_request import GraphQLRequest
from gateway.serving.valkey import connect, unreachable
from gateway.settings import Settings

log = logging.getLogger("gateway")

PREFIX = "sha256:"


class Manifest:
    """The trusted documents of a manifest file, by id and by text."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._set(read_manifest(path))

    def reload(self) -> None:
        """Serve what the file holds now, or keep the old documents and log why."""
        try:
            documents = read_manifest(self.path)
        except BadSettings as error:
            log.error("the new manifest is refused, the old one stays: %s", error.en)
            return
        if documents != self.documents:
            self._set(documents)
            log.info("a new manifest is served: %d documents", len(documents))

    def _set(self, documents: Mapping[str, str]) -> None:
        self.documents = documents
        self.texts = frozenset(documents.values())


def read_manifest(path: Path) -> Mapping[str, str]:
    """Return the documents of a manifest by id; raises BadSettings.

    It holds `{"operations": …}`, by id or as a list of `{id, body}`, or Relay's `{id: text}`.
    """
    try:
        manifest = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise BadSettings(
            f"The manifest {path} cannot be read: {error}.", f"无法读取清单 {path}：{error}。"
        ) from error
    if isinstance(manifest, dict):
        manifest = manifest.get("operations", manifest)
    if isinstance(manifest, list):
        manifest = dict(_pair(item) for item in manifest)
    if not isinstance(manifest, dict) or not all(
        isinstance(id, str) and isinstance(text, str) for id, text in manifest.items()
    ):
        raise BadSettings(
            f'The manifest {path} must hold {{"operations": {{"<sha256>": "<document>"}}}}.',
            f'清单 {path} 的格式应为 {{"operations": {{"<sha256>": "<文档>"}}}}。',
        )
    return {id.removeprefix(PREFIX): text for id, text in manifest.items()}


def _pair(item: object) -> tuple[Any, Any]:
    return (item.get("id"), item.get("body")) if isinstance(item, dict) else (None, None)


class PersistedDocuments:
    """Finds the documents that requests name, and refuses those that are not trusted."""

    def __init__(
        self, manifest: Manifest | None, only: bool, persisted: PersistedQueries | None
    ) -> None:
        self.manifest = manifest
        self.only = only
        self.queries = PersistedQueryCache(persisted) if persisted and not only else None

    async def resolve(self, request: GraphQLRequest) -> GraphQLRequest:
        """Return the request with its document's text.

        Raises UnknownDocument, PersistedQueryNotFound, NotTrusted, or BadRequest for a wrong hash.
        """
        sha256 = _hash_of(request)
        if not request.query:
            return request._replace(query=await self._find(sha256))
        if self.only and self.manifest and request.query not in self.manifest.texts:
            raise NotTrusted(
                "Only documents of the manifest are served here; register this one with a release "
                "of its client.",
                "此处只执行清单中的文档；请随客户端发布登记该文档。",
            )
        if sha256 and self.queries and not self.only:
            await self.queries.put(sha256, request.query)
        return request

    async def close(self) -> None:
        """Close the connections."""
        if self.queries:
            await self.queries.close()

    async def _find(self, sha256: str) -> str:
        text = self.manifest.documents.get(sha256) if self.manifest else None
        if text is None and self.queries:
            text = await self.queries.get(sha256)
        if text is not None:
            return text
        if self.queries:
            raise _not_found()
        raise UnknownDocument(
            "The manifest holds no document with this id; "
            "register it with a release of its client.",
            "清单中没有该编号的文档；请随客户端发布登记该文档。",
        )


def persisted_documents(settings: Settings) -> PersistedDocuments | None:
    """Return what the settings ask for; None when clients send every document's text."""
    protection = settings.protection
    trusted = protection.trusted
    if trusted is None and protection.persisted is None:
        return None
    only = trusted is not None and (settings.production if trusted.only is None else trusted.only)
    manifest = Manifest(trusted.manifest) if trusted else None
    return PersistedDocuments(manifest, only, protection.persisted)


class PersistedQueryCache:
    """Automatic persisted queries: in this process, and in Valkey for the other gateways."""

    def __init__(self, settings: PersistedQueries) -> None:
        self.settings = settings
        self._texts: LruCache[str, str] = LruCache(settings.kept, 20_000_000)
        self._redis = connect(settings.redis_url) if settings.redis_url else None

    async def get(self, sha256: str) -> str | None:
        """Return the text with this SHA-256 (hex); None when it was not persisted."""
        text = self._texts.get(sha256)
        if text is not None or self._redis is None:
            return text
        try:
            stored = await self._redis.get(f"gateway:document:{sha256}")
        except unreachable():
            return None  # the client sends the text once more
        text = bytes(stored).decode() if isinstance(stored, bytes) else None
        if text is None or _digest(text) != sha256:
            return None
        self._texts.put(sha256, text, len(text))
        return text

    async def put(self, sha256: str, text: str) -> None:
        """Persist a text under its SHA-256 (hex); raises BadRequest for any other hash."""
        if self._texts.get(sha256) == text:
            return
        if _digest(text) != sha256:
            raise BadRequest(
                "sha256Hash is not the SHA-256 of the query.", "sha256Hash 与查询的 SHA-256 不符。"
            )
        self._texts.put(sha256, text, len(text))
        if self._redis:
            try:
                await self._redis.set(f"gateway:document:{sha256}", text, ex=self.settings.seconds)
            except unreachable():
                log.warning("a persisted query is kept in this process only")

    async def close(self) -> None:
        """Close the connections."""
        if self._redis:
            await self._redis.aclose()


def _not_found() -> PersistedQueryNotFound:
    """Return the error of the protocol, whose message clients compare."""
    return PersistedQueryNotFound("PersistedQueryNotFound", "PersistedQueryNotFound")


def persisted_queries_unsupported() -> PersistedQueryNotSupported:
    """Return the error of the protocol, whose message clients compare."""
    return PersistedQueryNotSupported("PersistedQueryNotSupported", "PersistedQueryNotSupported")


def _hash_of(request: GraphQLRequest) -> str:
    if request.document_id:
        return request.document_id.removeprefix(PREFIX)
    return persisted_hash(request.extensions)


def persisted_hash(extensions: Mapping[str, Any]) -> str:
    """Return the hash of the persisted-query protocol; empty when there is none."""
    persisted = extensions.get("persistedQuery")
    sha256 = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    return sha256 if isinstance(sha256, str) else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
