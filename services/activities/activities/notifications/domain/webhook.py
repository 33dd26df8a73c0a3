r"""The HTTP request that posts a notification to a program, or to a robot in a group chat.

The robots' formats and signatures are those their vendors document for custom robots. DingTalk
signs `<milliseconds>\n<secret>` with the secret and adds the signature to the address. Feishu
signs an empty message with the key `<seconds>\n<secret>` and adds the signature to the body. WeCom
has no signature. Our own format is signed with a MAC over time and body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode


class Format(StrEnum):
    """The format of a posted notification."""

    JSON = "json"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"
    WECOM = "wecom"


@dataclass(frozen=True, slots=True)
class Target:
    """Where notifications are posted; the address of a robot holds its token, so it is secret."""

    url: str
    format: Format
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """An HTTP POST request."""

    url: str
    body: bytes
    headers: Mapping[str, str]


def post(target: Target, notification: Mapping[str, Any], now: float) -> Post:
    """Return the request that posts a notification, given as JSON with its sentence as `text`.

    `now` is in seconds since the epoch.
    """
    url, content = target.url, notification
    match target.format:
        case Format.JSON:
            pass
        case Format.DINGTALK:
            url, content = _signed_address(target, now), _text(notification)
        case Format.WECOM:
            content = _text(notification)
        case Format.FEISHU:
            content = {"msg_type": "text", "content": {"text": notification["text"]}}
            content |= _feishu_signature(target.secret, now)
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"content-type": "application/json; charset=utf-8"}
    if target.format is Format.JSON and target.secret:
        headers |= _own_signature(target.secret, body, now)
    return Post(url, body, headers)


def accepted(target: Target, status: int, body: object) -> bool:
    """Return whether a notification was accepted.

    Robots answer 200 to everything; the body says whether they accepted it.
    """
    if not 200 <= status < 300:
        return False
    code = {Format.FEISHU: "code", Format.DINGTALK: "errcode", Format.WECOM: "errcode"}
    name = code.get(target.format)
    return name is None or (isinstance(body, dict) and body.get(name) == 0)


def _text(notification: Mapping[str, Any]) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": notification["text"]}}


def _signed_address(target: Target, now: float) -> str:
    if not target.secret:
        return target.url
    at = str(int(now * 1000))
    sign = _mac(target.secret, f"{at}\n{target.secret}")
    joint = "&" if "?" in target.url else "?"
    return f"{target.url}{joint}{urlencode({'timestamp': at, 'sign': sign})}"


def _feishu_signature(secret: str | None, now: float) -> dict[str, str]:
    if not secret:
        return {}
    at = str(int(now))
    return {"timestamp": at, "sign": _mac(f"{at}\n{secret}", "")}


def _own_signature(secret: str, body: bytes, now: float) -> dict[str, str]:
    at = str(int(now))
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"x-huichi-timestamp": at, "x-huichi-signature": f"v1={mac}"}


def _mac(key: str, message: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), message.encode(), "sha256")).decode()
