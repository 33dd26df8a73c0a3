"""`python -m identity.found`: the first roles, rules and people of a company that starts here."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from chassis.db import SyncDatabase
from chassis.errors import HuichiError
from chassis.settings import BadSettings, load
from identity.bootstrap import commands
from identity.bootstrap.commands import Founded
from identity.bootstrap.domain import Company, UserPlan
from identity.people.domain.user import Kind
from identity.settings import IdentitySettings
from identity.sign_in.domain import password

PASSWORD_VARIABLE = "HUICHI_ADMINISTRATOR_PASSWORD"  # noqa: S105 — the name of a variable


def found_company(db: SyncDatabase, company: Company) -> Founded:
    """Make sure that this company exists; what is there already is left as it is."""
    return db.write(commands.found, company)


def found(company: Company) -> Founded:
    """The same on the database that the environment names."""
    settings = load(IdentitySettings, "identity")
    db = SyncDatabase(settings.database_url, application="identity-found")
    try:
        return found_company(db, company)
    finally:
        db.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Found what the command line asks for; 0 if it is there now."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        company = _company(asked)
        done = found(company)
    except (HuichiError, BadSettings, OSError, msgspec.MsgspecError) as problem:
        print(f"{parser.prog}: {problem}", file=sys.stderr)  # noqa: T201 — a command speaks
        return 1
    names = ", ".join(sorted(done.users)) or "nobody"
    print(f"{done.created} new; who can sign in of those named: {names}")  # noqa: T201 — a command speaks
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m identity.found",
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


def _company(asked: argparse.Namespace) -> Company:
    company = Company()
    if asked.company is not None:
        company = msgspec.json.decode(asked.company.read_bytes(), type=Company)
    users = list(company.users)
    if asked.administrator:
        users.append(_administrator(asked.administrator))
    users.extend(_service(one) for one in asked.service)
    return Company(company.departments, tuple(users))


def _administrator(username: str) -> UserPlan:
    first = password.check_strength(_secret(PASSWORD_VARIABLE), username, field=PASSWORD_VARIABLE)
    return UserPlan(username, username, first, ("administrator",))


def _service(asked: str) -> UserPlan:
    username, _, variable = asked.partition("=")
    if not variable:
        raise BadSettings(f"--service {asked}: write USERNAME=VARIABLE")
    return UserPlan(username, username, _secret(variable), ("sync",), kind=Kind.SERVICE)


def _secret(variable: str) -> str:
    found = os.environ.get(variable)
    if not found:
        raise BadSettings(f"{variable} is not set; it holds the password")
    return found


if __name__ == "__main__":
    sys.exit(main())
