"""Run inside a copy of the house: plants one sin after the other and tells which contracts broke.

A program of its own, because the linter must find the copied packages and not the real ones. It
reads `[{"module", "line"}…]` from stdin and answers a list of lists of broken contract ids; the
first list is that of the untouched copy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from importlinter import configuration
from importlinter.application import use_cases
from importlinter.application.output import console


def broken() -> list[str]:
    options = use_cases.read_user_options(".importlinter")
    use_cases._register_contract_types(options)
    names = {contract["name"]: contract["id"] for contract in options.contracts_options}
    report = use_cases.create_report(options, cache_dir=None)
    return sorted(
        names[contract.name]
        for contract, check in report.get_contracts_and_checks()
        if not check.kept
    )


def source_of(module: str) -> Path:
    """Where a module stands, be it a file or a package."""
    path = Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def main() -> None:
    configuration.configure()
    console.quiet = True
    answers = [broken()]
    for sin in json.load(sys.stdin):
        file = source_of(sin["module"])
        innocent = file.read_text() if file.exists() else None
        file.write_text(f"{innocent or ''}\n{sin['line']}\n")
        answers.append(broken())
        if innocent is None:
            file.unlink()
        else:
            file.write_text(innocent)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
