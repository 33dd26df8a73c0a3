"""A supergraph published in Valkey or Redis: one key points at the version that is served.

`redis://host/0?pointer=shop` names the key that holds the name of another key, and that one holds
the SDL. So a version is written whole before the pointer names it, it never changes, and going back
means pointing at it again.
"""

import hashlib
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from gateway.errors import BadSettings, BadSupergraph

TIMEOUT_SECONDS = 3.0
OLD_VERSION_SECONDS = 30 * 86_400
"""How long a version is kept after the pointer names another one."""


def is_published(supergraph: object) -> bool:
    """Tell whether this is an address in Valkey rather than a file or the SDL itself."""
    return isinstance(supergraph, str) and supergraph.startswith(("redis://", "rediss://"))


class PublishedSupergraph:
    """One pointer; each use is a short connection of its own, so none is held over a fork."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query))
        self.pointer = options.pop("pointer", "")
        if not self.pointer:
            raise BadSettings(
                "Say which key points at the supergraph: redis://host:6379/0?pointer=NAME.",
                "请指明指向 supergraph 的键：redis://host:6379/0?pointer=NAME。",
            )
        self._url = urlunsplit(parts._replace(query=urlencode(options)))
        self.display = f"{parts.scheme}://{parts.hostname}{parts.path}?pointer={self.pointer}"
        """The address without a password, for messages."""

    def version(self) -> str | None:
        """Return the key pointed at; None when Valkey is unreachable or nothing is published."""
        try:
            with self._connect() as redis:
                return _text(redis.get(self.pointer))
        except _errors():
            return None

    def read(self) -> str:
        """Return the SDL of the version pointed at; raises BadSupergraph."""
        try:
            with self._connect() as redis:
                version = _text(redis.get(self.pointer))
                sdl = _text(redis.get(version)) if version else None
        except _errors() as error:
            raise self._unreadable(*_reason(error)) from error
        if version is None:
            raise self._unreadable("nothing is published there", "尚未发布任何版本")
        if sdl is None:
            raise self._unreadable(
                f"it points at {version}, which does not exist", f"指向的版本 {version} 不存在"
            )
        return sdl

    def publish(self, sdl: str) -> str:
        """Write a version, point at it, and return its key; raises BadSupergraph."""
        version = f"{self.pointer}:{hashlib.sha256(sdl.encode()).hexdigest()[:16]}"
        try:
            with self._connect() as redis:
                redis.set(version, sdl)  # whole, before the pointer names it; never to expire
                previous = _text(redis.getset(self.pointer, version))
                if previous and previous != version:
                    redis.expire(previous, OLD_VERSION_SECONDS)
        except _errors() as error:
            raise self._unreadable(*_reason(error)) from error
        return version

    def _connect(self) -> Any:
        try:
            from redis import Redis
        except ImportError as error:
            raise BadSettings(
                "A published supergraph needs the package redis: pip install redis.",
                "读取已发布的 supergraph 需要安装 redis 包：pip install redis。",
            ) from error
        return Redis.from_url(
            self._url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )

    def _unreadable(self, why: str, why_zh: str) -> BadSupergraph:
        return BadSupergraph(
            f"The supergraph {self.display} cannot be read: {why}.",
            f"无法读取 supergraph {self.display}：{why_zh}。",
        )


def _reason(error: Exception) -> tuple[str, str]:
    name = type(error).__name__
    return f"Valkey is unreachable ({name})", f"Valkey 无法访问（{name}）"


def _text(value: Any) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


def _errors() -> tuple[type[Exception], ...]:
    try:
        from redis.exceptions import RedisError
    except ImportError:
        return (OSError,)
    return (RedisError, OSError, UnicodeDecodeError)
