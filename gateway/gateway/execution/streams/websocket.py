"""Events of a subgraph over `graphql-transport-ws`, with a connection for each subscription."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)
from websockets.typing import Subprotocol

from gateway.execution.http.client import BUSY, Headers, is_answer
from gateway.execution.streams.failures import lost, refused
from gateway.execution.transport import Answer
from gateway.settings import SubgraphLimits

PROTOCOL = Subprotocol("graphql-transport-ws")
ID = "1"
FATAL_CLOSE_CODES = range(4400, 4500)


class _Connect(connect):
    """A connection that follows no redirects."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Refuse a redirect: a misconfiguration that would send the client's token elsewhere."""
        return exc


async def events(
    name: str, url: str, payload: Mapping[str, Any], headers: Headers, limits: SubgraphLimits
) -> AsyncGenerator[Answer, None]:
    """Yield every event until the subgraph completes the subscription; raises SubgraphFailed."""
    try:
        connection = await _open(name, url, headers, limits)
    except (OSError, TimeoutError) as error:
        raise lost(name, "it does not accept connections", "无法建立连接") from error
    try:
        async with asyncio.timeout(limits.seconds):
            await _initialise(name, connection, headers)
        await _send(connection, {"id": ID, "type": "subscribe", "payload": payload})
        async for message in _messages(name, connection):
            match message.get("type"):
                case "next" if is_answer(message.get("payload")):
                    yield message["payload"]
                case "error" if isinstance(message.get("payload"), list):
                    yield {"data": None, "errors": message["payload"]}
                    return
                case "complete":
                    return
                case "ping":
                    await _send(connection, {"type": "pong"})
                case "pong":
                    pass
                case _:
                    raise refused(
                        name, "it violates graphql-transport-ws", "违反 graphql-transport-ws 协议"
                    )
    except TimeoutError as error:
        raise lost(name, "it did not acknowledge the connection", "未确认连接") from error
    except ConnectionClosed as error:
        raise _closed(name, error) from error
    finally:
        # The closing handshake is worth waiting for only a moment.
        closing = asyncio.create_task(connection.close())
        await asyncio.wait([closing], timeout=1)


async def _open(name: str, url: str, headers: Headers, limits: SubgraphLimits) -> ClientConnection:
    try:
        return await _Connect(
            url,
            subprotocols=[PROTOCOL],
            additional_headers=list(headers),
            compression=None,
            user_agent_header="gateway",
            proxy=None,
            open_timeout=limits.connect_seconds,
            close_timeout=1,
            max_size=limits.response_bytes,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        if status in BUSY:
            raise lost(name, f"it answered HTTP {status}", f"返回 HTTP {status}") from error
        raise refused(name, f"it answered HTTP {status}", f"返回 HTTP {status}") from error
    except InvalidURI as error:
        raise refused(
            name, "its address is not a WebSocket address", "地址不是 WebSocket 地址"
        ) from error
    except InvalidHandshake as error:
        raise refused(
            name, "it does not support graphql-transport-ws", "不支持 graphql-transport-ws"
        ) from error
    except WebSocketException as error:
        raise lost(name, "the connection failed", "连接失败") from error


async def _initialise(name: str, connection: ClientConnection, headers: Headers) -> None:
    if connection.subprotocol != PROTOCOL:
        raise refused(
            name, "it does not support graphql-transport-ws", "不支持 graphql-transport-ws"
        )
    # Servers that cannot see the handshake's headers read the payload instead.
    await _send(connection, {"type": "connection_init", "payload": dict(headers)})
    async for message in _messages(name, connection):
        match message.get("type"):
            case "connection_ack":
                return
            case "ping":
                await _send(connection, {"type": "pong"})
            case "pong":
                pass
            case _:
                raise refused(
                    name, "it violates graphql-transport-ws", "违反 graphql-transport-ws 协议"
                )


async def _messages(name: str, connection: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    while True:
        text = await connection.recv()
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise refused(name, "it sent no JSON", "消息不是 JSON") from error
        if not isinstance(message, dict):
            raise refused(
                name, "it violates graphql-transport-ws", "违反 graphql-transport-ws 协议"
            )
        yield message


async def _send(connection: ClientConnection, message: Mapping[str, Any]) -> None:
    await connection.send(orjson.dumps(message).decode())


def _closed(name: str, error: ConnectionClosed) -> Exception:
    code = error.rcvd.code if error.rcvd else 1006
    sent = error.sent.code if error.sent and not error.rcvd_then_sent else 0
    if code in FATAL_CLOSE_CODES:
        return refused(name, f"it closed the connection with {code}", f"以 {code} 关闭了连接")
    if sent == 1009:
        return refused(name, "an event is too large", "事件过大")
    return lost(name, f"the connection was closed with {code}", f"连接以 {code} 关闭")
