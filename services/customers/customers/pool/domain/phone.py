"""Telephone numbers in their normal spelling: RFC 3966, `+8613800001111`, `+861088886666;ext=801`.

A mainland mobile, a landline with its area code, and the 400/800 service numbers are recognised
without a country code; every other country's number needs its `+` and code.
"""

from __future__ import annotations

import re
import unicodedata

from chassis.errors import BadInput

_EXTENSION = re.compile(
    r"(?:转|轉|分机|分機|内线|extension|ext\.?|x|#|;ext=)\s*[:.]?\s*(\d{1,6})$", re.I
)
# 010-88886666-801: after an area code and a whole number, one more group is the extension.
_DASHED_EXTENSION = re.compile(
    r"^((?:(?:\+|00)?86[\s\-]*)?\(?0?\d{2,3}\)?[\s\-]*\d{7,8})[\s\-]+(\d{1,6})$"
)
_SEPARATORS = re.compile(r"[\s\-‐-―−.()\[\]·•]+")
_LABEL = re.compile(r"^(?:电话|手机|手机号|tel|phone|mobile)\s*[.:]?\s*", re.I)
_MOBILE = re.compile(r"1[3-9]\d{9}")
_LANDLINE = re.compile(r"0?(10\d{8}|2\d\d{8}|[3-9]\d\d\d{7,8})")
_SERVICE = re.compile(r"[48]00\d{7}")
_SEVERAL = re.compile(r"\d{5,}\s*[/,;、|]\s*\+?[\d(]{3,}")


def normalise(text: str, field: str = "phone") -> str:
    """Return the number in its normal spelling. Raises `BadInput`."""
    plain = _LABEL.sub("", unicodedata.normalize("NFKC", text).strip())
    if "*" in plain:
        raise _bad(
            "is masked (*); all its digits are required", "含有掩码 *，请填写完整号码", field
        )
    if _SEVERAL.search(plain):
        raise _bad(
            "contains several numbers; only one is allowed", "包含多个号码，请只填一个", field
        )
    extension = ""
    if match := _EXTENSION.search(plain):
        extension = f";ext={match[1]}"
        plain = plain[: match.start()]
    elif match := _DASHED_EXTENSION.match(plain):
        plain, extension = match[1], f";ext={match[2]}"
    number = _SEPARATORS.sub("", plain)
    if not re.fullmatch(r"\+?\d+", number):
        raise _bad(
            "contains characters that a number cannot have", "含有号码中不应出现的字符", field
        )
    return _global(number, field) + extension


def is_mobile(number: str) -> bool:
    """Check whether a normalised number is a mainland mobile."""
    return bool(re.fullmatch(r"\+861[3-9]\d{9}", number))


def _global(number: str, field: str) -> str:
    abroad = number.startswith(("+", "00"))
    digits = number.lstrip("+") if number.startswith("+") else number
    if number.startswith("00"):
        digits = number[2:]
    if (domestic := _mainland(digits, abroad)) is not None:
        return f"+86{domestic}"
    if abroad and digits.startswith("86"):
        raise _bad(
            "is not a mainland number: a mobile has 11 digits, a landline needs its area code",
            "不是有效的大陆号码：手机号为 11 位，固定电话需带区号",
            field,
        )
    if abroad and 7 <= len(digits) <= 15 and digits[0] != "0":
        return f"+{digits}"
    raise _explain(digits, field)


def _mainland(digits: str, abroad: bool) -> str | None:
    """Return the national number without 0 and 86; `None` for a number of another country."""
    if abroad:
        if not digits.startswith("86"):
            return None
        digits = digits[2:]
    for national in (digits, digits[2:] if digits.startswith("86") else ""):
        if _MOBILE.fullmatch(national) or _SERVICE.fullmatch(national):
            return national
        # Without the leading 0 only a country code in front shows that an area code follows.
        has_prefix = national.startswith("0") or abroad or national != digits
        if has_prefix and (landline := _LANDLINE.fullmatch(national)):
            return landline[1]
    return None


def _explain(digits: str, field: str) -> BadInput:
    if digits.startswith("1") and 9 <= len(digits) <= 13:
        return _bad(
            f"has {len(digits)} digits; a mobile has 11 and starts with 13 to 19",
            f"有 {len(digits)} 位数字，手机号应为 11 位且以 13–19 开头",
            field,
        )
    if len(digits) in (7, 8):
        return _bad(
            "has no area code; write it like 010-88886666",
            "缺少区号，请写成 010-88886666 的形式",
            field,
        )
    return _bad(
        "is not a mainland number; numbers of other countries start with + and the country code",
        "不是有效的大陆号码；其他国家或地区的号码请以 + 和国家代码开头",
        field,
    )


def _bad(en: str, zh: str, field: str) -> BadInput:
    return BadInput(f"The telephone number {en}.", f"电话号码{zh}。", field=field)
