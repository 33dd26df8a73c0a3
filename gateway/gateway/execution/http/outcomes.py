"""The outcome of an HTTP request: a response, or one of five reasons why there is none."""

from typing import NamedTuple


class WireError(Exception):
    """There is no usable response."""


class NoConnection(WireError):
    """No connection was accepted, so nothing was sent."""

    @property
    def slow(self) -> bool:
        """Tell whether connecting timed out; another attempt would take as long."""
        return isinstance(self.__cause__, TimeoutError)


class Broken(WireError):
    """The connection ended before the response did."""


class TimedOut(WireError):
    """The response was not there in time."""


class NotHTTP(WireError):
    """The bytes received are not an HTTP response."""


class TooLong(WireError):
    """The response exceeds the limit."""


class Reply(NamedTuple):
    """A complete response."""

    status: int
    kind: str
    """Its content type in lower case, empty without one."""
    body: bytes | bytearray
