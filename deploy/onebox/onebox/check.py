"""`make check`: everything that is looked at without running the product, side by side, in a minute."""

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
class Look:
    """One thing to look at, and what to do when it is not right."""

    name: str
    command: tuple[str, ...]
    remedy: str


LOOKS = (
    # The slow one first, so that the others run beside it.
    Look("types", (f"{BIN}/mypy", *TYPED), "mend the types named above"),
    Look(
        "units",
        (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not soak", *PURE),
        "mend what the tests of pure code found",
    ),
    Look("imports", (f"{BIN}/lint-imports", "--no-cache"), "docs/architecture.md draws the arrows"),
    Look("lint", (f"{BIN}/ruff", "check", "."), "many are mended by: .venv/bin/ruff check --fix ."),
    Look(
        "format",
        (f"{BIN}/ruff", "format", "--check", "--exclude", "*.md", "."),
        "run: .venv/bin/ruff format --exclude '*.md' .",
    ),
    Look("schemas", (sys.executable, "-m", "onebox.schemas", "--check"), "run: make schemas"),
    Look(
        "compose",
        (
            f"{BIN}/check-jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            "docker-compose.yml",
        ),
        "docker-compose.yml does not follow the compose specification",
    ),
    Look(
        "containers",
        (sys.executable, "-m", "onebox.compose", "check"),
        "docker-compose.yml and the services' settings must name the same variables",
    ),
)


def main() -> None:
    """Look at everything; exit 1 when something is not right."""
    begun = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        results = [(look, pool.submit(_run, look)) for look in LOOKS]
        wrong = [look for look, result in results if not _show(look, *result.result())]
    if wrong:
        print(f"\n{len(wrong)} of {len(LOOKS)} are not right:")
        for look in wrong:
            print(f"  {look.name}: {look.remedy}")
    print(f"\nchecked in {time.monotonic() - begun:.0f} s")
    sys.exit(1 if wrong else 0)


def _run(look: Look) -> tuple[bool, str, float]:
    begun = time.monotonic()
    done = subprocess.run(look.command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr, time.monotonic() - begun


def _show(look: Look, right: bool, output: str, seconds: float) -> bool:
    print(f"{'ok  ' if right else 'FAIL'} {look.name:<12}{seconds:5.1f} s", flush=True)
    if not right:
        print(output.rstrip(), flush=True)
    return right


if __name__ == "__main__":
    main()
