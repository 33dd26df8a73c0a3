"""Documents that clients name instead of sending: those of a manifest, and those persisted on the way."""

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
from gateway.serving.cache import Recent
from gateway.serving.protection.rate_limits import connect, unreachable
from gateway.serving.requests.graphql_request import Question

log = logging.getLogger("gateway")

PREFIX = "sha256:"


class Manifest:
    """The documents that clients were built with, by id and by text."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._take(read_manifest(path))

    def reload(self) -> None:
        """Take what the file holds now, or keep what there is and say why."""
        try:
            found = read_manifest(self.path)
        except BadSettings as error:
            log.error("the new manifest is refused, the old one stays: %s", error.en)
            return
        if found != self.documents:
            self._take(found)
            log.info("a new manifest is served: %d documents", len(found))

    def _take(self, documents: Mapping[str, str]) -> None:
        self.documents = documents
        self.texts = frozenset(documents.values())


def read_manifest(path: Path) -> Mapping[str, str]:
    """Read `{"operations": …}` as an object by id or a list of `{id, body}`, or Relay's plain `{id: text}`."""
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise BadSettings(
            f"The manifest {path} cannot be read: {error}.", f"无法读取清单 {path}：{error}。"
        ) from error
    if isinstance(found, dict):
        found = found.get("operations", found)
    if isinstance(found, list):
        found = dict(_pair(item) for item in found)
    if not isinstance(found, dict) or not all(
        isinstance(id, str) and isinstance(text, str) for id, text in found.items()
    ):
        raise BadSettings(
            f'The manifest {path} must hold {{"operations": {{"<sha256>": "<document>"}}}}.',
            f'清单 {path} 的格式应为 {{"operations": {{"<sha256>": "<文档>"}}}}。',
        )
    return {id.removeprefix(PREFIX): text for id, text in found.items()}


def _pair(item: object) -> tuple[Any, Any]:
    return (item.get("id"), item.get("body")) if isinstance(item, dict) else (None, None)


class Stored:
    """Finds the text of a question that names a document, and refuses what is not on the list."""

    def __init__(
        self, manifest: Manifest | None, only: bool, persisted: PersistedQueries | None
    ) -> None:
        self.manifest = manifest
        self.only = only
        self.persisted = Persisted(persisted) if persisted and not only else None

    async def question(self, question: Question) -> Question:
        """The question with its text."""
        hash = _hash_of(question)
        if not question.query:
            text = await self._find(hash)
            return question._replace(query=text)
        if self.only and self.manifest and question.query not in self.manifest.texts:
            raise NotTrusted(
                "Only documents of the manifest are served here; register this one with a release "
                "of its client.",
                "此处只执行清单中的文档；请随客户端发布登记该文档。",
            )
        if hash and self.persisted and not self.only:
            await self.persisted.keep(hash, question.query)
        return question

    async def close(self) -> None:
        """Give connections back."""
        if self.persisted:
            await self.persisted.close()

    async def _find(self, hash: str) -> str:
        text = self.manifest.documents.get(hash) if self.manifest else None
        if text is None and self.persisted:
            text = await self.persisted.find(hash)
        if text is not None:
            return text
        if self.persisted:
            raise not_found()
        raise UnknownDocument(
            "The manifest holds no document of this id.", "清单中没有该编号的文档。"
        )


class Persisted:
    """Automatic persisted queries: here, and in Valkey for the other gateways."""

    def __init__(self, settings: PersistedQueries) -> None:
        self.settings = settings
        self._known: Recent[str, str] = Recent(settings.kept, 20_000_000)
        self._redis = connect(settings.redis_url) if settings.redis_url else None

    async def find(self, hash: str) -> str | None:
        """The text, if anybody persisted it."""
        text = self._known.get(hash)
        if text is not None or self._redis is None:
            return text
        try:
            found = await self._redis.get(f"gateway:document:{hash}")
        except unreachable():
            return None  # the client sends the text once more
        text = bytes(found).decode() if isinstance(found, bytes) else None
        if text is None or _digest(text) != hash:
            return None
        self._known.put(hash, text, len(text))
        return text

    async def keep(self, hash: str, text: str) -> None:
        """Persist a text under its own hash and no other."""
        if self._known.get(hash) == text:
            return
        if _digest(text) != hash:
            raise BadRequest(
                "The hash is not the SHA-256 of the query.", "哈希值与查询的 SHA-256 不符。"
            )
        self._known.put(hash, text, len(text))
        if self._redis:
            try:
                await self._redis.set(f"gateway:document:{hash}", text, ex=self.settings.seconds)
            except unreachable():
                log.warning("a persisted query is kept in this process only")

    async def close(self) -> None:
        """Give the connections back."""
        if self._redis:
            await self._redis.aclose()


def not_found() -> PersistedQueryNotFound:
    """As the protocol wants it: clients compare the message."""
    return PersistedQueryNotFound("PersistedQueryNotFound", "PersistedQueryNotFound")


def not_supported() -> PersistedQueryNotSupported:
    """As the protocol wants it: clients compare the message."""
    return PersistedQueryNotSupported("PersistedQueryNotSupported", "PersistedQueryNotSupported")


def _hash_of(question: Question) -> str:
    if question.document_id:
        return question.document_id.removeprefix(PREFIX)
    return persisted_hash(question.extensions)


def persisted_hash(extensions: Mapping[str, Any]) -> str:
    """The hash of the persisted-query protocol, or nothing."""
    found = extensions.get("persistedQuery")
    hash = found.get("sha256Hash") if isinstance(found, dict) else None
    return hash if isinstance(hash, str) else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
