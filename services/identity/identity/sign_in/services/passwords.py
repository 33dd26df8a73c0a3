"""Password hashing beside the event loop, on few threads: a flood of sign-ins slows sign-ins only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from chassis.errors import Throttled
from identity.sign_in.domain import password

T = TypeVar("T")

THREADS = 2
MOST_WAITING = 200


class Passwords:
    """Hashes and checks. Each check takes about 20 ms of one processor and 19 MiB."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        self._words = tuple(words)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="password")
        self._waiting = 0

    async def accepted(self, text: str, username: str, name: str = "", *, field: str) -> str:
        """The password, if it is not guessed soon; `name` is how its owner is called."""
        words = (*self._words, name)
        return await self._run(
            lambda: password.check_strength(text, username, field=field, words=words)
        )

    async def refuse_same(self, kept: str, text: str, *, field: str) -> None:
        """A password that has to be changed is changed to another one."""
        await self._run(lambda: password.check_changed(kept, text, field=field))

    async def hashed(self, text: str) -> str:
        """The password as it is kept."""
        return await self._run(lambda: password.hash_password(text))

    async def matches(self, kept: str | None, text: str) -> bool:
        """Whether this is the password; takes equally long if there is none."""
        return await self._run(lambda: password.matches(kept, text))

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise Throttled(
                "Too many people are signing in at this moment; try again in a few seconds.",
                "当前登录人数过多，请几秒后再试。",
                retry_after=5,
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
