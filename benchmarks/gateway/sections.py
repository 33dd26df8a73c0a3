"""The sections of the benchmark: each measures one question and adds its tables to the run."""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import graphql_sync

from benchmarks.gateway import shop, worlds
from benchmarks.gateway.gateways import GATEWAYS, UNCHECKED
from benchmarks.gateway.load import press, request
from benchmarks.gateway.processes import Failed
from benchmarks.gateway.runner import Runner
from benchmarks.gateway.subgraphs import executable, world_of
from benchmarks.gateway.tables import Table
from benchmarks.gateway.tokens import CALLERS, FEW, MORE_THAN_ARE_REMEMBERED
from gateway.composition import compose
from gateway.operation import parse_document, select_operation
from gateway.planning import plan
from gateway.supergraph import Subgraph, Supergraph, load


def check_equal_answers(runner: Runner) -> None:
    """Exit unless all gateways answer equally: otherwise no figure could be compared."""
    answers: dict[str, dict[str, Any]] = {}  # by gateway and query
    with runner.subgraphs("shop") as place:
        for gateway, _ in runner.each_gateway("answers", place):
            by_query = {
                name: runner.ask(gateway, place, query) for name, query in shop.QUERIES.items()
            }
            for name, answer in by_query.items():
                if "errors" in answer:
                    raise Failed(f"{name}: {answer['errors'][0]}")
            answers[gateway.name] = {name: answer["data"] for name, answer in by_query.items()}
    names = list(answers)
    if not names:
        sys.exit("No gateway answers.")
    for name in names[1:]:
        for query, answer in answers[name].items():
            if answer != answers[names[0]][query]:
                sys.exit(f'"{query}": {names[0]} and {name} answer differently')
    for query, answer in answers[names[0]].items():
        size = len(json.dumps({"data": answer}, separators=(",", ":")))
        runner.log(f"{query}: {len(names)} gateways, one answer of {size} bytes")


def queries(runner: Runner) -> None:
    """Measure the main table: requests a core-second, and memory."""
    _in_turn(runner, "Requests a core-second", shop.QUERIES, CALLERS)


def tokens(runner: Runner) -> None:
    """Measure the verification of tokens, for repeated callers and for new ones."""
    table = Table(
        "Light query, requests a core-second: what checking tokens costs",
        ("gateway", f"{CALLERS:,} callers in turn", "every token for the first time"),
    )
    pools = (runner.tokens, runner.issuer.tokens(MORE_THAN_ARE_REMEMBERED))
    costs: dict[str, list[list[float]]] = {}  # by gateway and pool
    ours = [gateway for gateway in GATEWAYS if not gateway.packages]
    with runner.subgraphs("shop") as place:
        for _ in range(runner.rounds):
            for gateway, program in runner.each_gateway("tokens", place, [*ours, UNCHECKED]):
                columns = costs.setdefault(gateway.name, [[], []])
                for pool, column in zip(pools, columns, strict=True):
                    nth = request(gateway.path, shop.LIGHT, pool)
                    runner.warm_up(gateway, nth, CALLERS)
                    column.append(runner.measure(program, nth)[0])
    for name, columns in costs.items():
        table.add(name, *(round(1000 / statistics.median(column)) for column in columns))
    runner.tables.append(table)


def new_documents(runner: Runner) -> None:
    """Measure documents that are all new: no cache of plans helps."""
    documents = {
        "light": shop.LIGHT.replace("users", "NEW: users"),
        "big": shop.BIG.replace("  users {", "  NEW: users {"),
    }
    _in_turn(runner, "Requests a core-second, every document new", documents, FEW)


def slow_subgraphs(runner: Runner) -> None:
    """Measure the latency over subgraphs that take 10 ms: the depth of the plan decides."""
    table = Table("Big query, subgraphs take 10 ms each", ("gateway", "p50 ms", "p95 ms"))
    with runner.subgraphs("shop", delay=10) as place:
        for gateway, _ in runner.each_gateway("slow subgraphs", place):
            nth = request(gateway.path, shop.BIG, runner.tokens[:FEW])
            runner.warm_up(gateway, nth, FEW)
            result = press(place.port, nth, runner.seconds, connections=2)
            table.add(
                gateway.name,
                round(result.percentile(0.5), 1),
                round(result.percentile(0.95), 1),
            )
    runner.tables.append(table)


def many_plans(runner: Runner) -> None:
    """Measure a query with astronomically many plans, each time as a new document."""
    table = Table(
        "Many plans: a new document each time",
        ("gateway", "seconds", "of processor", "subgraph requests", "answer"),
    )
    query = worlds.many_plans_query().replace("{ node", "{ NEW: node", 1)
    with runner.subgraphs("many_plans") as place:
        expected = _monolith_answer()
        for gateway, program in runner.each_gateway("many plans", place):
            elapsed, processor, requests, verdict = [], [], 0, "right"
            for _ in range(2):
                before = runner.count_requests(place)
                started, busy = time.perf_counter(), program.seconds
                answer = runner.ask(gateway, place, query)
                elapsed.append(time.perf_counter() - started)
                processor.append(program.seconds - busy)
                requests = runner.count_requests(place) - before
                if "errors" in answer or not answer.get("data"):
                    verdict = "refused"
                elif next(iter(answer["data"].values())) != expected:
                    verdict = "wrong"
            seconds = (round(min(elapsed), 2), round(min(processor), 2))
            table.add(gateway.name, *seconds, requests, verdict)
    runner.tables.append(table)


def _monolith_answer() -> Any:
    """Return the answer of one server that has every field."""
    monolith = executable(worlds.many_plans_monolith())
    root = world_of("many_plans").root("")
    result = graphql_sync(monolith, worlds.many_plans_query(), root_value=root)
    assert not result.errors
    assert result.data is not None
    return result.data["node"]


def growth(runner: Runner) -> None:
    """Measure the cost of an answer as it grows."""
    sizes = (7, 70, 700, 7_000, 70_000)
    table = Table(
        "Processor ms a request by size of the answer (one subgraph)",
        ("gateway", *(f"{rows * 0.145:,.0f} kB" for rows in sizes)),
    )
    with runner.subgraphs("table") as place:
        for gateway, program in runner.each_gateway("growth", place):
            costs: list[float] = []
            for rows in sizes:
                nth = request(gateway.path, worlds.table_query(rows), runner.tokens[:FEW])
                press(place.port, nth, 0.5, connections=2)
                cost, _ = runner.measure(program, nth, connections=2)
                costs.append(round(cost, 3 if cost < 10 else 1))
            table.add(gateway.name, *costs)
    runner.tables.append(table)


def many_subgraphs(runner: Runner) -> None:
    """Measure one entity completed by 1, 10 and 100 subgraphs."""
    table = Table(
        "One entity in many subgraphs: processor ms a request",
        ("gateway", *(f"{count} subgraphs" for count in (1, 10, 100))),
    )
    costs: dict[str, list[object]] = {}
    for count in (1, 10, 100):
        with runner.subgraphs(f"wide:{count}") as place:
            for gateway, program in runner.each_gateway(f"{count} subgraphs", place):
                nth = request(gateway.path, worlds.wide_query(count), runner.tokens[:FEW])
                runner.warm_up(gateway, nth, FEW)
                cost, _ = runner.measure(program, nth)
                costs.setdefault(gateway.name, []).append(round(cost, 3))
    for name, row in costs.items():
        table.add(name, *row)
    runner.tables.append(table)


def composing(runner: Runner) -> None:
    """Measure composing, loading and planning in this process."""
    table = Table(
        "Ours: seconds of processor to compose, load and plan",
        ("subgraphs", "compose", "load", "plan one field of each"),
    )
    for count in (1, 10, 100, 191):
        world = worlds.wide(count)
        subgraphs = [
            Subgraph(name, f"http://{name}.test", sdl) for name, sdl in world.federated.items()
        ]
        gc.collect()
        started = time.process_time()
        result = compose(subgraphs)
        assert isinstance(result, Supergraph), result
        composed_at = time.process_time()
        supergraph = load(result.sdl)
        loaded_at = time.process_time()
        operation = select_operation(parse_document(worlds.wide_query(count)), None)
        planning_at = time.process_time()
        plan(supergraph, operation)
        ended = time.process_time()
        table.add(
            count,
            round(composed_at - started, 3),
            round(loaded_at - composed_at, 3),
            round(ended - planning_at, 4),
        )
    runner.tables.append(table)


# --------------------------------------------------------------------------------- gateways in turn


def _in_turn(runner: Runner, title: str, documents: Mapping[str, str], callers: int) -> None:
    """Measure every gateway in every round, so that a machine whose speed drifts is fair to all."""
    costs: dict[str, dict[str, list[float]]] = {}  # by gateway and document
    memory: dict[str, float] = {}
    with runner.subgraphs("shop") as place:
        for number in range(runner.rounds):
            for gateway, program in runner.each_gateway(title, place):
                for name, document in documents.items():
                    nth = request(gateway.path, document, runner.tokens[:callers])
                    runner.warm_up(gateway, nth, callers)
                    cost, result = runner.measure(program, nth)
                    costs.setdefault(gateway.name, {}).setdefault(name, []).append(cost)
                    runner.log(
                        f"round {number + 1}: {gateway.name}, {name}: "
                        f"{1000 / cost:,.0f} a core-second, {result.answers} answers"
                    )
                peak = program.peak_megabytes
                memory[gateway.name] = max(memory.get(gateway.name, 0), peak)
    rates = {
        gateway: {name: 1000 / statistics.median(samples) for name, samples in by_name.items()}
        for gateway, by_name in costs.items()
    }
    names = list(next(iter(rates.values())))
    table = Table(title, ("gateway", *names, "peak MB"))
    for name, row in rates.items():
        table.add(name, *(round(row[document]) for document in names), round(memory[name]))
    runner.tables.append(table)
    runner.tables.append(_ratios(runner, title, rates, names))


def _ratios(
    runner: Runner, title: str, rates: dict[str, dict[str, float]], names: Sequence[str]
) -> Table:
    """Compare ours with the best JavaScript gateway, and with each other gateway."""
    table = Table(f"{title}: ours is so many times", ("peer", *names))
    if "ours" not in rates:
        return table
    groups = {
        "the best JavaScript gateway": [g.name for g in runner.gateways if g.javascript],
        **{g.name: [g.name] for g in runner.gateways if not g.javascript and g.name != "ours"},
    }
    for peer, members in groups.items():
        rows = [rates[member] for member in members if member in rates]
        if rows:
            best = (max(row[name] for row in rows) for name in names)
            ratios = (rates["ours"][n] / b for n, b in zip(names, best, strict=True))
            table.add(peer, *(round(ratio, 2) for ratio in ratios))
    return table


SECTIONS: dict[str, Callable[[Runner], None]] = {
    "queries": queries,
    "tokens": tokens,
    "new": new_documents,
    "slow": slow_subgraphs,
    "plans": many_plans,
    "growth": growth,
    "subgraphs": many_subgraphs,
    "composing": composing,
}
