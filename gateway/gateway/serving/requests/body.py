"""Reads the body of an HTTP request from ASGI, within a limit of bytes."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from gateway.errors import BadRequest, TooLarge

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


async def body_pieces(
    headers: Mapping[str, str], receive: Receive, limit: int
) -> AsyncIterator[bytes]:
    """Yield the body as it comes; raises TooLarge above `limit` bytes."""
    _check_length(headers, limit)
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _disconnected()
        more = message.get("more_body", False)
        size += len(message.get("body", b""))
        if size > limit:
            raise too_large(limit)
        yield message.get("body", b"")


async def read_body(headers: Mapping[str, str], receive: Receive, limit: int) -> bytes | bytearray:
    """Return the whole body; raises TooLarge above `limit` bytes."""
    _check_length(headers, limit)
    message = await receive()
    body: bytes | bytearray = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _disconnected()
        body = bytearray(body) if isinstance(body, bytes) else body
        body += message.get("body", b"")
        if len(body) > limit:
            break
    if len(body) > limit:
        raise too_large(limit)
    return body


def too_large(limit: int) -> TooLarge:
    """Return the refusal of a body larger than `limit` bytes."""
    return TooLarge(
        f"The request is larger than {limit} bytes; send less at once.",
        f"请求超过 {limit} 字节；请减少单次请求的内容。",
        limit=limit,
    )


def _check_length(headers: Mapping[str, str], limit: int) -> None:
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise too_large(limit)


def _disconnected() -> BadRequest:
    return BadRequest(
        "The client disconnected before the whole body was sent.", "客户端在请求体传完前断开。"
    )
