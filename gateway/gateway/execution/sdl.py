"""Fetches the schema of a running subgraph by `_service{sdl}`, which all federated ones offer."""

import asyncio
from typing import Any

import orjson

from gateway.errors import SubgraphFailed
from gateway.execution.http.connection_pool import Origin
from gateway.execution.http.outcomes import Reply, WireError

QUERY = orjson.dumps({"query": "{_service{sdl}}"})
HEADERS = b"content-type: application/json\r\naccept: application/json\r\nuser-agent: gateway\r\n"
MOST_BYTES = 32_000_000


def fetch_sdl(name: str, url: str, seconds: float = 10.0) -> str:
    """Return the SDL; raises SubgraphFailed that says what the subgraph sent instead."""
    try:
        status, _, body = asyncio.run(_request(url, seconds))
    except (WireError, ValueError) as error:
        why = str(error) or type(error).__name__
        raise _failed(name, url, f"the request failed ({why})", f"请求失败（{why}）") from error
    try:
        sdl = _find(orjson.loads(body))
    except orjson.JSONDecodeError:
        sdl = None
    if sdl is None:
        raise _failed(
            name,
            url,
            f"it answered HTTP {status} without a schema; is it a federated GraphQL endpoint?",
            f"返回 HTTP {status}，其中没有 schema；它是联邦 GraphQL 端点吗？",
        )
    return sdl


async def _request(url: str, seconds: float) -> Reply:
    origin = Origin(url, connections=1, connect_seconds=seconds, response_bytes=MOST_BYTES)
    try:
        return await origin.post(HEADERS, QUERY, seconds)
    finally:
        origin.close()


def _find(answer: Any) -> str | None:
    for key in ("data", "_service", "sdl"):
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer if isinstance(answer, str) else None


def _failed(name: str, url: str, why: str, why_zh: str) -> SubgraphFailed:
    return SubgraphFailed(
        f'The schema of subgraph "{name}" cannot be read from {url}: {why}.',
        f"无法从 {url} 读取子图“{name}”的 schema：{why_zh}。",
        service=name,
    )
