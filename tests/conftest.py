"""Hands the server fixtures to every test of the tree."""

from __future__ import annotations

from tests.support.servers import (
    database,
    databases,
    empty_redis,
    postgres_url,
    redis_url,
)

__all__ = ["database", "databases", "empty_redis", "postgres_url", "redis_url"]
