"""What comes of a request on the wire: an answer, or one of five reasons why there is none."""

from typing import NamedTuple


class WireError(Exception):
    """No answer; says why."""


class NoConnection(WireError):
    """Nobody accepted a connection, so nothing was sent."""

    @property
    def slow(self) -> bool:
        """Whether the time for connecting passed; trying again would take as long."""
        return isinstance(self.__cause__, TimeoutError)


class Broken(WireError):
    """The connection ended before the answer did."""


class TimedOut(WireError):
    """The answer was not there in time."""


class NotHTTP(WireError):
    """What came is not an HTTP answer."""


class TooLong(WireError):
    """The answer passes the limit."""


class Reply(NamedTuple):
    """An answer, whole."""

    status: int
    kind: str
    """Its content type, in small letters, or nothing."""
    body: bytes | bytearray
