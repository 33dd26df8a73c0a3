"""`python -m identity.bootstrap`: the first roles, rules and users of a new company."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from chassis.errors import HuichiError
from chassis.settings import BadSettings
from identity.bootstrap.domain import Company, UserPlan
from identity.bootstrap.services import bootstrap_from_environment
from identity.people.domain.user import Kind
from identity.sign_in.domain import password

PASSWORD_VARIABLE = "HUICHI_ADMINISTRATOR_PASSWORD"  # noqa: S105 — the name of a variable


def main(arguments: Sequence[str] | None = None) -> int:
    """Bootstrap what the command line names; return 0 if it exists afterwards."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        company = _company(options)
        result = bootstrap_from_environment(company)
    except (HuichiError, BadSettings, OSError, msgspec.MsgspecError) as problem:
        print(f"{parser.prog}: {problem}", file=sys.stderr)  # noqa: T201 — the output of a command
        return 1
    names = ", ".join(sorted(result.users)) or "none"
    print(f"{result.created} new; named users who can sign in: {names}")  # noqa: T201 — the output of a command
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m identity.bootstrap",
        description="Make sure that the starter roles with their rules exist, and the people and "
        "services named here. What exists already is left as it is, so it may run at every "
        "deployment. Reads HUICHI_IDENTITY_* like the service.",
    )
    parser.add_argument(
        "--administrator",
        metavar="USERNAME",
        help=f"the first administrator; {PASSWORD_VARIABLE} holds the first password",
    )
    parser.add_argument(
        "--service",
        metavar="USERNAME=VARIABLE",
        action="append",
        default=[],
        help="a service user of role sync, and the environment variable that holds its password "
        "(may be repeated); the password is renewed if the variable changed",
    )
    parser.add_argument(
        "--company",
        type=Path,
        metavar="FILE",
        help="departments and users as JSON: "
        '{"departments": [{"name": "Sales", "below": [{"name": "East"}]}], "users": '
        '[{"username": "li.na", "display_name": "Li Na", "password": "…", "roles": ["sales"], '
        '"department": ["Sales", "East"]}]}',
    )
    return parser


def _company(options: argparse.Namespace) -> Company:
    company = Company()
    if options.company is not None:
        company = msgspec.json.decode(options.company.read_bytes(), type=Company)
    users = list(company.users)
    if options.administrator:
        users.append(_administrator(options.administrator))
    users.extend(_service(pair) for pair in options.service)
    return Company(company.departments, tuple(users))


def _administrator(username: str) -> UserPlan:
    first = password.check_strength(_secret(PASSWORD_VARIABLE), username, field=PASSWORD_VARIABLE)
    return UserPlan(username, username, first, ("administrator",))


def _service(pair: str) -> UserPlan:
    username, _, variable = pair.partition("=")
    if not variable:
        raise BadSettings(f"--service {pair}: write USERNAME=VARIABLE")
    return UserPlan(username, username, _secret(variable), ("sync",), kind=Kind.SERVICE)


def _secret(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise BadSettings(f"{variable} is not set; it holds the password")
    return value


if __name__ == "__main__":
    sys.exit(main())
