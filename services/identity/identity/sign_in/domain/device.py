"""Name the device and network of a sign-in so that the owner of a session can recognise it.

A browser and a system in a few words, and a network address with its last part hidden.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

MAX_DEVICE_NAME = 60
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
    """The network address and the device that a sign-in comes from."""

    address: str
    device: str

    @classmethod
    def of(cls, address: str, user_agent: str) -> Origin:
        """Build an origin from a network address and a User-Agent header."""
        return cls(address[:100], device_name(user_agent))


def device_name(user_agent: str) -> str:
    """Return a short device name from a User-Agent header; empty where it names no device."""
    if user_agent.startswith("Mozilla/"):
        browser = next((name for mark, name in _BROWSERS if mark in user_agent), "Browser")
        system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
        return f"{browser}, {system}" if system else browser
    product = _PRODUCT.match(user_agent)
    if product is None or product[1] == "gateway":  # the gateway is no device of a user
        return ""
    return f"{product[1].strip()} {product[2] or ''}".strip()[:MAX_DEVICE_NAME]


def mask_address(address: str) -> str:
    """Return a network address without its last part; empty where it is no IP address."""
    try:
        ip_address = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if ip_address.is_loopback:
        return address
    if isinstance(ip_address, ipaddress.IPv6Address) and ip_address.ipv4_mapped:
        ip_address = ip_address.ipv4_mapped
    if isinstance(ip_address, ipaddress.IPv4Address):
        return ".".join([*str(ip_address).split(".")[:3], "x"])
    return ":".join([*ip_address.exploded.split(":")[:3], "x"])
