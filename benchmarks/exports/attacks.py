"""Attacks on an exported file before it is found; each returns the cells that are found."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Mapping

Rows = list[list[str]]
Attack = Callable[[Rows, Rows, Rows, random.Random], list[str]]
NAME, ENGLISH, PHONE, EMAIL, WEBSITE, ADDRESS = range(6)
INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff]")


def sample(rows: Rows, count: int, columns: tuple[int, ...], dice: random.Random) -> list[str]:
    """Return so many rows in another order, with these columns in another order."""
    order = dice.sample(columns, len(columns))
    return [row[column] for row in dice.sample(rows, count) for column in order]


ALL = (NAME, ENGLISH, PHONE, EMAIL, WEBSITE, ADDRESS)
NUMBERS_AND_ADDRESSES = (PHONE, EMAIL, WEBSITE, ENGLISH)


def each(change: Callable[[str], str], count: int, columns: tuple[int, ...] = ALL) -> Attack:
    """Return an attack that changes each cell of a sample."""
    return lambda mine, _other, _plain, dice: [
        change(cell) for cell in sample(mine, count, columns, dice)
    ]


def only(count: int, *columns: int) -> Attack:
    """Return an attack that keeps a sample of some columns."""
    return lambda mine, _other, _plain, dice: sample(mine, count, columns, dice)


def mixed(mine: Rows, other: Rows, _plain: Rows, dice: random.Random) -> list[str]:
    """Mix two copies cell by cell."""
    rows = [
        [dice.choice(pair) for pair in zip(*both, strict=True)]
        for both in zip(mine, other, strict=True)
    ]
    return sample(rows, 100, ALL, dice)


def diluted(mine: Rows, _other: Rows, plain: Rows, dice: random.Random) -> list[str]:
    """Hide fifty marked rows among five hundred unmarked ones."""
    return sample(mine[:50], 50, ALL, dice) + sample(plain[50:550], 500, ALL, dice)


def regular(cell: str) -> str:
    """Return a cell in one regular spelling, to remove every mark."""
    bare = " ".join(unicodedata.normalize("NFKC", INVISIBLE.sub("", cell)).split()).lower()
    if sum(character.isdigit() for character in bare) >= 10 and not re.search("[a-z.@号]", bare):
        bare = "+86" + re.sub(r"\D", "", bare).removeprefix("86")
    if bare.startswith("www."):
        bare = "https://" + bare
    return bare.rstrip("/")


def typed(_mine: Rows, _other: Rows, plain: Rows, dice: random.Random) -> list[str]:
    """Return cells that were typed independently of any export."""
    return sample(plain, 1000, ALL, dice)


ATTACKS: Mapping[str, Attack] = {
    "nothing": only(1000, *ALL),
    "20 rows, 3 of 6 columns, shuffled": only(20, NAME, PHONE, ADDRESS),
    "20 rows, the names only": only(20, NAME),
    "20 rows, the telephone numbers only": only(20, PHONE),
    "20 rows, the e-mail addresses only": only(20, EMAIL),
    "10 rows, the names only": only(10, NAME),
    "5 rows, all columns": only(5, *ALL),
    "5 rows, the names only": only(5, NAME),
    "20 rows, invisible characters removed": each(lambda cell: INVISIBLE.sub("", cell), 20),
    "20 rows, NFKC normalised": each(lambda cell: unicodedata.normalize("NFKC", cell), 20),
    "20 rows, trimmed": each(str.strip, 20),
    "20 rows, all in lower case": each(str.lower, 20),
    "20 rows, saved as GBK without what it lacks": each(
        lambda cell: cell.encode("gbk", "ignore").decode("gbk"), 20
    ),
    "20 rows, telephone numbers as bare digits": each(
        lambda cell: re.sub(r"[^\d+]", "", cell) if re.fullmatch(r"[\d +()-]+", cell) else cell, 20
    ),
    "20 numbers and addresses, printed and typed faithfully": each(
        lambda cell: INVISIBLE.sub("", cell).replace("\u00a0", " "), 20, NUMBERS_AND_ADDRESSES
    ),
    "100 rows, two copies mixed cell by cell": mixed,
    "50 rows hidden among 500 from elsewhere": diluted,
    "1,000 rows, every value rewritten in one spelling": each(regular, 1000),
    "1,000 rows typed independently (must name no export)": typed,
}
