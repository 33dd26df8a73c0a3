"""The federated answer equals the answer of one server that holds the same data,
for random worlds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from graphql import parse

from tests.gateway.differential import cases as making
from tests.gateway.differential.cases import Case, cases, composed, shrunk
from tests.gateway.differential.servers import whole
from tests.support.budget import worlds

pytestmark = pytest.mark.soak
SEEDS = worlds(12)
QUERIES = 5


@pytest.mark.parametrize("seed", SEEDS)
def test_answers_like_one_server(seed: int) -> None:
    for case in cases(seed, QUERIES):
        if case.wrong() is not None:
            pytest.fail(f"seed {seed}, made smaller:\n{shrunk(case).description()}")


def test_the_worlds_hold_what_federation_is_made_of() -> None:
    worlds = [world for seed in range(60) if composed(world := next(cases(seed, 1)).world)]

    fields = [f for w in worlds for kind in w.kinds.values() for f in kind.fields.values()]
    assert sum(w.stand_in is not None for w in worlds) >= 5, "@interfaceObject"
    assert sum(w.setter is not None for w in worlds) >= 5, "@context"
    assert sum(f.target == "Query" for f in fields) >= 5, "a root below the root"
    assert sum(f.label is not None for f in fields) >= 5, "@override with a label"
    assert sum(f.needs is not None for f in fields) >= 20, "@requires"
    assert sum(f.provides is not None for f in fields) >= 20, "@provides"


def test_a_wrong_answer_is_told_by_a_small_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sin planted in the comparison: whoever selects `f1` is told something else."""

    def lying(world: object, query: str, variables: dict[str, bool]) -> object:
        found = whole(world, query, variables)  # type: ignore[arg-type]
        return {"lie": True} if "f1" in query else found

    monkeypatch.setattr(making, "whole", lying)
    wrong = next(
        case for seed in range(30) for case in cases(seed, QUERIES) if case.wrong() is not None
    )

    small = shrunk(wrong)

    assert small.wrong() is not None
    assert len(small.query) < len(wrong.query) / 2
    assert "f1" in small.query
    assert len(_fields(small)) < len(_fields(wrong))
    assert parse(small.query)
    assert replace(small, query="{ __typename }").wrong() is None


def _fields(case: Case) -> list[str]:
    return [name for kind in case.world.kinds.values() for name in kind.fields]
