"""Our gateway beside its peers, one core each in turn: `python -m benchmarks gateway` (Linux, two cores or more).

The gateway runs on a core of its own; subgraphs and clients share another. The measure is processor
time of the gateway's process tree, since requests a second on a shared machine mean little. Before
anything is timed, all gateways must give the same answers.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphql import graphql_sync

from benchmarks.gateway import worlds
from benchmarks.gateway.gateways import (
    GATEWAYS,
    UNCHECKED,
    Gateway,
    Place,
    composed,
    install,
)
from benchmarks.gateway.load import Result, ask, press, request
from benchmarks.gateway.processes import (
    GATEWAY_CORE,
    OTHER_CORE,
    Failed,
    Running,
    running,
    stay_off_the_gateways_core,
)
from benchmarks.gateway.subgraphs import executable, world_of
from benchmarks.gateway.tables import Table, kept, render
from benchmarks.gateway.tokens import CALLERS, FEW, MORE_THAN_ARE_REMEMBERED, Issuer
from gateway.composition import compose
from gateway.operation import choose, parse_document
from gateway.planning import plan
from gateway.supergraph import Subgraph, Supergraph, load

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass
class Bench:
    """What was asked for, and what was found."""

    gateways: Sequence[Gateway]
    npm: Path
    folder: Path
    port: int
    seconds: float
    rounds: int
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))
    """How busy the machine was before: above one, somebody else's work is in the figures."""
    tables: list[Table] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Sign what clients will send."""
        self.issuer = Issuer(self.folder / "jwks.json")
        self.tokens = self.issuer.tokens(CALLERS)

    def ask(self, gateway: Gateway, place: Place, query: str) -> Any:
        """One question to a gateway."""
        return ask(place.port, gateway.path, query, self.tokens[0])

    def say(self, line: str) -> None:
        """Tell whoever waits."""
        print(line, file=sys.stderr, flush=True)

    # -------------------------------------------------------------------------- what runs

    @contextmanager
    def subgraphs(self, name: str, delay: float = 0) -> Iterator[Place]:
        """Serve a world and write the files that gateways read."""
        world = world_of(name)
        folder = self.folder / name.replace(":", "-")
        folder.mkdir(exist_ok=True)
        place = Place(
            folder,
            self.npm,
            self.port + 1,
            world.federated,
            self.port,
            jwks=self.issuer.jwks,
        )
        place.supergraph.write_text(composed(world.federated, self.port))
        command = [sys.executable, "-m", "benchmarks.gateway.subgraphs", name]
        command += ["--port", str(self.port), "--delay", str(delay)]
        log = folder / "subgraphs.log"
        with running(command, self.port, log, core=OTHER_CORE, folder=ROOT):
            yield place

    @contextmanager
    def gateway(self, gateway: Gateway, place: Place) -> Iterator[Running]:
        """Start a gateway on its own core."""
        folder = ROOT if not gateway.packages else self.npm
        log = place.folder / f"{gateway.name}.log"
        with running(
            gateway.command(place),
            place.port,
            log,
            core=GATEWAY_CORE,
            folder=folder,
            environment=gateway.environment(place),
        ) as program:
            self._first_answer(gateway, place, program)
            yield program

    def _first_answer(self, gateway: Gateway, place: Place, program: Running) -> None:
        end = time.monotonic() + 30
        while True:
            try:
                if "data" in self.ask(gateway, place, "{ __typename }"):
                    return
            except Failed:
                pass
            if time.monotonic() > end:
                raise Failed(f"never answers: {program.tail()}")
            time.sleep(0.2)

    def each(
        self, what: str, place: Place, gateways: Sequence[Gateway] | None = None
    ) -> Iterator[tuple[Gateway, Running]]:
        """Every gateway in turn; one that fails is reported and left out."""
        for gateway in gateways or self.gateways:
            self.say(f"{what}: {gateway.name}")
            try:
                with self.gateway(gateway, place) as program:
                    yield gateway, program
            except Failed as reason:
                self.say(f"{what}: {gateway.name} is left out: {reason}")

    def timed(
        self, gateway: Gateway, program: Running, nth: Callable[[int], bytes], seconds: float
    ) -> tuple[float, Result]:
        """Processor milliseconds a request."""
        before = program.seconds
        result = press(self.port + 1, nth, seconds)
        spent = program.seconds - before
        if result.wrong:
            raise Failed(f"{result.wrong} of {result.answers} answers are wrong")
        return spent / result.answers * 1000, result

    # ----------------------------------------------------------------------- what is measured

    def equal_answers(self) -> None:
        """All gateways say the same, or nothing is timed."""
        said: dict[str, dict[str, Any]] = {}
        with self.subgraphs("shop") as place:
            for gateway, _ in self.each("answers", place):
                answers = {
                    name: self.ask(gateway, place, query) for name, query in worlds.QUERIES.items()
                }
                for name, answer in answers.items():
                    if "errors" in answer:
                        raise Failed(f"{name}: {answer['errors'][0]}")
                said[gateway.name] = {name: answer["data"] for name, answer in answers.items()}
        names = list(said)
        if not names:
            sys.exit("No gateway answers.")
        for name in names[1:]:
            for query, answer in said[name].items():
                if answer != said[names[0]][query]:
                    sys.exit(f'"{query}": {names[0]} and {name} answer differently')
        for query, answer in said[names[0]].items():
            size = len(json.dumps({"data": answer}, separators=(",", ":")))
            self.say(f"{query}: {len(names)} gateways, one answer of {size} bytes")

    def three_queries(self) -> None:
        """The main table: milliseconds of processor a request, and memory."""
        self._in_turn("Requests a core-second", worlds.QUERIES, CALLERS)

    def checking(self) -> None:
        """What checking tokens costs, and what a caller costs who was never seen before."""
        table = Table(
            "Light query, requests a core-second: what checking tokens costs",
            ("gateway", f"{CALLERS:,} callers in turn", "every token for the first time"),
        )
        pools = (self.tokens, self.issuer.tokens(MORE_THAN_ARE_REMEMBERED))
        found: dict[str, list[list[float]]] = {}
        ours = [gateway for gateway in GATEWAYS if not gateway.packages]
        with self.subgraphs("shop") as place:
            for _ in range(self.rounds):
                for gateway, program in self.each("tokens", place, [*ours, UNCHECKED]):
                    costs = found.setdefault(gateway.name, [[], []])
                    for pool, column in zip(pools, costs, strict=True):
                        nth = request(gateway.path, worlds.LIGHT, pool)
                        self._warm_up(gateway, nth, CALLERS)
                        column.append(self.timed(gateway, program, nth, self.seconds)[0])
        for name, costs in found.items():
            table.add(name, *(round(1000 / statistics.median(column)) for column in costs))
        self.tables.append(table)

    def new_documents(self) -> None:
        """Every document is new: no cache of plans helps."""
        queries = {
            "light": worlds.LIGHT.replace("users", "NEW: users"),
            "big": worlds.BIG.replace("  users {", "  NEW: users {"),
        }
        self._in_turn("Requests a core-second, every document new", queries, FEW)

    def _in_turn(self, title: str, queries: Mapping[str, str], callers: int) -> None:
        """Every round asks every gateway, so that a machine whose speed drifts is fair to all."""
        spent: dict[str, dict[str, list[float]]] = {}
        memory: dict[str, float] = {}
        with self.subgraphs("shop") as place:
            for number in range(self.rounds):
                for gateway, program in self.each(title, place):
                    for name, query in queries.items():
                        nth = request(gateway.path, query, self.tokens[:callers])
                        self._warm_up(gateway, nth, callers)
                        cost, result = self.timed(gateway, program, nth, self.seconds)
                        spent.setdefault(gateway.name, {}).setdefault(name, []).append(cost)
                        self.say(
                            f"round {number + 1}: {gateway.name}, {name}: "
                            f"{1000 / cost:,.0f} a core-second, {result.answers} answers"
                        )
                    peak = program.peak_megabytes
                    memory[gateway.name] = max(memory.get(gateway.name, 0), peak)
        self._costs(title, spent, memory)

    def slow_subgraphs(self) -> None:
        """Subgraphs that take 10 ms: the depth of the plan decides."""
        table = Table("Big query, subgraphs take 10 ms each", ("gateway", "p50 ms", "p95 ms"))
        with self.subgraphs("shop", delay=10) as place:
            for gateway, _ in self.each("slow subgraphs", place):
                nth = request(gateway.path, worlds.BIG, self.tokens[:FEW])
                self._warm_up(gateway, nth, FEW)
                result = press(place.port, nth, self.seconds, connections=2)
                table.add(
                    gateway.name,
                    round(result.percentile(0.5), 1),
                    round(result.percentile(0.95), 1),
                )
        self.tables.append(table)

    def plans(self) -> None:
        """A query with astronomically many plans, each time a new document."""
        table = Table(
            "Many plans: a new document each time",
            ("gateway", "seconds", "of processor", "subgraph requests", "answer"),
        )
        query = worlds.many_plans_query().replace("{ node", "{ NEW: node", 1)
        with self.subgraphs("many_plans") as place:
            right = self._right()
            for gateway, program in self.each("many plans", place):
                took, spent, asked, said = [], [], 0, "right"
                for _ in range(2):
                    before = self._count(place)
                    started, busy = time.perf_counter(), program.seconds
                    answer = self.ask(gateway, place, query)
                    took.append(time.perf_counter() - started)
                    spent.append(program.seconds - busy)
                    asked = self._count(place) - before
                    if "errors" in answer or not answer.get("data"):
                        said = "refused"
                    elif next(iter(answer["data"].values())) != right:
                        said = "wrong"
                seconds = (round(min(took), 2), round(min(spent), 2))
                table.add(gateway.name, *seconds, asked, said)
        self.tables.append(table)

    def _right(self) -> Any:
        """The answer of one server that knows every field."""
        monolith = executable(worlds.many_plans_monolith())
        root = world_of("many_plans").root("")
        result = graphql_sync(monolith, worlds.many_plans_query(), root_value=root)
        assert not result.errors
        assert result.data is not None
        return result.data["node"]

    def growth(self) -> None:
        """What an answer costs as it grows: ours and the fastest peer."""
        sizes = (7, 70, 700, 7_000, 70_000)
        table = Table(
            "Processor ms a request by size of the answer (one subgraph)",
            ("gateway", *(f"{rows * 0.145:,.0f} kB" for rows in sizes)),
        )
        with self.subgraphs("table") as place:
            for gateway, program in self.each("growth", place):
                row: list[float] = []
                for rows in sizes:
                    nth = request(gateway.path, worlds.table_query(rows), self.tokens[:FEW])
                    press(place.port, nth, 0.5, connections=2)
                    cost, _ = self._timed_few(program, nth)
                    row.append(round(cost, 3 if cost < 10 else 1))
                table.add(gateway.name, *row)
        self.tables.append(table)

    def _timed_few(self, program: Running, nth: Callable[[int], bytes]) -> tuple[float, int]:
        before = program.seconds
        result = press(self.port + 1, nth, self.seconds, connections=2)
        if result.wrong:
            raise Failed(f"{result.wrong} of {result.answers} answers are wrong")
        return (program.seconds - before) / result.answers * 1000, result.answers

    def many_subgraphs(self) -> None:
        """One entity completed by 1, 10 and 100 subgraphs."""
        table = Table(
            "One entity in many subgraphs: processor ms a request",
            ("gateway", *(f"{count} subgraphs" for count in (1, 10, 100))),
        )
        found: dict[str, list[object]] = {}
        for count in (1, 10, 100):
            with self.subgraphs(f"wide:{count}") as place:
                for gateway, program in self.each(f"{count} subgraphs", place):
                    nth = request(gateway.path, worlds.wide_query(count), self.tokens[:FEW])
                    self._warm_up(gateway, nth, FEW)
                    cost, _ = self.timed(gateway, program, nth, self.seconds)
                    found.setdefault(gateway.name, []).append(round(cost, 3))
        for name, row in found.items():
            table.add(name, *row)
        self.tables.append(table)

    def composing(self) -> None:
        """How long composing, loading and planning take in our own process."""
        table = Table(
            "Ours: seconds of processor to compose, load and plan",
            ("subgraphs", "compose", "load", "plan one field of each"),
        )
        for count in (1, 10, 100, 191):
            world = worlds.wide(count)
            given = [
                Subgraph(name, f"http://{name}.test", sdl) for name, sdl in world.federated.items()
            ]
            gc.collect()
            started = time.process_time()
            result = compose(given)
            assert isinstance(result, Supergraph), result
            composed_at = time.process_time()
            supergraph = load(result.sdl)
            loaded_at = time.process_time()
            operation = choose(parse_document(worlds.wide_query(count)), None)
            planning_at = time.process_time()
            plan(supergraph, operation)
            ended = time.process_time()
            table.add(
                count,
                round(composed_at - started, 3),
                round(loaded_at - composed_at, 3),
                round(ended - planning_at, 4),
            )
        self.tables.append(table)

    # ------------------------------------------------------------------------------- helpers

    def _warm_up(self, gateway: Gateway, nth: Callable[[int], bytes], callers: int) -> None:
        """Node compiles while it runs, and we verify each token once; nobody is measured before."""
        seconds = self.seconds if gateway.javascript else min(1.0, self.seconds)
        asked = press(self.port + 1, nth, seconds).answers
        while not gateway.packages and asked < callers:
            asked += press(self.port + 1, nth, seconds).answers

    def _count(self, place: Place) -> int:
        return int(ask(place.subgraphs_port, "/count", ""))

    def _costs(
        self,
        title: str,
        spent: dict[str, dict[str, list[float]]],
        memory: dict[str, float] | None = None,
    ) -> None:
        names = list(next(iter(spent.values())))
        columns = ["gateway", *names, *(["peak MB"] if memory else [])]
        table = Table(title, tuple(columns))
        medians = {
            gateway: {name: 1000 / statistics.median(costs) for name, costs in by_query.items()}
            for gateway, by_query in spent.items()
        }
        for gateway, row in medians.items():
            more = [round(memory[gateway])] if memory else []
            table.add(gateway, *(round(row[name]) for name in names), *more)
        self.tables.append(table)
        self.tables.append(self._ratios(title, medians, names))

    def _ratios(
        self, title: str, medians: dict[str, dict[str, float]], names: Sequence[str]
    ) -> Table:
        """Ours against the best JavaScript gateway, and against each that is not."""
        table = Table(f"{title}: ours is so many times", ("peer", *names))
        if "ours" not in medians:
            return table
        groups = {
            "the best JavaScript gateway": [g.name for g in self.gateways if g.javascript],
            **{g.name: [g.name] for g in self.gateways if not g.javascript and g.name != "ours"},
        }
        for peer, members in groups.items():
            rows = [medians[member] for member in members if member in medians]
            if rows:
                best = (max(row[name] for row in rows) for name in names)
                ratios = (medians["ours"][n] / b for n, b in zip(names, best, strict=True))
                table.add(peer, *(round(ratio, 2) for ratio in ratios))
        return table


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "queries": Bench.three_queries,
    "tokens": Bench.checking,
    "new": Bench.new_documents,
    "slow": Bench.slow_subgraphs,
    "plans": Bench.plans,
    "growth": Bench.growth,
    "subgraphs": Bench.many_subgraphs,
    "composing": Bench.composing,
}


def main() -> None:
    """Measure, print tables, keep them as JSON and text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    add("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION")
    add("--gateways", nargs="+", metavar="WORD", help="those whose names hold a word")
    add("--seconds", type=float, default=4, help="of each measurement (default: 4)")
    add("--rounds", type=int, default=3, help="all gateways in turn, so often (default: 3)")
    add("--port", type=int, default=28700, help="this one and the next (default: 28700)")
    add(
        "--npm",
        type=Path,
        default=Path(tempfile.gettempdir()) / "gateway-benchmark-peers",
        help="folder that the peers are installed into (default: %(default)s)",
    )
    add("--save", action="store_true", help="write results/ beside this file")
    asked = parser.parse_args()
    stay_off_the_gateways_core()
    chosen = [
        gateway
        for gateway in GATEWAYS
        if not asked.gateways or any(w.lower() in gateway.name.lower() for w in asked.gateways)
    ]
    if any(gateway.packages for gateway in chosen):
        reason = install(asked.npm)
        if reason:
            print(f"{reason}: only our gateway is measured.", file=sys.stderr)
            chosen = [gateway for gateway in chosen if not gateway.packages]
    with tempfile.TemporaryDirectory(prefix="gateway-benchmark-") as folder:
        bench = Bench(chosen, asked.npm, Path(folder), asked.port, asked.seconds, asked.rounds)
        bench.equal_answers()
        for name in asked.only:
            SECTIONS[name](bench)
    report(bench, save=asked.save)


def report(bench: Bench, *, save: bool) -> None:
    """Print, and write down if asked to."""
    about = {
        "processor": _processor(),
        "python": platform.python_version(),
        "versions": {g.name: g.version(bench.npm) for g in bench.gateways},
    }
    for table in bench.tables:
        table.run = (
            f"{datetime.now(UTC).date().isoformat()}, median of {bench.rounds} rounds of "
            f"{bench.seconds:g} s, load of the machine before {bench.load}"
        )
    print(render(about, bench.tables))
    if save:
        folder = HERE / "results"
        folder.mkdir(exist_ok=True)
        file = folder / "results.json"
        tables = kept(json.loads(file.read_text()) if file.exists() else {}, bench.tables)
        (folder / "results.md").write_text(render(about, tables) + "\n")
        data = {"about": about, "tables": [table.to_json() for table in tables]}
        file.write_text(json.dumps(data, indent=2) + "\n")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "?")


if __name__ == "__main__":
    main()
