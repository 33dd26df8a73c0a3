"""However a question of access is asked, the answer is the same.

Random people, customers, policies: the compiled table, Casbin, the explanation, the real
answer through the gateway, straight from the service and by reference, and row-level
security of PostgreSQL.

    HUICHI_AGREEMENT=10000 .venv/bin/python -m pytest -q -s tests/agreement

asks ten thousand questions; HUICHI_AGREEMENT_SEED draws others. What disagrees is shrunk: rules are
taken away as long as the disagreement stays, and what is left is printed.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
import redis
import requests
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.errors import Denied
from chassis.policy import feed
from chassis.policy.compiling import compile_rules
from chassis.policy.row_scopes import RowAccess
from chassis.policy.rules import Snapshot
from gateway.app import create
from gateway.settings import Settings
from tests.agreement.asking import Client
from tests.agreement.oracles import NOT_OF_ITSELF, Casbin, RowSecurity, masked
from tests.agreement.worlds import (
    AUDITOR,
    CODE,
    EMAIL,
    MOBILE,
    NAME,
    NO,
    PEOPLE,
    PROJECTS,
    STRANGER,
    YES,
    Asked,
    Thing,
    a_policy,
    questions,
)
from tests.customers.conftest import db
from tests.customers.making import STEWARD, a_code
from tests.customers.pool.api.test_pool import absorb
from tests.customers.serving import MASK_SECRET, Pool, pool
from tests.support.serve import served

__all__ = ["db", "pool"]

pytestmark = pytest.mark.soak
ASKED = int(os.environ.get("HUICHI_AGREEMENT", "3000"))
SEED = int(os.environ.get("HUICHI_AGREEMENT_SEED", "20261101"))
A_POLICY = 400
"""Questions under one policy."""
SUPERGRAPH = Path(__file__).parents[2] / "gateway" / "supergraph.graphql"
CLEAR = """{ customers(first: 100) { edges { node { id
  unifiedSocialCreditCode { text } phone { text } email { text }
  contacts { edges { node { id name { text } mobile { text } email { text } } } } } } } }"""


class World:
    """A running service with customers in it, a gateway before it, and the oracles beside it."""

    def __init__(self, pool: Pool, url: str, redis_url: str) -> None:
        self.dice = random.Random(SEED)
        self.service, self.gateway = Client(pool.url), Client(url)
        self.redis = redis.Redis.from_url(redis_url)
        self.things = scattered(pool, self.dice, 48)
        self.security = RowSecurity(
            pool.db.engine.url.set(drivername="postgresql").render_as_string(False), self.things
        )

    def publish(self, policy: Snapshot) -> None:
        """Until the service keeps to it."""
        self.redis.set(feed.SNAPSHOT, policy.to_json())
        self.redis.set(feed.VERSION, policy.version)
        self.redis.publish(feed.CHANNEL, policy.version)
        until = time.monotonic() + 30
        ready = f"{self.service.url}/readyz"
        while requests.get(ready, timeout=5).json()["policy"] != policy.version:
            assert time.monotonic() < until, "the policy was never taken"
            time.sleep(0.005)
        self.security.learn(policy)

    def answers(self, policy: Snapshot, asked: Sequence[Asked]) -> dict[str, list[str]]:
        """Everybody's verdicts; of a field what is shown."""
        oracle = Casbin(policy)
        said = {
            "compiled table": [compiled(policy, one) for one in asked],
            "casbin": [oracle.verdict(one) for one in asked],
            "explainCustomerAccess": self.service.explained(asked),
            "row-level security": self.security.verdicts(asked),
        }
        shown = {
            who: [_shown(*one) for one in zip(asked, all, strict=True)] for who, all in said.items()
        }
        shown["gateway"] = self.gateway.verdicts(asked, self.things)
        shown["service"] = self.service.verdicts(asked, self.things)
        shown["_entities"] = [
            reference or same
            for reference, same in zip(
                self.service.references(asked, self.things), shown["service"], strict=True
            )
        ]
        return shown

    def disagreements(self, policy: Snapshot, asked: Sequence[Asked]) -> list[Asked]:
        answers = self.answers(policy, asked)
        return [
            one
            for n, one in enumerate(asked)
            if len({verdicts[n] for verdicts in answers.values()}) > 1
        ]

    def smallest(self, policy: Snapshot, one: Asked) -> str:
        """The disagreement without every rule that it does not need."""
        version = policy.version
        for rule in policy.rules[:-1]:  # the last one lets the auditor ask
            version += 1
            fewer = tuple(other for other in policy.rules if other != rule)
            tried = replace(policy, version=version, rules=fewer)
            self.publish(tried)
            if self.disagreements(tried, [one]):
                policy = tried
        self.publish(policy := replace(policy, version=version + 1))
        said = {who: verdicts[0] for who, verdicts in self.answers(policy, [one]).items()}
        member = policy.users.get(one.user)
        rules = "\n".join(f"  {rule}" for rule in policy.rules[:-1])
        return (
            f"seed {SEED}: {one.kind} of {one.thing}\nasked by {one.user} ({member})\n{said}\n"
            f"roles {dict(policy.roles)}\ndepartments {policy.departments}\nrules\n{rules}"
        )


@pytest.fixture
def world(pool: Pool, empty_redis: str) -> Iterator[World]:
    urls = {"customers": f"{pool.url}/graphql"}
    settings = Settings(supergraph=SUPERGRAPH, subgraph_urls=urls)
    with served(create(settings), proxy_headers=False) as url:
        world = World(pool, url, empty_redis)
        try:
            yield world
        finally:
            world.security.close()
            world.redis.close()


def scattered(pool: Pool, dice: random.Random, count: int) -> list[Thing]:
    """Customers with a contact and a tag each, who belong to whoever it happens to be."""
    absorb(
        pool,
        *(
            {
                "fields": {
                    "name": f"第{n}公司",
                    "phone": f"1380000{n:04}",
                    "email": f"office{n}@firm{n}.example",
                    "unified_social_credit_code": a_code(n),
                },
                "contacts": [
                    {
                        "externalId": "1",
                        "name": f"王小{n}",
                        "mobile": f"1390000{n:04}",
                        "email": f"person{n}@firm{n}.example",
                    }
                ],
                "tags": ["重点"],
            }
            for n in range(count)
        ),
    )
    departments = [UUID(int=0xD0 + n) for n in range(9)]
    things = []
    for edge in pool.ask(STEWARD, CLEAR)["customers"]["edges"]:
        node = edge["node"]
        person = node["contacts"]["edges"][0]["node"]
        values = (
            ("Customer", CODE, node["unifiedSocialCreditCode"]["text"]),
            ("Customer", MOBILE, node["phone"]["text"]),
            ("Customer", EMAIL, node["email"]["text"]),
            ("Contact", NAME, person["name"]["text"]),
            ("Contact", MOBILE, person["mobile"]["text"]),
            ("Contact", EMAIL, person["email"]["text"]),
        )
        things.append(
            Thing(
                UUID(node["id"]),
                UUID(person["id"]),
                dice.choice([None, *PEOPLE]),
                dice.choice([None, *departments, *departments]),
                tuple(dice.sample(PEOPLE, dice.choice([0, 0, 1, 3]))),
                tuple(dice.sample(PROJECTS, dice.choice([0, 0, 1, 2]))),
                values,
            )
        )
    assert len(things) == count

    def scatter(session: Session) -> None:
        session.execute(
            text(
                "UPDATE customer SET owner_id = :owner, department_id = :department, "
                "collaborators = :collaborators, projects = :projects WHERE id = :id"
            ),
            [
                {
                    "id": one.id,
                    "owner": one.owner,
                    "department": one.department,
                    "collaborators": list(one.collaborators),
                    "projects": list(one.projects),
                }
                for one in things
            ],
        )

    pool.db.write(scatter)
    return things


def compiled(policy: Snapshot, asked: Asked) -> str:
    """The verdict of the table that the services keep to."""
    object, field, action = asked.kind
    permissions = compile_rules(policy, asked.user)
    thing = asked.thing
    row = RowAccess(thing.owner, thing.department, thing.collaborators, thing.id, thing.projects)
    whole = [(object, action)]
    if object in NOT_OF_ITSELF and action == "read":
        whole.append(("Customer", "read"))
    try:
        scopes = [permissions.allow(Actor(asked.user), *one) for one in whole]
    except Denied:
        return NO
    if not all(scope.sees(row) for scope in scopes):
        return NO
    if field is None:
        return YES
    redaction = scopes[0].redaction(field)(row)
    return NO if redaction == "hidden" else redaction


def _shown(asked: Asked, verdict: str) -> str:
    """A redaction becomes what its reader gets to see."""
    object, field, _ = asked.kind
    if verdict in (YES, NO) or field is None:
        return verdict
    [text] = [value for o, f, value in asked.thing.values if (o, f) == (object, field)]
    visibility = "CLEAR" if verdict == "clear" else "MASKED"
    return f"{visibility} {masked(verdict, text, field, MASK_SECRET)}"


def test_every_way_to_ask_gives_the_same_answer(world: World) -> None:
    done: Counter[str] = Counter()
    version = 1
    while done.total() < ASKED:
        version += 100
        policy = a_policy(world.dice, version, world.things)
        world.publish(policy)
        people = world.dice.sample((*PEOPLE, STRANGER), 5)
        asked = questions(world.dice, world.things, people, min(A_POLICY, ASKED - done.total()))

        answers = world.answers(policy, asked)

        for n, one in enumerate(asked):
            said = {who: verdicts[n] for who, verdicts in answers.items()}
            if len(set(said.values())) > 1:
                pytest.fail(world.smallest(policy, one))
            done[answers["service"][n].split()[0]] += 1
        for user in people:
            customers, _ = world.security.seen(user)
            for client in (world.service, world.gateway):
                assert client.listed(user) == (customers, len(customers)), (user, policy)

    print(f"{done.total()} questions, all agree: {dict(done)}")
    assert set(done) == {"yes", "no", "CLEAR", "MASKED"}


WHO = """query($c: ID!, $o: String!, $a: String!, $f: String, $after: String) {
  whoCanAccessCustomer(customerId: $c, object: $o, action: $a, field: $f, first: 7, after: $after) {
    edges { node { user { id } explanation { redaction } } }
    pageInfo { hasNextPage endCursor } } }"""


def test_who_can_access_is_everybody_whose_question_is_answered(world: World) -> None:
    for version in range(100, 100 + max(3, ASKED // 2_500)):
        policy = a_policy(world.dice, version, world.things)
        world.publish(policy)
        for asked in questions(world.dice, world.things, [STRANGER], 12):
            everybody = (*policy.users, STRANGER)
            alone = {user: compiled(policy, replace(asked, user=user)) for user in everybody}
            object, field, action = asked.kind

            found, after = {}, None
            while True:
                variables = {"c": str(asked.thing.id), "o": object, "a": action, "f": field}
                page = world.service.data(AUDITOR, WHO, **variables, after=after)
                page = page["whoCanAccessCustomer"]
                for node in (edge["node"] for edge in page["edges"]):
                    shown = node["explanation"]["redaction"]
                    found[UUID(node["user"]["id"])] = shown or YES
                after = page["pageInfo"]["endCursor"]
                if not page["pageInfo"]["hasNextPage"]:
                    break

            assert found == {user: said for user, said in alone.items() if said != NO}
