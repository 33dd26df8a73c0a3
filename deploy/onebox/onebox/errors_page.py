"""docs/errors.md: every error code a client may receive, described by its exception class."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from chassis.errors import FAMILY
from gateway.errors import GatewayError, SubgraphFailed

_HEAD = """\
# Error codes

<!-- Generated from chassis.errors and gateway.errors by `make schemas`; do not edit. -->

The codes are part of the API: they do not change, their messages may. A message is written for the
reader, in English or in Chinese (`Accept-Language: zh`). An error carries its code in
`extensions.code`; in the payload of a mutation the same code stands in `errors { code message path
conflictVersion }`, and nothing of the mutation was done.
"""

_SERVICES = """
## From the services

They mean the same in an answer of the gateway, which adds `extensions.service` to them.
"""

_GATEWAY = """
## From the gateway

The gateway is a general GraphQL gateway and uses the codes that clients of other gateways know.
The HTTP status is the one for clients that accept `application/graphql-response+json`.
"""


def text() -> str:
    """Return the page as Markdown."""
    services = ((kind.code, kind.status, _meaning(kind)) for kind in FAMILY)
    gateway = ((kind.code, kind.status, _meaning(kind)) for kind in _of_the_gateway())
    return "".join([_HEAD, _SERVICES, _table(services), _GATEWAY, _table(gateway)])


def _of_the_gateway() -> list[type[GatewayError]]:
    """Return the gateway's errors in the order of their definition, without abstract ones."""
    errors: list[type[GatewayError]] = []
    waiting: list[type[GatewayError]] = [GatewayError]
    while waiting:
        kinds = waiting.pop(0).__subclasses__()
        errors += kinds
        waiting += kinds
    return sorted(
        (kind for kind in errors if kind is not SubgraphFailed),
        key=lambda kind: inspect.getsourcelines(kind)[1],
    )


def _table(rows: Iterator[tuple[str, int, str]]) -> str:
    lines = [f"| `{code}` | {status} | {meaning} |" for code, status, meaning in rows]
    return "\n| code | HTTP | what it means |\n|---|---|---|\n" + "\n".join(lines) + "\n"


def _meaning(kind: type) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split())
