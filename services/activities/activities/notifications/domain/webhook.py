"""How a notification is written for a program outside, or for a robot in a group chat.

The robots' formats and signatures are those their makers document for custom robots: DingTalk signs
`<milliseconds>\\n<secret>` with the secret and adds it to the address, Feishu signs nothing with the key
`<seconds>\\n<secret>` and adds it to the body, WeCom has no signature. Ours is a MAC over time and body.
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
    """Who reads it."""

    JSON = "json"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"
    WECOM = "wecom"


@dataclass(frozen=True, slots=True)
class Target:
    """Where notifications go, and as what. The address of a robot holds its token, so it is secret."""

    url: str
    format: Format
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """One HTTP request."""

    url: str
    body: bytes
    headers: Mapping[str, str]


def post(target: Target, said: Mapping[str, Any], now: float) -> Post:
    """The request that tells of a notification; `said` is its JSON, with its sentence as `text`."""
    url, content = target.url, said
    match target.format:
        case Format.JSON:
            pass
        case Format.DINGTALK:
            url, content = _signed_address(target, now), _text(said)
        case Format.WECOM:
            content = _text(said)
        case Format.FEISHU:
            content = {"msg_type": "text", "content": {"text": said["text"]}}
            content |= _feishu_signature(target.secret, now)
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"content-type": "application/json; charset=utf-8"}
    if target.format is Format.JSON and target.secret:
        headers |= _own_signature(target.secret, body, now)
    return Post(url, body, headers)


def taken(target: Target, status: int, answer: object) -> bool:
    """Whether it arrived: robots answer 200 to everything and say in the body whether they took it."""
    if not 200 <= status < 300:
        return False
    code = {Format.FEISHU: "code", Format.DINGTALK: "errcode", Format.WECOM: "errcode"}
    name = code.get(target.format)
    return name is None or (isinstance(answer, dict) and answer.get(name) == 0)


def _text(said: Mapping[str, Any]) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": said["text"]}}


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
