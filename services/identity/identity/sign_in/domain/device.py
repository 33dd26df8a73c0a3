"""What a session's owner recognises it by: a browser and a system in a few words, an address in part."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

LONGEST = 60
# In this order: each of them claims to be the ones below it.
_BROWSERS = (
    ("MicroMessenger/", "WeChat"),
    ("DingTalk/", "DingTalk"),
    ("Lark/", "Feishu"),
    ("wxwork/", "WeCom"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"([A-Za-z][\w .+-]{0,39})(?:/([\d.]{1,20}))?")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a sign-in comes from."""

    address: str
    device: str

    @classmethod
    def of(cls, address: str, agent: str) -> Origin:
        return cls(address[:100], described(agent))


def described(agent: str) -> str:
    """A device in a few words, from the header that clients introduce themselves with."""
    if agent.startswith("Mozilla/"):
        browser = next((name for mark, name in _BROWSERS if mark in agent), "Browser")
        system = next((name for mark, name in _SYSTEMS if mark in agent), "")
        return f"{browser}, {system}" if system else browser
    found = _PRODUCT.match(agent)
    if found is None or found[1] == "gateway":  # the gateway is nobody's device
        return ""
    return f"{found[1].strip()} {found[2] or ''}".strip()[:LONGEST]


def masked(address: str) -> str:
    """An address without the part that tells one neighbour from another."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if found.is_loopback:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if isinstance(found, ipaddress.IPv4Address):
        return ".".join([*str(found).split(".")[:3], "x"])
    return ":".join([*found.exploded.split(":")[:3], "x"])
