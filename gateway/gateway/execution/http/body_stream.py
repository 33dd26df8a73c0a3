"""Sends a large body a little at a time, as fast as the other side takes it and never faster."""

import asyncio
from typing import TYPE_CHECKING

from gateway.execution.transport import Stream

if TYPE_CHECKING:
    from gateway.execution.http.connection import Connection
    from gateway.execution.http.outcomes import Reply


async def pour(connection: "Connection", stream: Stream, waiting: "asyncio.Future[Reply]") -> None:
    """Send the body behind its head; stop when the answer, or a failure, is there before the end."""
    connection.pouring = True
    pieces = stream.pieces()
    try:
        while not waiting.done():
            piece = await asyncio.to_thread(next, pieces, None)  # the disk may be slow
            if piece is None:
                connection.pouring = False  # whole: after its answer the connection is anybody's
                return
            if waiting.done():
                break
            connection.transport.write(piece)
            if connection.clear is not None:
                await asyncio.wait((connection.clear, waiting), return_when="FIRST_COMPLETED")
    finally:
        if connection.pouring:  # what the other side did not read must not be taken for a request
            connection.close()
