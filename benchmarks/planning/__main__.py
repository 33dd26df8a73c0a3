"""Times planning and composing: `python -m benchmarks planning [--audit http://127.0.0.1:4200]`.

The figures are CPU times of this process, the best of a few repetitions; "cold" means that neither
the plan nor any index of the supergraph is cached. `--audit` adds every operation of the public
federation gateway audit, read from the running audit server; nothing of it is stored.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from urllib.request import urlopen

import orjson

from benchmarks.gateway import shop, worlds
from benchmarks.planning import graphs
from gateway.composition import compose
from gateway.errors import GatewayError
from gateway.operation import parse_operation
from gateway.planning import Budget, plan
from gateway.planning.query_graph import query_graph_of
from gateway.supergraph import Subgraph, Supergraph, load


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Times planning and composition.")
    parser.add_argument("--audit", help="address of a running federation gateway audit server")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--subgraphs", type=int, default=191)
    arguments = parser.parse_args()
    print("operation                        cold ms   fetches   expanding   searching")
    for name, supergraph, query in _operations():
        _print_figures(name, supergraph, query, arguments.repeat)
    if arguments.audit:
        _print_audit(arguments.audit, arguments.repeat)
    _print_company(arguments.subgraphs)


def _operations() -> Iterator[tuple[str, Supergraph, str]]:
    supergraph = _composed(shop.shop().federated)
    yield "shop, big", supergraph, shop.BIG
    yield "shop, two hops", supergraph, shop.TWO_HOPS
    yield "shop, one subgraph", supergraph, shop.LIGHT
    yield "many plans", _composed(worlds.many_plans().federated), worlds.many_plans_query()
    wide = _composed(graphs.wide())
    for name, query in graphs.hostile():
        yield name, wide, query


def _composed(sdl: dict[str, str] | object) -> Supergraph:
    assert isinstance(sdl, dict)
    result = compose([Subgraph(name, f"http://{name}.test", text) for name, text in sdl.items()])
    assert isinstance(result, Supergraph), result[:3]
    return result


def _print_figures(name: str, supergraph: Supergraph, query: str, repeat: int) -> None:
    seconds, fetches, budget = _plan_cold(supergraph, query, repeat)
    full = Budget()
    count = "refused" if fetches is None else str(fetches)
    expanding, searching = (
        full.expanding - max(budget.expanding, 0),
        full.searching - max(budget.searching, 0),
    )
    print(f"{name:30} {seconds * 1e3:9.1f} {count:>9} {expanding:11,} {searching:11,}")


def _plan_cold(supergraph: Supergraph, query: str, repeat: int) -> tuple[float, int | None, Budget]:
    best, fetches, budget = float("inf"), None, Budget()
    operation = parse_operation(query)
    for _ in range(repeat):
        query_graph_of.cache_clear()
        budget = Budget()
        start = time.process_time()
        try:
            fetches = sum(1 for _ in plan(supergraph, operation, budget=budget).fetches())
        except GatewayError:
            fetches = None
        best = min(best, time.process_time() - start)
    return best, fetches, budget


def _print_audit(address: str, repeat: int) -> None:
    times = sorted(
        _plan_cold(supergraph, query, repeat)[0] * 1e3 for supergraph, query in _audited(address)
    )
    if times:
        marks = ((0.5, "median"), (0.9, "90 %"), (0.99, "99 %"), (1.0, "all"))
        figures = ", ".join(
            f"{name} {times[min(len(times) - 1, int(len(times) * mark))]:.2f} ms"
            for mark, name in marks
        )
        print(f"audit, {len(times)} operations, cold: {figures}")


def _audited(address: str) -> Iterator[tuple[Supergraph, str]]:
    for suite in orjson.loads(_get(f"{address}/ids")):
        supergraph = load(_get(f"{address}/{suite}/supergraph").decode())
        for case in orjson.loads(_get(f"{address}/{suite}/tests")):
            yield supergraph, case["query"]


def _get(address: str) -> bytes:
    with urlopen(address, timeout=30) as answer:  # the address is the caller's choice
        return bytes(answer.read())


def _print_company(count: int) -> None:
    parts: Iterable[tuple[str, str]] = graphs.company(count).items()
    subgraphs = [Subgraph(name, f"http://{name}.test", sdl) for name, sdl in islice(parts, count)]
    start = time.process_time()
    supergraph = compose(subgraphs)
    seconds = time.process_time() - start
    assert isinstance(supergraph, Supergraph), supergraph[:3]
    size = sum(len(each.sdl) for each in subgraphs)
    print(f"composing {count} subgraphs of {size / 1e3:,.0f} kB together: {seconds:.2f} s")
    start = time.process_time()
    load(supergraph.sdl)
    seconds = time.process_time() - start
    size = len(supergraph.sdl)
    print(f"loading their supergraph of {size / 1e3:,.0f} kB: {seconds:.2f} s")


if __name__ == "__main__":
    main()
