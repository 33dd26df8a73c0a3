"""HTTP client for sign-in providers: short timeouts, bounded, no redirects, off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson
import requests

TIMEOUT_SECONDS = (3.05, 7.0)
MAX_RESPONSE_BYTES = 1024 * 1024
THREADS = 8


class NoUsableResponse(Exception):
    """The provider gave no usable response; the text is for the log."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A status and a JSON object."""

    status: int
    body: Mapping[str, Any]


class HttpClient:
    """The HTTP client of a process.

    It has threads of its own, so that a slow provider slows down only sign-ins through providers.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="oidc")

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
        """Send a GET request. Raises `NoUsableResponse`."""
        return await self._run("GET", url, None, headers or {})

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> HttpResponse:
        """Send a form in a POST request. Raises `NoUsableResponse`."""
        return await self._run("POST", url, form, headers)

    async def _run(
        self, method: str, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> HttpResponse:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _send, method, url, form, headers)


def _send(
    method: str, url: str, form: Mapping[str, str] | None, headers: Mapping[str, str]
) -> HttpResponse:
    try:
        with requests.request(
            method,
            url,
            data=dict(form) if form else None,
            headers={"accept": "application/json", **headers},
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,
        ) as response:
            content = response.raw.read(MAX_RESPONSE_BYTES + 1, decode_content=True)
            status = response.status_code
    except (requests.RequestException, OSError, ValueError) as problem:
        raise NoUsableResponse(type(problem).__name__) from problem
    if len(content) > MAX_RESPONSE_BYTES:
        raise NoUsableResponse("too large")
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as problem:
        raise NoUsableResponse(f"status {status}, no JSON") from problem
    if not isinstance(body, dict):
        raise NoUsableResponse(f"status {status}, no JSON object")
    return HttpResponse(status, body)
