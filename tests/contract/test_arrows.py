"""Every import contract holds, and each one has been seen to catch a planted sin."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "chassis": "chassis/chassis",
    "gateway": "gateway/gateway",
    "onebox": "deploy/onebox/onebox",
    "identity": "services/identity/identity",
    "customers": "services/customers/customers",
    "activities": "services/activities/activities",
    "integrations": "services/integrations/integrations",
}


@dataclass(frozen=True)
class Sin:
    """One import that must not be, at the end of one module, and what it breaks besides.

    A module that is not there is made: one that stands in no contract is a sin by itself.
    """

    module: str
    line: str
    besides: tuple[str, ...] = ()


# One for every arrow of docs/architecture.md; some contracts have several arms. An import of an
# empty package face is as much a sin as any, and drags in nothing that breaks a second contract;
# only through the chassis, which everybody imports, do members meet.
SINS: list[tuple[str, Sin]] = [
    ("members", Sin("gateway.app", "import identity")),
    ("members", Sin("identity.app", "import customers")),
    ("members", Sin("activities.app", "from customers.pool.domain import phone")),
    ("chassis-below", Sin("chassis.web", "import activities", ("members",))),
    ("onebox-above", Sin("customers.app", "import onebox")),
    (
        "identity-capabilities",
        Sin("identity.people.store.user", "import identity.sign_in.store.session"),
    ),
    (
        "identity-capabilities",
        Sin("identity.core.domain.text", "import identity.people.domain.user"),
    ),
    ("identity-capabilities", Sin("identity.stray", "")),
    (
        "customers-capabilities",
        Sin("customers.pool.store.claim", "from customers.imports import store"),
    ),
    ("customers-capabilities", Sin("customers.stray", "")),
    (
        "activities-capabilities",
        Sin("activities.tasks.commands", "from activities import timeline"),
    ),
    ("activities-capabilities", Sin("activities.stray", "")),
    (
        "integrations-capabilities",
        Sin("integrations.records.store.dead_letter", "import integrations.sync"),
    ),
    ("integrations-capabilities", Sin("integrations.stray", "")),
    ("floors", Sin("identity.people.store.user", "from identity.people.commands import user")),
    ("floors", Sin("activities.tasks.commands", "from activities.tasks.api import task")),
    (
        "floors",
        Sin("integrations.sync.commands.page_commit", "from integrations.sync import services"),
    ),
    ("floors", Sin("customers.exports.services", "from customers.exports import api")),
    ("floors", Sin("customers.pool.stray", "")),
    ("pure-domain", Sin("activities.tasks.domain.task", "import sqlalchemy")),
    ("pure-domain", Sin("customers.pool.domain.phone", "from chassis.facts import outbox")),
    ("pure-domain", Sin("identity.people.domain.user", "import casbin")),
    (
        "connector-strangers",
        Sin("integrations.connectors.rest", "import integrations.connectors.tryton"),
    ),
    (
        "connector-outsiders",
        Sin(
            "integrations.connectors.tryton.mapping",
            "import integrations.sync",
            ("integrations-capabilities",),
        ),
    ),
    ("connector-outsiders", Sin("integrations.connectors.tryton.client", "import sqlalchemy")),
    (
        "sync-outsider",
        Sin("integrations.sync.services.trace", "import integrations.connectors.tryton.mapping"),
    ),
    ("gateway-floors", Sin("gateway.plan", "import gateway.execution")),
    ("gateway-floors", Sin("gateway.execution.fetch", "import gateway.planning")),
    ("gateway-floors", Sin("gateway.settings", "import gateway.serving")),
    ("gateway-floors", Sin("gateway.protection", "from gateway import settings")),
    ("gateway-floors", Sin("gateway.memory", "from gateway import protection")),
    ("gateway-floors", Sin("gateway.configuration", "from gateway import arguments")),
    ("gateway-serving-floors", Sin("gateway.serving.pipeline", "import gateway.serving.streaming")),
    (
        "gateway-serving-floors",
        Sin("gateway.serving.streaming.websocket", "import gateway.serving.http"),
    ),
    (
        "gateway-serving-floors",
        Sin("gateway.serving.protection.caller", "import gateway.serving.documents"),
    ),
    ("gateway-execution-floors", Sin("gateway.execution.fetch", "import gateway.execution.http")),
    (
        "gateway-execution-floors",
        Sin("gateway.execution.transport", "from gateway.execution import tree"),
    ),
    ("gateway-pure", Sin("gateway.planning.path_tree", "import asyncio")),
    ("gateway-pure", Sin("gateway.composition", "from chassis import errors")),
    ("chassis-floors", Sin("chassis.db", "from chassis.facts import outbox")),
    ("chassis-floors", Sin("chassis.errors", "from chassis import settings")),
    ("chassis-floors", Sin("chassis.telemetry", "from chassis.api import limits")),
    ("chassis-floors", Sin("chassis.stray", "")),
]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """What the linter says of a copy of the house: innocent, then with one sin after the other."""
    copy = tmp_path_factory.mktemp("house")
    ignore = shutil.ignore_patterns("__pycache__", "*.html", "*.js", "*.css")
    for package, folder in PACKAGES.items():
        shutil.copytree(ROOT / folder, copy / package, ignore=ignore)
    shutil.copy(ROOT / ".importlinter", copy)
    done = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).with_name("linted.py"))],
        input=json.dumps([asdict(sin) for _, sin in SINS]),
        env=os.environ | {"PYTHONPATH": str(copy)},
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: list[list[str]] = json.loads(done.stdout)
    return answers


def test_the_house_keeps_its_contracts(verdicts: list[list[str]]) -> None:
    assert verdicts[0] == []


@pytest.mark.parametrize("i", range(len(SINS)), ids=[f"{c}: {s.module}" for c, s in SINS])
def test_a_sin_breaks_its_contract_and_no_other(verdicts: list[list[str]], i: int) -> None:
    contract, sin = SINS[i]

    assert verdicts[i + 1] == sorted({*verdicts[0], contract, *sin.besides})


def test_every_capability_has_its_floors_watched() -> None:
    """One that is missing from the containers of `floors` would be free inside."""
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter")
    containers = set(config["importlinter:contract:floors"]["containers"].split())
    services = ("identity", "customers", "activities", "integrations")
    capabilities = {
        f"{service}.{path.name}"
        for service in services
        for path in (ROOT / PACKAGES[service]).iterdir()
        if (path / "__init__.py").exists() and path.name not in {"migrations", "connectors", "rest"}
    }

    assert capabilities <= containers


def test_every_contract_has_been_seen_to_catch_one() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter")
    contracts = {s.rpartition(":")[2] for s in config.sections() if ":contract:" in s}

    assert contracts == {contract for contract, _ in SINS}
