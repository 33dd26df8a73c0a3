"""A device in a few words, and an address in part."""

from __future__ import annotations

import pytest

from identity.sign_in.domain.device import device_name, mask_address


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.4 Safari/605.1",
            "Safari, macOS",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox, Linux",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) MicroMessenger/8.0.40", "WeChat, iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) DingTalk/7.0", "DingTalk, Android"),
        ("Mozilla/5.0", "Browser"),
        ("python-requests/2.34.1", "python-requests 2.34.1"),
        ("gateway", ""),
        ("", ""),
        ("<script>alert(1)</script>", ""),
    ],
)
def test_says_what_it_is(agent: str, expected: str) -> None:
    assert device_name(agent) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.77", "203.0.113.x"),
        ("::ffff:203.0.113.77", "203.0.113.x"),
        ("2001:db8:1:2::3", "2001:0db8:0001:x"),
        ("127.0.0.1", "127.0.0.1"),
        ("not an address", ""),
        ("", ""),
    ],
)
def test_leaves_the_last_part_out(address: str, expected: str) -> None:
    assert mask_address(address) == expected
