"""Refuses cross-site requests: forms and plain GETs, which no CORS preflight guards."""

from collections.abc import Mapping, Sequence

from gateway.errors import BadRequest


def check_preflight(headers: Mapping[str, str], names: Sequence[str]) -> None:
    """Raise BadRequest unless a header is there that only a script of the same site can add.

    Browsers add `authorization` themselves for Basic and Negotiate, so only a bearer token counts.
    """
    if headers.get("authorization", "")[:7].lower() == "bearer ":
        return
    if not any(headers.get(name) for name in names):
        raise BadRequest(
            f"Send one of these headers, so that no other site can send this: {', '.join(names)}.",
            f"请携带以下请求头之一，以防跨站提交：{', '.join(names)}。",
        )
