"""`python -m identity.verify`: verify offline that an exported ledger is as it was sealed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from identity.ledger.domain.verification import ALL, FILTER, PERIOD, Report, verify, verify_proof

UNREADABLE, WRONG = 2, 1
MOST_FINDINGS = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify what the command line names; return 0 if it is as sealed, 1 if not, 2 on errors."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        keys = KeySet.import_key_set(json.loads(options.keys.read_bytes()))
        heads = [signed for path in options.head for signed in _heads(path.read_text())]
        if options.proof:
            report = verify_proof(options.file.read_bytes(), keys, heads)
        else:
            report = verify(_lines(options.file), keys, heads, extent=options.extent)
    except (OSError, ValueError, KeyError, TypeError, JoseError) as problem:
        print(f"{parser.prog}: {problem}", file=sys.stderr)  # noqa: T201 — the output of a command
        return UNREADABLE
    _print_report(report, heads=len(heads))
    return WRONG if report.findings else 0


def _print_report(report: Report, heads: int) -> None:
    for finding in report.findings[:MOST_FINDINGS]:
        where = f"batch {finding.batch}: " if finding.batch is not None else ""
        event = f" (id {finding.event})" if finding.event and finding.kind != "inserted" else ""
        print(f"{finding.kind.upper():<10} {where}{finding.words}{event}")  # noqa: T201
    if len(report.findings) > MOST_FINDINGS:
        print(f"… and {len(report.findings) - MOST_FINDINGS} more")  # noqa: T201
    if report.first and report.last:
        covered = f"batches {report.first.batch} to {report.last.batch}"
        print(  # noqa: T201
            f"{covered}, {report.events} events, {heads} heads kept elsewhere; "
            f"the last head is {report.last.hash}"
        )
    print("NOT AS SEALED" if report.findings else "OK: as it was sealed")  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m identity.verify",
        description="Verify an exported ledger without a server: every event against the signed "
        "Merkle root of its batch, every batch against the one before, all of it against heads "
        "that "
        "were kept elsewhere. Names each event that was changed, removed, inserted or moved. Exit "
        "status: 0 as it was sealed, 1 not, 2 cannot be verified.",
    )
    parser.add_argument(
        "file", type=Path, help="the export (JSON lines), `-` for standard input, or a proof"
    )
    parser.add_argument(
        "--keys",
        type=Path,
        required=True,
        metavar="FILE",
        help="identity's public keys as JSON: /.well-known/ledger-keys.json, fetched once and kept",
    )
    parser.add_argument(
        "--head",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="signed heads that were kept elsewhere, one a line (may be repeated); without one, an "
        "end that was cut off cannot be detected",
    )
    parser.add_argument(
        "--extent",
        choices=(ALL, PERIOD, FILTER),
        default=ALL,
        help="what the file should hold: the ledger from its beginning (the default), all of a "
        "period, or only what matches a filter; missing events are then no finding",
    )
    parser.add_argument("--proof", action="store_true", help="the file is the proof of one event")
    return parser


def _lines(path: Path) -> Iterator[bytes]:
    if str(path) == "-":
        yield from sys.stdin.buffer
        return
    with path.open("rb") as lines:
        yield from lines


def _heads(text: str) -> Iterator[str]:
    """Yield signed heads, one a line: the bare signed text, or the answer of /ledger/head."""
    for line in text.splitlines():
        if line.strip():
            signed: Any = json.loads(line)["signed"] if line.lstrip().startswith("{") else line
            yield str(signed)


if __name__ == "__main__":
    sys.exit(main())
