"""Asks a running subgraph for its schema, the way every federated subgraph offers it."""

from datetime import timedelta
from typing import Any

import orjson
from pyreqwest.client import SyncClientBuilder
from pyreqwest.exceptions import PyreqwestError

from gateway.errors import SubgraphFailed

QUESTION = orjson.dumps({"query": "{_service{sdl}}"})


def ask_for_sdl(name: str, url: str, seconds: float = 10.0) -> str:
    """Return the SDL; raise SubgraphFailed with what came instead."""
    try:
        with SyncClientBuilder().no_proxy().timeout(timedelta(seconds=seconds)).build() as client:
            headers = {"content-type": "application/json", "accept": "application/json"}
            response = client.post(url).headers(headers).body_bytes(QUESTION).build().send()
            status, body = response.status, bytes(response.bytes())
    except (PyreqwestError, ValueError) as error:
        raise _failed(name, url, f"the request failed ({error})", f"请求失败（{error}）") from error
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


def _find(answer: Any) -> str | None:
    for key in ("data", "_service", "sdl"):
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer if isinstance(answer, str) else None


def _failed(name: str, url: str, why: str, warum: str) -> SubgraphFailed:
    return SubgraphFailed(
        f'The schema of subgraph "{name}" cannot be read from {url}: {why}.',
        f"无法从 {url} 读取子图“{name}”的 schema：{warum}。",
        service=name,
    )
