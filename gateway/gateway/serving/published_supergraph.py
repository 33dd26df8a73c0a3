"""A supergraph published in Valkey or Redis: one key points at the version that is served.

`redis://host/0?pointer=shop` names the key that holds the name of another one, and that one the SDL. So a version
is written before anybody is pointed at it, it never changes, and going back means pointing at it again.
"""

import hashlib
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from gateway.errors import BadSettings, BadSupergraph

SECONDS = 3.0
KEPT_SECONDS = 30 * 86_400
"""How long a version is kept that nothing points at any more."""


def is_published(supergraph: object) -> bool:
    """Whether this is an address in Valkey rather than a file or the SDL itself."""
    return isinstance(supergraph, str) and supergraph.startswith(("redis://", "rediss://"))


class Published:
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
        self.shown = f"{parts.scheme}://{parts.hostname}{parts.path}?pointer={self.pointer}"
        """The address without a password, for messages."""

    def version(self) -> str | None:
        """The key pointed at; None when nobody answers or nothing is published."""
        try:
            with self._connected() as redis:
                return _text(redis.get(self.pointer))
        except _errors():
            return None

    def read(self) -> str:
        """The SDL of the version pointed at; raises BadSupergraph."""
        try:
            with self._connected() as redis:
                version = _text(redis.get(self.pointer))
                sdl = _text(redis.get(version)) if version else None
        except _errors() as error:
            raise self._unreadable(type(error).__name__) from error
        if version is None:
            raise self._unreadable("nothing is published there")
        if sdl is None:
            raise self._unreadable(f"it points at {version}, which is not there")
        return sdl

    def publish(self, sdl: str) -> str:
        """Write a version, point at it, and say its name; raises BadSupergraph."""
        version = f"{self.pointer}:{hashlib.sha256(sdl.encode()).hexdigest()[:16]}"
        try:
            with self._connected() as redis:
                redis.set(version, sdl)  # whole, before anybody is pointed at it; never to expire
                before = _text(redis.getset(self.pointer, version))
                if before and before != version:
                    redis.expire(before, KEPT_SECONDS)
        except _errors() as error:
            raise self._unreadable(type(error).__name__) from error
        return version

    def _connected(self) -> Any:
        try:
            from redis import Redis
        except ImportError as error:
            raise BadSettings(
                "A published supergraph needs the package redis: pip install redis.",
                "读取已发布的 supergraph 需要安装 redis 包：pip install redis。",
            ) from error
        return Redis.from_url(self._url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)

    def _unreadable(self, why: str) -> BadSupergraph:
        return BadSupergraph(
            f"The supergraph {self.shown} is not to be had: {why}.",
            f"无法读取 supergraph {self.shown}：{why}。",
        )


def _text(value: Any) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


def _errors() -> tuple[type[Exception], ...]:
    try:
        from redis.exceptions import RedisError
    except ImportError:
        return (OSError,)
    return (RedisError, OSError, UnicodeDecodeError)
