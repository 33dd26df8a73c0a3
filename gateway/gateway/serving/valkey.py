"""Connects to Valkey or Redis, which several gateways share; an optional package."""

from typing import TYPE_CHECKING

from gateway.errors import BadSettings

if TYPE_CHECKING:
    from redis.asyncio import Redis

ANSWER_SECONDS = 0.25
"""A store that takes longer to answer than a request does counts as unreachable."""


def connect(url: str) -> "Redis":
    """Return a client that gives up quickly; raises BadSettings where the package is missing."""
    try:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError as error:
        raise BadSettings(
            "A redis_url needs the package redis: pip install redis.",
            "使用 redis_url 需要安装 redis 包：pip install redis。",
        ) from error
    client: Redis = Redis.from_url(
        url,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return client


def unreachable() -> tuple[type[Exception], ...]:
    """Return what an unreachable store raises; called in `except`, so it imports nothing before."""
    try:
        from redis.exceptions import RedisError
    except ImportError:
        return (OSError,)
    return (RedisError, OSError, TimeoutError)
