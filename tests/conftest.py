"""Hands the server fixtures to every test of the tree, and says how a run goes."""

from __future__ import annotations

from tests.support import budget
from tests.support.servers import (
    database,
    databases,
    empty_redis,
    postgres_url,
    redis_url,
)

__all__ = ["database", "databases", "empty_redis", "postgres_url", "redis_url"]

pytest_plugins = ["tests.support.run"]

# Before any test module is imported: `@settings` takes what it does not name from the profile.
budget.use_profile()
