"""Chooses the media type of an answer by the client's `Accept` header."""

from typing import Final

from gateway.errors import NotAcceptable

JSON: Final = "application/json"
GRAPHQL: Final = "application/graphql-response+json"
MULTIPART_MIXED: Final = "multipart/mixed"


def media_type(accept: str | None) -> str:
    """Return what the client likes best, plain JSON when it has no preference.

    Raises NotAcceptable when it accepts none of them.
    """
    if not accept or accept == "*/*":
        return JSON
    if accept in (JSON, GRAPHQL):
        return accept
    best, best_quality = "", 0.0
    for part in accept.split(","):
        name, _, parameters = part.strip().partition(";")
        offered = _OFFERED.get(name.strip().lower())
        quality = _quality(parameters)
        if offered and quality > best_quality:
            best, best_quality = offered, quality
    if not best and MULTIPART_MIXED in accept.lower():
        return JSON  # each part is JSON, and an answer may have only one
    if not best:
        raise NotAcceptable(
            f"The answer is written as {GRAPHQL} or {JSON}; accept one of them.",
            f"响应格式为 {GRAPHQL} 或 {JSON}；请在 Accept 中接受其一。",
        )
    return best


_OFFERED = {JSON: JSON, GRAPHQL: GRAPHQL, "*/*": JSON, "application/*": JSON}


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
