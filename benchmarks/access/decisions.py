"""Measures decisions: a lookup, the compiled rules of a person, authenticating a caller."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import casbin
from casbin.persist.adapters.string_adapter import StringAdapter
from joserfc import jwt
from joserfc.jwk import KeySetSerialization, OKPKey
from starlette.requests import Request

from benchmarks.access.company import PEOPLE, person, policy
from benchmarks.access.figures import Figure, each, percentile, timed
from chassis import policy as package
from chassis.actor import Actor
from chassis.api.context import Context
from chassis.authentication.tokens import Verifier
from chassis.policy.compiling import compile_rules
from chassis.policy.guard import Guard
from chassis.policy.row_scopes import RowAccess
from chassis.policy.rules import Snapshot, casbin_lines
from chassis.web import Runtime

MODEL = Path(package.__file__).with_name("model.conf")


def measure() -> list[Figure]:
    """Return the figures of decisions under the policy of a large company."""
    snapshot = policy()
    guard = Guard(clock=lambda: 0.0)  # this policy is never confirmed
    guard.swap(snapshot)
    me = Actor(person(7))
    scope = guard.allow(me, "Customer", "read")
    row = RowAccess(person(8), snapshot.users[person(7)].department, (person(7),))
    show = scope.redactor("Contact.mobile")
    people = itertools.cycle(range(PEOPLE))
    compiled = timed(lambda: compile_rules(snapshot, person(next(people))), 2_000, warm=50)
    body = snapshot.to_json()
    return [
        Figure(
            "a decision: guard.allow(actor, object, action)",
            _us(lambda: guard.allow(me, "Customer", "read")),
            "µs",
            10,
        ),
        Figure(
            "a decision without its proof: permissions.may",
            _us(lambda: guard.permissions(me).may("Contact", "update")),
            "µs",
            10,
        ),
        Figure("one row against a scope, in memory", _us(lambda: scope.sees(row)), "µs"),
        Figure(
            "one sensitive value shown or masked", _us(lambda: show(row, "+8613812345678")), "µs"
        ),
        Figure("the same decision by Casbin's enforce, 2,400 rules", _casbin(snapshot), "ms"),
        Figure(
            "the table of one person, 2,400 rules, median", percentile(compiled, 0.5) * 1e3, "ms"
        ),
        Figure("the same, p99", percentile(compiled, 0.99) * 1e3, "ms"),
        Figure(
            "a published snapshot read (it is swapped whole)",
            each(lambda: Snapshot.from_json(body), 3) * 1e3,
            "ms",
        ),
        *_authentication(guard),
    ]


def _us(work: Any) -> float:
    return each(work, 20_000) * 1e6


def _casbin(snapshot: Snapshot) -> float:
    text = "\n".join(", ".join(line) for line in casbin_lines(snapshot))
    enforcer = casbin.Enforcer(str(MODEL), StringAdapter(text))
    return each(lambda: enforcer.enforce(f"user:{person(7)}", "Customer", "read"), 3, 3) * 1e3


def _authentication(guard: Guard) -> list[Figure]:
    """Return the figures of token verification and context, which every request needs."""
    key = OKPKey.generate_key("Ed25519", {"kid": "bench", "use": "sig", "alg": "EdDSA"})
    key_set: KeySetSerialization = {"keys": [key.as_dict(private=False)]}

    async def keys() -> KeySetSerialization:
        return key_set

    now = int(time.time())

    def token(n: int) -> str:
        claims = {"iss": "huichi", "aud": "huichi", "sub": str(person(n % PEOPLE))}
        claims |= {"sid": str(uuid4())}
        times = {"iat": now, "exp": now + 3600}
        header = {"alg": "EdDSA", "kid": "bench"}
        return jwt.encode(header, {**claims, **times}, key, algorithms=["EdDSA"])

    for n in range(1_000):  # compile the rules of each person before the measurement
        guard.permissions(Actor(person(n)))

    def requests(tokens: list[str]) -> list[float]:
        async def answer() -> list[float]:
            runtime = cast(Any, SimpleNamespace(verifier=Verifier(keys), guard=guard))
            await runtime.verifier.actor(token(0))  # the keys are fetched once
            times = []
            for text in tokens:
                header = (b"authorization", b"Bearer " + text.encode())
                scope = {"type": "http", "headers": [header]}
                begun = time.perf_counter()
                actor = await Runtime.actor_of(runtime, Request(scope))
                context: Context = Context(db=cast(Any, None), guard=guard, actor=actor)
                context.scope("Customer")
                times.append(time.perf_counter() - begun)
            return times

        return asyncio.run(answer())

    fresh = [token(n) for n in range(1_000)]
    first, again = requests(fresh), requests([fresh[0]] * 5_000)
    return [
        Figure(
            "token, context and first decision, a token never seen: median",
            percentile(first, 0.5) * 1e6,
            "µs",
            300,
        ),
        Figure("the same, a token seen before: median", percentile(again, 0.5) * 1e6, "µs", 300),
        Figure("the same, p99", percentile(again, 0.99) * 1e6, "µs"),
    ]
