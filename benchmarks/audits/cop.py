"""graphql-cop against a production gateway: `python -m benchmarks audits cop --checkout DIR`.

DIR is a checkout of github.com/dolevf/graphql-cop. The same checks run against a gateway that is not in
production as well: there they must find something, or their silence would prove nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import IO, Any

from benchmarks.audits.node import CACHE
from benchmarks.audits.served import serving, tiny

PORT = 21844


def main(arguments: list[str]) -> int:
    """Run the checks; 0 when they find nothing in production, and something elsewhere."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks audits cop")
    parser.add_argument("--checkout", type=Path, required=True)
    asked = parser.parse_args(arguments)
    program = asked.checkout / "graphql-cop.py"
    if not program.is_file():
        parser.error(f"{asked.checkout} is not a checkout of graphql-cop: it has no {program.name}")
    python = _environment(asked.checkout / "requirements.txt")
    with (CACHE / "cop" / "gateway.log").open("wb") as log:
        found = _findings(python, program, log, "--production")
        control = _findings(python, program, log)
    for check in found:
        print(f"  {'FOUND' if check['result'] else 'nothing'}: {check['title']}")
    wrong, seen = _count(found), _count(control)
    print(f"graphql-cop {_version(python, program)}: {wrong} findings in {len(found)} checks")
    print(f"  (outside production the same checks find {seen}, as they should)")
    return 0 if found and not wrong and seen else 1


def _environment(requirements: Path) -> Path:
    """A Python with what graphql-cop needs; made the first time."""
    folder = CACHE / "cop"
    folder.mkdir(parents=True, exist_ok=True)
    python, done = folder / "venv" / "bin" / "python", folder / "installed.txt"
    wanted = requirements.read_text()
    if not done.exists() or done.read_text() != wanted:
        venv.create(folder / "venv", with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)]
        subprocess.run(install, check=True)
        done.write_text(wanted)
    return python


def _findings(python: Path, program: Path, log: IO[bytes], *options: str) -> list[dict[str, Any]]:
    with serving(tiny(), PORT, log, *options) as url:
        answer = _run(python, program, "-t", url, "-o", "json")
    try:
        found: list[dict[str, Any]] = json.loads(answer)
    except json.JSONDecodeError:
        sys.exit(f"graphql-cop did not run: {answer.strip()}")
    return found


def _version(python: Path, program: Path) -> str:
    return _run(python, program, "--version").split()[-1]


def _run(python: Path, program: Path, *options: str) -> str:
    done = subprocess.run(
        [python, program.name, *options],
        cwd=program.parent,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout or done.stderr


def _count(checks: list[dict[str, Any]]) -> int:
    return sum(bool(check["result"]) for check in checks)
