"""The federated answer equals the answer of one server that holds the same data, for random worlds."""

from __future__ import annotations

import asyncio
import os
import random

import pytest
from graphql import parse, validate

from gateway.composition import compose
from gateway.execution.executable import execute
from gateway.operation import read
from gateway.plan import print_plan
from gateway.planning import plan
from gateway.supergraph import Subgraph, Supergraph
from tests.gateway.differential.servers import all_graphs, sender, whole
from tests.gateway.differential.worlds import World, a_query, a_world, subgraph

SEEDS = int(os.environ.get("HUICHI_DIFFERENTIAL_WORLDS", "12"))
QUERIES = 5


def composed(world: World) -> Supergraph | None:
    found = compose(
        [Subgraph(name, f"http://{name}.test", subgraph(world, name)) for name in all_graphs(world)]
    )
    if isinstance(found, list):
        assert {problem.code for problem in found} <= {"SATISFIABILITY_ERROR"}, found
        return None
    return found


@pytest.mark.parametrize("seed", range(SEEDS))
def test_answers_like_one_server(seed: int) -> None:
    world = a_world(seed)
    supergraph = composed(world)
    if supergraph is None:
        return
    dice = random.Random(seed)

    for _ in range(QUERIES):
        query, variables = a_query(world, dice)
        if validate(supergraph.schema, parse(query)):
            continue
        found = plan(supergraph, read(query))
        got = asyncio.run(execute(found, variables, sender(world), supergraph.schema))

        assert got.data == whole(world, query, variables), (
            f"{query}\n{variables}\n{print_plan(found)}"
        )
