"""HTTP to sign-in providers: short, bounded, without redirects, and off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson
import requests

SECONDS = (3.05, 7.0)
LARGEST = 1024 * 1024
THREADS = 8


class NoAnswer(Exception):
    """The provider gave no answer that could be used; the text is for the log."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON object."""

    status: int
    body: Mapping[str, Any]


class Wire:
    """One a process; threads of its own, so that a slow provider slows sign-ins by it only."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="oidc")

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Raises `NoAnswer`."""
        return await self._run("GET", url, None, headers or {})

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Raises `NoAnswer`."""
        return await self._run("POST", url, form, headers)

    async def _run(
        self, method: str, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> Answer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _ask, method, url, form, headers)


def _ask(
    method: str, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]
) -> Answer:
    try:
        with requests.request(
            method,
            url,
            data=dict(form) if form else None,
            headers={"accept": "application/json", **headers},
            timeout=SECONDS,
            allow_redirects=False,
            stream=True,
        ) as answer:
            raw = answer.raw.read(LARGEST + 1, decode_content=True)
            status = answer.status_code
    except (requests.RequestException, OSError, ValueError) as problem:
        raise NoAnswer(type(problem).__name__) from problem
    if len(raw) > LARGEST:
        raise NoAnswer("too large")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as problem:
        raise NoAnswer(f"status {status}, no JSON") from problem
    if not isinstance(body, dict):
        raise NoAnswer(f"status {status}, no JSON object")
    return Answer(status, body)
