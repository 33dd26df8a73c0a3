"""DeferredExecutable changes when parts of an answer come, never what the answer is:
random worlds, random @defer."""

from __future__ import annotations

import asyncio
import random
import re
from typing import Any

import pytest
from graphql import parse, validate

from gateway.execution.deferral import DeferredExecutable, Part
from gateway.operation import select_operation
from gateway.plan import print_plan
from gateway.planning import plan
from tests.gateway.differential.cases import composed
from tests.gateway.differential.queries import a_query
from tests.gateway.differential.servers import sender, whole
from tests.gateway.differential.worlds import World, a_world
from tests.support.budget import worlds

pytestmark = pytest.mark.soak
SEEDS = worlds(12)
QUERIES = 8


def with_deferrals(query: str, dice: random.Random) -> str:
    """Put @defer on fragments, and some selection sets into deferred fragments of their own."""
    words = re.split(r"(\{|\})", query)
    opened: list[str] = []
    for index, word in enumerate(words):
        if word == "{":
            before = words[index - 1].rstrip()
            lone = before.endswith(("\n", ")")) or re.search(r"\w$", before)
            kind = re.search(r"\.\.\. on \w+$", before)
            closing = ""
            if kind and dice.random() < 0.4:
                words[index] = "@defer {"
            elif lone and index > 1 and not kind and dice.random() < 0.3:
                words[index], closing = "{ ... @defer {", "}"
            opened.append(closing)
        elif word == "}":
            words[index] += opened.pop()
    return "".join(words)


@pytest.mark.parametrize("seed", SEEDS)
def test_pieces_make_the_answer_of_one_server(seed: int) -> None:
    world = a_world(seed)
    supergraph = composed(world)
    if supergraph is None:
        return
    dice = random.Random(seed)

    for _ in range(QUERIES):
        query, variables = a_query(world, dice)
        deferred = with_deferrals(query, dice)
        if "@defer" not in deferred or validate(supergraph.schema, parse(deferred)):
            continue
        found = plan(supergraph, select_operation(parse(deferred), deferring=frozenset()))
        if found.pieces is None:
            continue
        parts = asyncio.run(_parts(DeferredExecutable(found, supergraph.schema), variables, world))
        expected = whole(world, query, variables)

        assert assembled(parts) == expected, f"{deferred}\n{variables}\n{print_plan(found)}"


async def _parts(deferring: DeferredExecutable, variables: Any, world: World) -> list[Part]:
    return [part async for part in deferring.parts(variables, sender(world), "en")]


def assembled(parts: list[Part]) -> Any:
    """The data of all parts, put together as clients do."""
    first = parts[0].first
    assert first is not None
    data: Any = first.data
    for part in parts:
        for patch in part.patches:
            into: Any = data
            for step in patch.pending.path:
                into = into[step]
            _merge(into, patch.data)
    return data


def _merge(into: Any, new: Any) -> None:
    for key, value in new.items() if isinstance(new, dict) else enumerate(new):
        known = into.get(key) if isinstance(into, dict) else into[key]
        if isinstance(value, dict | list) and known:
            _merge(known, value)
        else:
            into[key] = value
