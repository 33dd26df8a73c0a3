"""E-mail addresses in their normal spelling: trimmed, half width, lower case."""

from __future__ import annotations

import re
import unicodedata

from chassis.errors import BadInput

_ADDRESS = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~\-]{1,64}@"
    r"(?:[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\.)+[a-z0-9\-]{2,63}"
)


def normalise(text: str, field: str = "email") -> str:
    """Return the address in its normal spelling. Raises `BadInput`."""
    address = unicodedata.normalize("NFKC", text).strip().removeprefix("mailto:").lower()
    name, _, _ = address.partition("@")
    if "***" in name:
        raise BadInput(
            "The e-mail address is masked (***); the complete address is required.",
            "邮箱含有掩码 ***，请填写完整地址。",
            field=field,
        )
    if _ADDRESS.fullmatch(address) and ".." not in address and not _dotted(name):
        return address
    raise BadInput(
        "The e-mail address is not complete; it looks like name@example.com, without spaces.",
        "邮箱格式不正确，应形如 name@example.com，且不含空格。",
        field=field,
    )


def _dotted(name: str) -> bool:
    return name.startswith(".") or name.endswith(".")
