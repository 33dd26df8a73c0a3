"""Reads the headers of HTTP requests, and says which ones belong to a refusal."""

from collections.abc import Iterable

from gateway.errors import GatewayError, MethodNotAllowed

Header = tuple[bytes, bytes]


def read_headers(headers: Iterable[Header]) -> dict[str, str]:
    """Return headers as text, by name; of several with one name the last."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}


def locale_of(accept_language: str) -> str:
    """Return the language of error texts, `zh` or `en`, by the client's `Accept-Language`."""
    return "zh" if accept_language.strip().lower().startswith("zh") else "en"


def error_headers(error: GatewayError) -> list[Header]:
    """Return the headers that belong to a refusal, such as `Retry-After` and `Allow`."""
    headers = [(name.encode(), value.encode()) for name, value in error.headers]
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", b"POST"))
    return headers
