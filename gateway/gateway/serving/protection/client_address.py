"""The address of a client: the connection's, or what a trusted proxy says about it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from gateway.errors import BadSettings

Network = IPv4Network | IPv6Network


class ClientAddresses:
    """Reads client addresses, believing the trusted proxies."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self.trusted: tuple[Network, ...] = tuple(_network(text) for text in trusted_proxies)

    def address(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> str:
        """Return the last address that is not a trusted proxy; empty for Unix sockets."""
        client = scope.get("client")
        address = client[0] if client else ""
        if not self.trusted:
            return address
        for earlier in reversed(headers.get("x-forwarded-for", "").split(",")):
            if not _is_in(address, self.trusted) or not earlier.strip():
                break
            address = earlier.strip()
        return address


def _network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise BadSettings(
            f'"{text}" in trusted_proxies is not a network; write it like 10.0.0.0/8.',
            f"“{text}”（trusted_proxies）不是网段；格式如 10.0.0.0/8。",
        ) from error


@lru_cache(maxsize=4096)
def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
