"""Sends a large body a little at a time, as fast as the other side takes it and never faster."""

import asyncio

from gateway.execution.http.connection import Connection
from gateway.execution.http.outcomes import Reply
from gateway.execution.transport import Stream


async def send_body(connection: Connection, stream: Stream, waiting: asyncio.Future[Reply]) -> None:
    """Send the body behind its head; stop when `waiting` is done before the body's end.

    A connection whose body was cut short is closed: the rest of the body is still expected on it.
    """
    pieces = stream.pieces()
    left = stream.size
    connection.sending_body = left > 0
    try:
        while left > 0 and not waiting.done():
            piece = await asyncio.to_thread(next, pieces, None)  # the disk may be slow
            if piece is None or waiting.done():
                break
            connection.transport.write(piece)
            left -= len(piece)
            # Known from the size, not from the pieces' end: the answer may be there before that is.
            connection.sending_body = left > 0
            if left > 0 and connection.writable is not None:
                await asyncio.wait((connection.writable, waiting), return_when="FIRST_COMPLETED")
    finally:
        if left > 0:  # what the other side did not read must not pass for a request
            connection.close()
