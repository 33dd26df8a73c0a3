"""What robots and programs are sent, held to what their makers document."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from activities.notifications.domain.webhook import Format, Target, accepted, post

SAID = {"id": "1", "kind": "ACCESS_ALERT", "text": "异常访问"}
NOW = 1_790_000_000.25


def test_dingtalk_signs_the_address() -> None:
    target = Target("https://robot.test/send?access_token=t", Format.DINGTALK, "SEC1")

    sent = post(target, SAID, NOW)

    asked = parse_qs(urlsplit(sent.url).query)
    mac = hmac.new(b"SEC1", b"1790000000250\nSEC1", hashlib.sha256).digest()
    assert asked == {
        "access_token": ["t"],
        "timestamp": ["1790000000250"],
        "sign": [base64.b64encode(mac).decode()],
    }
    assert json.loads(sent.body) == {"msgtype": "text", "text": {"content": "异常访问"}}


def test_feishu_signs_in_the_body() -> None:
    sent = post(Target("https://robot.test/hook/t", Format.FEISHU, "SEC1"), SAID, NOW)

    mac = hmac.new(b"1790000000\nSEC1", b"", hashlib.sha256).digest()
    assert json.loads(sent.body) == {
        "msg_type": "text",
        "content": {"text": "异常访问"},
        "timestamp": "1790000000",
        "sign": base64.b64encode(mac).decode(),
    }


def test_wecom_signs_nothing() -> None:
    sent = post(Target("https://robot.test/send?key=t", Format.WECOM, "unused"), SAID, NOW)

    assert sent.url == "https://robot.test/send?key=t"
    assert json.loads(sent.body) == {"msgtype": "text", "text": {"content": "异常访问"}}


def test_a_program_has_everything_under_a_mac() -> None:
    sent = post(Target("https://program.test/", Format.JSON, "SEC1"), SAID, NOW)

    mac = hmac.new(b"SEC1", b"1790000000." + sent.body, hashlib.sha256).hexdigest()
    assert json.loads(sent.body) == SAID
    assert sent.headers["x-huichi-timestamp"] == "1790000000"
    assert sent.headers["x-huichi-signature"] == f"v1={mac}"


@pytest.mark.parametrize("format", Format)
def test_without_a_secret_nothing_is_signed(format: Format) -> None:
    sent = post(Target("https://x.test/", format), SAID, NOW)

    assert sent.url == "https://x.test/"
    assert "sign" not in sent.body.decode()
    assert set(sent.headers) == {"content-type"}


@pytest.mark.parametrize(
    ("format", "status", "answer", "arrived"),
    [
        (Format.JSON, 204, None, True),
        (Format.JSON, 302, None, False),
        (Format.JSON, 500, None, False),
        (Format.DINGTALK, 200, {"errcode": 0, "errmsg": "ok"}, True),
        (Format.DINGTALK, 200, {"errcode": 310000, "errmsg": "sign not match"}, False),
        (Format.WECOM, 200, {"errcode": 93000}, False),
        (Format.WECOM, 200, None, False),
        (Format.FEISHU, 200, {"code": 0, "msg": "success"}, True),
        (Format.FEISHU, 200, {"code": 19021, "msg": "sign match fail"}, False),
    ],
)
def test_a_robot_says_in_its_answer_whether_it_took_it(
    format: Format, status: int, answer: object, arrived: bool
) -> None:
    assert accepted(Target("https://x.test/", format), status, answer) is arrived
