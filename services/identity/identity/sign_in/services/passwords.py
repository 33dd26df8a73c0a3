"""Password hashing off the event loop, on few threads: a flood slows down sign-ins only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from chassis.errors import Throttled
from identity.sign_in.domain import password

T = TypeVar("T")

THREADS = 2
MAX_WAITING = 200


class PasswordService:
    """Hashes and verifies passwords; each takes about 20 ms of one processor and 19 MiB."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        self._words = tuple(words)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="password")
        self._waiting = 0

    async def check_strength(self, text: str, username: str, name: str = "", *, field: str) -> str:
        """Return the password if it is not easy to guess. Raises `BadInput`.

        `name` is the display name of its owner.
        """
        words = (*self._words, name)
        return await self._run(
            lambda: password.check_strength(text, username, field=field, words=words)
        )

    async def check_changed(self, current_hash: str, text: str, *, field: str) -> None:
        """Raise `BadInput` if a new password is the current one."""
        await self._run(lambda: password.check_changed(current_hash, text, field=field))

    async def hash_password(self, text: str) -> str:
        """Return the hash of a password."""
        return await self._run(lambda: password.hash_password(text))

    async def matches(self, password_hash: str | None, text: str) -> bool:
        """Return whether a password has this hash; takes equally long without a hash."""
        return await self._run(lambda: password.matches(password_hash, text))

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise Throttled(
                "Too many users are signing in at the moment; try again in a few seconds.",
                "当前登录人数过多，请几秒后再试。",
                retry_after=5,
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
