"""How long planning and composing take: `python -m benchmarks planning [--audit http://127.0.0.1:4200]`.

CPU time of this process, the best of a few repetitions; "cold" means that neither the plan nor any
index of the supergraph is there yet. `--audit` adds every operation of the public federation gateway
audit, read from the running audit server; nothing of it is kept.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from urllib.request import urlopen

import orjson

from benchmarks.gateway import worlds
from benchmarks.planning import graphs
from gateway.composition import compose
from gateway.errors import GatewayError
from gateway.operation import read
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
        _show(name, supergraph, query, arguments.repeat)
    if arguments.audit:
        _audit(arguments.audit, arguments.repeat)
    _company(arguments.subgraphs)


def _operations() -> Iterator[tuple[str, Supergraph, str]]:
    shop = _composed(worlds.shop().federated)
    yield "shop, big", shop, worlds.BIG
    yield "shop, two hops", shop, worlds.TWO_HOPS
    yield "shop, one subgraph", shop, worlds.LIGHT
    yield "many plans", _composed(worlds.many_plans().federated), worlds.many_plans_query()
    wide = _composed(graphs.wide())
    for name, query in graphs.hostile():
        yield name, wide, query


def _composed(sdl: dict[str, str] | object) -> Supergraph:
    assert isinstance(sdl, dict)
    found = compose([Subgraph(name, f"http://{name}.test", text) for name, text in sdl.items()])
    assert isinstance(found, Supergraph), found[:3]
    return found


def _show(name: str, supergraph: Supergraph, query: str, repeat: int) -> None:
    seconds, fetches, budget = _cold(supergraph, query, repeat)
    full = Budget()
    asked = "refused" if fetches is None else str(fetches)
    expanding, searching = (
        full.expanding - max(budget.expanding, 0),
        full.searching - max(budget.searching, 0),
    )
    print(f"{name:30} {seconds * 1e3:9.1f} {asked:>9} {expanding:11,} {searching:11,}")


def _cold(supergraph: Supergraph, query: str, repeat: int) -> tuple[float, int | None, Budget]:
    best, fetches, budget = float("inf"), None, Budget()
    operation = read(query)
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


def _audit(address: str, repeat: int) -> None:
    times = sorted(
        _cold(supergraph, query, repeat)[0] * 1e3 for supergraph, query in _audited(address)
    )
    if times:
        marks = ((0.5, "median"), (0.9, "90 %"), (0.99, "99 %"), (1.0, "all"))
        found = ", ".join(
            f"{name} {times[min(len(times) - 1, int(len(times) * mark))]:.2f} ms"
            for mark, name in marks
        )
        print(f"audit, {len(times)} operations, cold: {found}")


def _audited(address: str) -> Iterator[tuple[Supergraph, str]]:
    for suite in orjson.loads(_get(f"{address}/ids")):
        supergraph = load(_get(f"{address}/{suite}/supergraph").decode())
        for case in orjson.loads(_get(f"{address}/{suite}/tests")):
            yield supergraph, case["query"]


def _get(address: str) -> bytes:
    with urlopen(address, timeout=30) as answer:  # an address of the caller's choice
        return bytes(answer.read())


def _company(count: int) -> None:
    parts: Iterable[tuple[str, str]] = graphs.company(count).items()
    subgraphs = [Subgraph(name, f"http://{name}.test", sdl) for name, sdl in islice(parts, count)]
    start = time.process_time()
    found = compose(subgraphs)
    seconds = time.process_time() - start
    assert isinstance(found, Supergraph), found[:3]
    size = sum(len(each.sdl) for each in subgraphs)
    print(f"composing {count} subgraphs of {size / 1e3:,.0f} kB together: {seconds:.2f} s")
    start = time.process_time()
    load(found.sdl)
    print(
        f"loading their supergraph of {len(found.sdl) / 1e3:,.0f} kB: {time.process_time() - start:.2f} s"
    )


if __name__ == "__main__":
    main()
