"""`make check`: every check that does not run the product, in parallel, within a minute."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
TYPED = (
    "chassis/chassis",
    "gateway/gateway",
    "deploy/onebox/onebox",
    "deploy/bootstrap.py",
    *(
        f"services/{name}/{name}"
        for name in ("identity", "customers", "activities", "integrations")
    ),
    "tests",
    "benchmarks",
)


# Tests of code that needs no server; the random ones among them are for `make test`.
PURE = (
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("domain")),
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_domain.py")),
    *(f"tests/gateway/{name}" for name in ("composition", "planning", "supergraph")),
)


@dataclass(frozen=True)
class Check:
    """One check: its command, and what to do when it fails."""

    name: str
    command: tuple[str, ...]
    remedy: str


CHECKS = (
    # The slowest first, so that the others run beside it.
    Check("types", (f"{BIN}/mypy", *TYPED), "fix the types named above"),
    Check(
        "units",
        (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not soak", *PURE),
        "fix what the tests of pure code found",
    ),
    Check(
        "imports",
        (f"{BIN}/lint-imports", "--no-cache"),
        "docs/architecture.md shows the allowed imports",
    ),
    Check("lint", (f"{BIN}/ruff", "check", "."), "many are fixed by: .venv/bin/ruff check --fix ."),
    Check(
        "format",
        (f"{BIN}/ruff", "format", "--check", "--exclude", "*.md", "."),
        "run: .venv/bin/ruff format --exclude '*.md' .",
    ),
    Check("schemas", (sys.executable, "-m", "onebox.schemas", "--check"), "run: make schemas"),
    Check(
        "compose",
        (
            f"{BIN}/check-jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            "docker-compose.yml",
        ),
        "docker-compose.yml does not follow the compose specification",
    ),
    Check(
        "containers",
        (sys.executable, "-m", "onebox.containers.compose", "check"),
        "docker-compose.yml and the services' settings must name the same variables",
    ),
)


def main() -> None:
    """Run all checks; exit 1 when one fails."""
    begun = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        results = [(check, pool.submit(_run, check)) for check in CHECKS]
        failed = [check for check, result in results if not _show(check, *result.result())]
    if failed:
        print(f"\n{len(failed)} of {len(CHECKS)} checks failed:")
        for check in failed:
            print(f"  {check.name}: {check.remedy}")
    print(f"\nchecked in {time.monotonic() - begun:.0f} s")
    sys.exit(1 if failed else 0)


def _run(check: Check) -> tuple[bool, str, float]:
    begun = time.monotonic()
    done = subprocess.run(check.command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr, time.monotonic() - begun


def _show(check: Check, passed: bool, output: str, seconds: float) -> bool:
    print(f"{'ok  ' if passed else 'FAIL'} {check.name:<12}{seconds:5.1f} s", flush=True)
    if not passed:
        print(output.rstrip(), flush=True)
    return passed


if __name__ == "__main__":
    main()
