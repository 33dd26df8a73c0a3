"""Test suites for the gateway: `python -m benchmarks audits http|cop|differential|federation`."""

from __future__ import annotations

import sys

from benchmarks.audits import cop, differential, federation, http

AUDITS = {
    "cop": cop.main,
    "differential": differential.main,
    "federation": federation.main,
    "http": http.main,
}


def main() -> int:
    """Run the audit that the first argument names; the default `http` needs no checkout."""
    if len(sys.argv) > 1 and sys.argv[1] not in AUDITS:
        sys.exit(f"usage: python -m benchmarks audits {{{'|'.join(AUDITS)}}} [--help]")
    name = sys.argv[1] if len(sys.argv) > 1 else "http"
    return AUDITS[name](sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
