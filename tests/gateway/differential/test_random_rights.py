"""Hiding fields before planning gives what one server would answer if they were null,
for random worlds."""

from __future__ import annotations

import asyncio
import random

import pytest
from graphql import parse, validate

from gateway.execution.executable import execute
from gateway.operation import parse_operation
from gateway.plan import print_plan
from gateway.planning import plan
from gateway.planning.rights import RightsFilter
from gateway.supergraph.rights import Right
from tests.gateway.differential.cases import composed
from tests.gateway.differential.queries import a_query
from tests.gateway.differential.servers import sender, whole
from tests.gateway.differential.test_random_worlds import QUERIES, SEEDS
from tests.gateway.differential.worlds import a_world

pytestmark = pytest.mark.soak
DEMAND = (Right("authenticated"),)


@pytest.mark.parametrize("seed", SEEDS)
def test_hidden_fields_are_null_and_nothing_else_changes(seed: int) -> None:
    world = a_world(seed)
    supergraph = composed(world)
    if supergraph is None:
        return
    dice = random.Random(-seed)

    for _ in range(QUERIES):
        query, variables = a_query(world, dice)
        if validate(supergraph.schema, parse(query)):
            continue
        hidden = frozenset(
            f"{kind.name}.{name}"
            for kind in world.kinds.values()
            for name in kind.fields
            if dice.random() < 0.2
        )
        curtain = RightsFilter(supergraph, dict.fromkeys(hidden, DEMAND))
        operation, _ = curtain.hide(parse_operation(query), lambda _: False)
        found = curtain.show_as_null(plan(supergraph, operation))
        got = asyncio.run(execute(found, variables, sender(world), supergraph.schema))

        assert got.data == whole(world, query, variables, hidden), (
            f"{query}\n{variables}\n{sorted(hidden)}\n{print_plan(found)}"
        )
