"""Applies the operator's header rules to what a subgraph is sent, one rule after the other."""

import re
from collections.abc import Mapping, Sequence

from gateway.errors import BadSettings
from gateway.execution.http.client import Headers
from gateway.protection import HeaderRule

# What belongs to one connection or one message, and must never travel to another.
_NEVER = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def check_rules(rules: Sequence[HeaderRule]) -> None:
    """Raise BadSettings for a rule whose name or value could break a request in two."""
    for rule in rules:
        if not _NAME.fullmatch(rule.name) or not _VALUE.fullmatch(rule.value):
            raise BadSettings(
                f'The header rule for "{rule.name}" has a name or value that HTTP forbids.',
                f"请求头规则“{rule.name}”的名称或值不符合 HTTP 规范。",
            )


_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def apply_rules(
    headers: Headers, rules: Sequence[HeaderRule], client: Mapping[str, str], subgraph: str
) -> Headers:
    """Return the headers of one subgraph's requests; `client` holds the client's own headers."""
    sent = dict(headers)
    for rule in rules:
        name = rule.name.lower()
        if rule.subgraph not in (None, subgraph) or name in _NEVER:
            continue
        if rule.action == "remove":
            sent.pop(name, None)
        elif rule.action == "insert":
            sent[name] = rule.value
        elif name in client:
            sent[rule.value.lower() or name] = client[name]
    return list(sent.items())
