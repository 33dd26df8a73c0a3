"""Watermarks: which of several equivalent spellings an exported cell has names the export.

Every value has *places* where its spelling is free: the gap of a telephone number, the case of an
address that ignores case, the spaces of a text, the invisible end of a text. For each place the key
of the export chooses one of the sides, by the value itself and nothing else. So a cell can be read
alone: it may lose its row, its column and its neighbours. Every spelling is one that the pool reads
back as the same value; codes and ids are left alone, since users join tables by them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from chassis.errors import BadInput
from customers.pool.domain import email as emails, fields, phone as phones

KEY_BYTES = 32
# Characters that are invisible, survive the trimming of spaces, and are ignored at the ends of
# cells.
INVISIBLE = "\u200b\u200c\u200d\u2060"
TAIL = 2
_SPACES = " \u00a0"
_MOST_PLACES = 6
_TAIL = re.compile(f"[{INVISIBLE}]+$")
_EXTENSION = "转"
_SEGMENT = re.compile(r"(?:^|(?<=[.@_+-]))[a-z]")
_LABEL = re.compile(r"(?:^|(?<=[./-]))[a-z]")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place of a value: how many spellings it has, and which of them was read or is written."""

    channel: str
    value: str
    place: int
    sides: int
    side: int

    @property
    def message(self) -> bytes:
        """Return the message from which a key chooses the side."""
        return f"{self.channel}\0{self.value}\0{self.place}".encode()


def chosen(key: bytes, message: bytes, sides: int) -> int:
    """Return the side that the key of an export chooses: uniform, unpredictable without the key."""
    return int.from_bytes(blake2b(message, key=key, digest_size=8).digest(), "big") % sides


def marked(kind: str | None, value: str, key: bytes) -> str:
    """Return the value in the spelling that the key chooses.

    `kind` is text, phone, email or website; `None` leaves the value alone.
    """
    match kind:
        case "phone":
            choices = spellings(value)
            return choices[chosen(key, Mark("phone", value, 0, 1, 0).message, len(choices))]
        case "email":
            return _cased(value, "email", _SEGMENT, key)
        case "website":
            return _website(value, key)
        case "text":
            return _spaced(value, key) + _tail(value, key)
        case _:
            return value


def read(cell: str) -> Iterator[Mark]:
    """Yield every mark that a cell carries, whatever column it comes from."""
    text = cell.strip(" \t\r\n\ufeff\u3000\u00a0")
    if text[:1] == "'" and text[1:2] in tuple("=+-@"):
        text = text[1:]  # the guard against formulas
    tail = _TAIL.search(text)
    core = text[: tail.start()] if tail else text
    core = core.strip(" \t\r\n\ufeff\u3000\u00a0")
    if not core or len(core) > 2_000:
        return
    if tail and len(tail[0]) == TAIL:
        digits = [INVISIBLE.index(character) for character in tail[0]]
        yield Mark("tail", plain(core), 0, len(INVISIBLE) ** TAIL, digits[0] * 4 + digits[1])
    yield from _read_phone(core) or _read_email(core) or _read_website(core) or _read_spaces(core)


def plain(text: str) -> str:
    """Return a text as the pool stores it, from any of its spellings."""
    bare = "".join(character for character in text if character not in INVISIBLE)
    return " ".join(unicodedata.normalize("NFC", bare).split())


# ── telephone numbers ────────────────────────────────────────────────────────────────────────────


def spellings(number: str) -> tuple[str, ...]:
    """Return usual spellings of a normalised number.

    None of them is one that a spreadsheet program takes for a sum or strips of a zero.
    """
    main, _, extension = number.partition(";ext=")
    end = f"{_EXTENSION}{extension}" if extension else ""
    return tuple(spelling + end for spelling in _spellings(main))


def _spellings(main: str) -> tuple[str, ...]:
    digits = main.removeprefix("+")
    if not main.startswith("+86"):
        if len(digits) < 8 or not main.startswith("+"):
            return (main,)
        head, last = digits[:-4], digits[-4:]
        return main, f"+{head} {last}", f"+{head}-{last}", f"+{head[:-3]} {head[-3:]} {last}"
    national = digits[2:]
    if phones.is_mobile(main):
        a, b, c = national[:3], national[3:7], national[7:]
        return (
            national,
            f"{a} {b} {c}",
            f"{a}-{b}-{c}",
            f"{a} {b}{c}",
            f"{a}-{b}{c}",
            f"86 {national}",
            f"86-{national}",
            f"86 {a} {b} {c}",
        )
    if national[:3] in ("400", "800"):
        a, b, c = national[:3], national[3:6], national[6:]
        return national, f"{a}-{b}-{c}", f"{a} {b} {c}", f"{a}-{b}{c}"
    code = 2 if national.startswith(("10", "2")) else 3
    area, local = national[:code], national[code:]
    b, c = local[:-4], local[-4:]
    return (
        f"0{area}-{local}",
        f"0{area} {local}",
        f"(0{area}){local}",
        f"(0{area}) {local}",
        f"0{area}-{b} {c}",
        f"0{area} {b} {c}",
        f"0{area}-{b}-{c}",
        f"86-{area}-{local}",
    )


def _read_phone(core: str) -> list[Mark]:
    if sum(character.isdigit() for character in core) < 7 or len(core) > 40:
        return []
    try:
        number = phones.normalise(core)
    except BadInput:
        return []
    choices = spellings(number)
    spelled = unicodedata.normalize("NFKC", core)
    if spelled not in choices or len(choices) == 1:
        return []
    return [Mark("phone", number, 0, len(choices), choices.index(spelled))]


# ── internet addresses: their case has no meaning ────────────────────────────────────────────────


def _cased(value: str, channel: str, starts: re.Pattern[str], key: bytes) -> str:
    letters = list(value)
    for place, start in enumerate(starts.finditer(value)):
        if place == _MOST_PLACES:
            break
        if chosen(key, Mark(channel, value, place, 2, 0).message, 2):
            letters[start.start()] = letters[start.start()].upper()
    return "".join(letters)


def _read_case(shown: str, value: str, channel: str, starts: re.Pattern[str]) -> list[Mark]:
    if shown.lower() != value:
        return []
    return [
        Mark(channel, value, place, 2, int(shown[start.start()].isupper()))
        for place, start in enumerate(starts.finditer(value))
        if place < _MOST_PLACES
    ]


def _read_email(core: str) -> list[Mark]:
    if "@" not in core:
        return []
    try:
        return _read_case(core, emails.normalise(core), "email", _SEGMENT)
    except BadInput:
        return []


def _website(value: str, key: bytes) -> str:
    scheme, host, rest = _split(value)
    shown = _cased(host, "site", _LABEL, key)
    forms = _forms(scheme, rest)
    before, after = forms[chosen(key, Mark("form", value, 0, 1, 0).message, len(forms))]
    return before + shown + rest + after


def _forms(scheme: str, rest: str) -> tuple[tuple[str, str], ...]:
    """Return what may surround host and path: `https://` and a final slash are optional."""
    befores = (scheme, "") if scheme == "https://" else (scheme,)
    afters = ("", "/") if not rest else ("",)
    return tuple((before, after) for before in befores for after in afters)


def _split(value: str) -> tuple[str, str, str]:
    scheme, _, bare = value.partition("://")
    host, slash, path = bare.partition("/")
    return f"{scheme}://", host, slash + path


def _read_website(core: str) -> list[Mark]:
    if "." not in core or "@" in core:
        return []
    try:
        value = fields.website(core)
    except BadInput:
        return []
    scheme, host, rest = _split(value)
    scheme_match = re.match(r"(?i)https?://", core)
    before = scheme if scheme_match else ""
    bare = core[scheme_match.end() :] if scheme_match else core
    after = "/" if not rest and bare.endswith("/") else ""
    marks = _read_case(bare[: len(host)], host, "site", _LABEL)
    forms = _forms(scheme, rest)
    if (before, after) in forms and len(forms) > 1:
        marks.append(Mark("form", value, 0, len(forms), forms.index((before, after))))
    return marks


# ── texts ────────────────────────────────────────────────────────────────────────────────────────


def _tail(value: str, key: bytes) -> str:
    side = chosen(key, Mark("tail", value, 0, 1, 0).message, len(INVISIBLE) ** TAIL)
    return INVISIBLE[side // 4] + INVISIBLE[side % 4]


def _spaced(value: str, key: bytes) -> str:
    parts = value.split(" ")
    shown = parts[0]
    for place, part in enumerate(parts[1:]):
        side = 0
        if place < _MOST_PLACES:
            side = chosen(key, Mark("space", value, place, 2, 0).message, 2)
        shown += _SPACES[side] + part
    return shown


def _read_spaces(core: str) -> list[Mark]:
    gaps = re.findall(r"\s+", core)
    if not gaps or any(gap not in _SPACES for gap in gaps):
        return []
    value = plain(core)
    return [
        Mark("space", value, place, 2, _SPACES.index(gap))
        for place, gap in enumerate(gaps[:_MOST_PLACES])
    ]
