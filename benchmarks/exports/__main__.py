"""Measures the watermark under attack, and a large export: `python -m benchmarks exports`.

First part: a synthetic table of a thousand customers is exported by one of a thousand people,
attacked, and compared with the keys of all. The figures are how often the right export is named,
and how often any other. Second part: an export of `--rows` customers on a new PostgreSQL server,
with its time and the memory it adds.
"""

from __future__ import annotations

import argparse
import random
from uuid import UUID

from benchmarks.exports.attacks import ATTACKS, Rows
from benchmarks.exports.large import large
from customers.exports.domain import leak, watermark

KINDS = ("text", "text", "phone", "email", "website", "text")
NAMES = "name, English name, phone, e-mail, website, address"


def main() -> None:
    """Print the tables of both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=50)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=100_000, help="0 skips the large export")
    options = parser.parse_args()
    survival(options.tries, options.people)
    if options.rows:
        large(options.rows)


def survival(tries: int, people: int) -> None:
    """Print how often each attack leaves the right export named."""
    dice = random.Random(2026)
    keys = {UUID(int=n + 1): dice.randbytes(watermark.KEY_BYTES) for n in range(people)}
    plain = table(1000)
    # A few people hold the copies that leak; the copies are compared with the keys of all.
    leaking = dice.sample(list(keys), 6)
    copies = {export: [marked(row, keys[export]) for row in plain] for export in leaking}
    print(f"1,000 rows ({NAMES}), {people:,} exports, {tries} tries\n")
    print("| what was done to the file | named | others named | evidence (median, log10) |")
    print("|---|---:|---:|---:|")
    for name, attack in ATTACKS.items():
        right = wrong = 0
        evidence = []
        for _ in range(tries):
            leaker, other = dice.sample(leaking, 2)
            cells = attack(copies[leaker], copies[other], plain, dice)
            suspects = leak.suspects(leak.marks_of(cells), keys)
            named = {suspect.export for suspect in suspects if suspect.named}
            right += leaker in named
            wrong += bool(named - {leaker, other})
            evidence.append(next((s.evidence for s in suspects if s.export == leaker), 0.0))
        median = sorted(evidence)[tries // 2]
        print(f"| {name} | {right / tries:.0%} | {wrong / tries:.0%} | {median:.0f} |")


def table(rows: int) -> Rows:
    """Return a synthetic table of customers."""
    return [
        [
            f"第{n}客户科技有限公司",
            f"Customer No {n} Trading Co Ltd",
            f"+86138{n:08d}",
            f"wang.li{n}@c{n}.example.com",
            f"https://www.c{n}.example.com",
            f"上海市 浦东新区 世纪大道 {n} 号",
        ]
        for n in range(rows)
    ]


def marked(row: list[str], key: bytes) -> list[str]:
    """Return a row with the watermark of a key."""
    return [watermark.marked(kind, cell, key) for kind, cell in zip(KINDS, row, strict=True)]


if __name__ == "__main__":
    main()
