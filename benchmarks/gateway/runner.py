"""Runs gateways and subgraphs for the benchmark, and measures what requests cost."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.gateway.gateways import Gateway, Place, composed
from benchmarks.gateway.load import Result, ask, press
from benchmarks.gateway.processes import GATEWAY_CORE, OTHER_CORE, Failed, Running, running
from benchmarks.gateway.subgraphs import world_of
from benchmarks.gateway.tables import Table
from benchmarks.gateway.tokens import CALLERS, Issuer

ROOT = Path(__file__).parents[2]


@dataclass
class Runner:
    """The settings of one run, its tables, and the processes it starts."""

    gateways: Sequence[Gateway]
    npm: Path
    folder: Path
    port: int
    seconds: float
    rounds: int
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))
    """The load of the machine before the run: above one, other programs are part of the figures."""
    tables: list[Table] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Sign the tokens that clients send."""
        self.issuer = Issuer(self.folder / "jwks.json")
        self.tokens = self.issuer.tokens(CALLERS)

    def ask(self, gateway: Gateway, place: Place, query: str) -> Any:
        """Send one query to a gateway; return its parsed answer."""
        return ask(place.port, gateway.path, query, self.tokens[0])

    def log(self, line: str) -> None:
        """Print the progress of the run."""
        print(line, file=sys.stderr, flush=True)

    # -------------------------------------------------------------------------- processes

    @contextmanager
    def subgraphs(self, name: str, delay: float = 0) -> Iterator[Place]:
        """Serve a world, with answers delayed by `delay` ms; write the files that gateways read."""
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
        """Run a gateway on its own core, once it answers."""
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
            self._await_first_answer(gateway, place, program)
            yield program

    def _await_first_answer(self, gateway: Gateway, place: Place, program: Running) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                if "data" in self.ask(gateway, place, "{ __typename }"):
                    return
            except Failed:
                pass
            if time.monotonic() > deadline:
                raise Failed(f"never answers: {program.tail()}")
            time.sleep(0.2)

    def each_gateway(
        self, title: str, place: Place, gateways: Sequence[Gateway] | None = None
    ) -> Iterator[tuple[Gateway, Running]]:
        """Run every gateway in turn; one that fails is reported and left out."""
        for gateway in gateways or self.gateways:
            self.log(f"{title}: {gateway.name}")
            try:
                with self.gateway(gateway, place) as program:
                    yield gateway, program
            except Failed as reason:
                self.log(f"{title}: {gateway.name} is left out: {reason}")

    # ------------------------------------------------------------------------ measurements

    def measure(
        self, program: Running, nth: Callable[[int], bytes], connections: int = 16
    ) -> tuple[float, Result]:
        """Return the processor milliseconds of a request, and the answers."""
        before = program.seconds
        result = press(self.port + 1, nth, self.seconds, connections)
        spent = program.seconds - before
        if result.wrong:
            raise Failed(f"{result.wrong} of {result.answers} answers are wrong")
        return spent / result.answers * 1000, result

    def warm_up(self, gateway: Gateway, nth: Callable[[int], bytes], callers: int) -> None:
        """Send requests until Node has compiled its code and we have verified every token once."""
        seconds = self.seconds if gateway.javascript else min(1.0, self.seconds)
        sent = press(self.port + 1, nth, seconds).answers
        while not gateway.packages and sent < callers:
            sent += press(self.port + 1, nth, seconds).answers

    def count_requests(self, place: Place) -> int:
        """Return how many requests the subgraphs have received."""
        return int(ask(place.subgraphs_port, "/count", ""))
