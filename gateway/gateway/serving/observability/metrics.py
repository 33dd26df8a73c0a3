"""Metrics for Prometheus: requests, outcomes and durations in a dozen dictionaries."""

import resource
import time
from bisect import bisect_left
from collections.abc import Iterator

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
MOST_NAMES = 200
"""Operation and client names that become labels; all further ones count as "other"."""
Labels = tuple[tuple[str, str], ...]


class CounterCell:
    """The count of one label set."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class Counter:
    """A counter by labels."""

    def __init__(self, name: str, description: str) -> None:
        self.name, self.description = name, description
        self.cells: dict[Labels, CounterCell] = {}

    def cell(self, *labels: tuple[str, str]) -> CounterCell:
        """Return the cell that counts these labels; frequent users keep it."""
        return self.cells.setdefault(labels, CounterCell())

    def add(self, *labels: tuple[str, str]) -> None:
        """Count one."""
        self.cell(*labels).value += 1

    def lines(self) -> Iterator[str]:
        """Yield the lines of the Prometheus text format."""
        yield f"# HELP {self.name} {self.description}"
        yield f"# TYPE {self.name} counter"
        for labels, cell in self.cells.items():
            yield f"{self.name}{_labels(labels)} {cell.value}"


class HistogramRow:
    """The durations of one label set."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds


class Histogram:
    """A histogram of durations by labels."""

    def __init__(self, name: str, description: str) -> None:
        self.name, self.description = name, description
        self.rows: dict[Labels, HistogramRow] = {}

    def row(self, *labels: tuple[str, str]) -> HistogramRow:
        """Return the row that counts the durations of these labels."""
        return self.rows.setdefault(labels, HistogramRow())

    def lines(self) -> Iterator[str]:
        """Yield the lines of the Prometheus text format."""
        yield f"# HELP {self.name} {self.description}"
        yield f"# TYPE {self.name} histogram"
        for labels, row in self.rows.items():
            total = 0
            for bound, count in zip((*BUCKETS, "+Inf"), row.counts, strict=True):
                total += count
                yield f"{self.name}_bucket{_labels((*labels, ('le', str(bound))))} {total}"
            yield f"{self.name}_sum{_labels(labels)} {row.sum:.6f}"
            yield f"{self.name}_count{_labels(labels)} {total}"


class Metrics:
    """Every metric of one gateway."""

    def __init__(self) -> None:
        self.requests = Counter("gateway_requests_total", "Requests by operation and outcome.")
        self.request_seconds = Histogram("gateway_request_seconds", "Time to answer a request.")
        self.errors = Counter("gateway_errors_total", "Errors in answers, by code.")
        self.fetches = Counter("gateway_fetches_total", "Requests to subgraphs by outcome.")
        self.fetch_seconds = Histogram("gateway_fetch_seconds", "Time a subgraph took to answer.")
        self.documents = Counter("gateway_documents_total", "Documents that were known or new.")
        self.reloads = Counter("gateway_reloads_total", "Supergraphs that were taken or refused.")
        self.clients = Counter("gateway_client_requests_total", "Requests by what clients say.")
        self.circuits = Counter("gateway_circuit_changes_total", "Circuits by their new state.")
        self.refused = Counter("gateway_circuit_refusals_total", "Requests that were not sent.")
        self.policies = Counter("gateway_policy_decisions_total", "Policies asked for, by outcome.")
        self.shared = Counter("gateway_shared_fetches_total", "Requests that another one spared.")
        self.circuits_open: dict[str, bool] = {}
        self.in_flight = 0
        self.subscriptions = 0
        self.shared_sources = 0
        self.documents_kept = 0
        self.loaded_at = time.time()
        self._names: set[str] = set()
        self._clients: set[str] = set()
        # Cells that are needed with every request, by what the request is counted by.
        self._requests: dict[tuple[str, str, bool], tuple[CounterCell, HistogramRow]] = {}
        self._fetches: dict[tuple[str, str], tuple[CounterCell, HistogramRow]] = {}
        self._documents = {
            cached: self.documents.cell(("result", "known" if cached else "new"))
            for cached in (True, False)
        }

    def request(self, kind: str, name: str | None, codes: list[str], seconds: float) -> None:
        """Count one answered request."""
        key = (kind, self._name(name), not codes)
        cells = self._requests.get(key)
        if cells is None:
            labels = (
                ("type", kind),
                ("operation", key[1]),
                ("outcome", "error" if codes else "ok"),
            )
            cells = self.requests.cell(*labels), self.request_seconds.row(("type", kind))
            self._requests[key] = cells
        cell, row = cells
        cell.value += 1
        row.add(seconds)
        for code in set(codes):
            self.errors.add(("code", code))

    def document(self, *, cached: bool) -> None:
        """Count one look into the document cache."""
        self._documents[cached].value += 1

    def client(self, name: str, *, failed: bool) -> None:
        """Count one request of a named client."""
        name = name[:64]
        if name not in self._clients:
            if len(self._clients) < MOST_NAMES:
                self._clients.add(name)
            else:
                name = "other"
        self.clients.add(("client", name), ("outcome", "error" if failed else "ok"))

    def fetch(self, subgraph: str, code: str, seconds: float) -> None:
        """Count one request to a subgraph."""
        cells = self._fetches.get((subgraph, code))
        if cells is None:
            cell = self.fetches.cell(("subgraph", subgraph), ("outcome", code))
            cells = cell, self.fetch_seconds.row(("subgraph", subgraph))
            self._fetches[subgraph, code] = cells
        cell, row = cells
        cell.value += 1
        row.add(seconds)

    def _name(self, name: str | None) -> str:
        """Return the label of a name; clients choose names, so only MOST_NAMES become labels."""
        if name is None:
            return ""
        if name not in self._names and len(self._names) < MOST_NAMES:
            self._names.add(name)
        return name if name in self._names else "other"

    def text(self) -> str:
        """Return all metrics in the Prometheus text format."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        gauges = {
            "gateway_requests_in_flight": self.in_flight,
            "gateway_subscriptions": self.subscriptions,
            "gateway_subscriptions_shared": self.shared_sources,
            "gateway_documents_kept": self.documents_kept,
            "gateway_supergraph_loaded_timestamp_seconds": self.loaded_at,
        }
        lines = [line for name, value in gauges.items() for line in _gauge(name, value)]
        lines.append("# TYPE gateway_circuit_open gauge")
        for subgraph, is_open in self.circuits_open.items():
            lines.append(f"gateway_circuit_open{_labels((('subgraph', subgraph),))} {is_open:d}")
        lines += [
            "# TYPE process_cpu_seconds_total counter",
            f"process_cpu_seconds_total {usage.ru_utime + usage.ru_stime:.3f}",
        ]
        for metric in (
            self.requests,
            self.request_seconds,
            self.errors,
            self.fetches,
            self.fetch_seconds,
            self.documents,
            self.reloads,
            self.clients,
            self.circuits,
            self.refused,
            self.policies,
            self.shared,
        ):
            lines += metric.lines()
        return "\n".join(lines) + "\n"


def _gauge(name: str, value: float) -> tuple[str, str]:
    return f"# TYPE {name} gauge", f"{name} {value:.15g}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
