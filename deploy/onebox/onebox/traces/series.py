"""The latest value of each metric series, in Prometheus' text format."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable

from onebox.traces.otlp import Reading

MAX_SERIES = 5_000


class Series:
    """The newest readings; beyond MAX_SERIES series the least recently updated is dropped."""

    def __init__(self) -> None:
        self._latest: OrderedDict[tuple[str, tuple[tuple[str, str], ...]], Reading] = OrderedDict()

    def add(self, readings: Iterable[Reading]) -> None:
        """Replace the values of these series."""
        for reading in readings:
            key = (reading.name, reading.labels)
            self._latest[key] = reading
            self._latest.move_to_end(key)
        while len(self._latest) > MAX_SERIES:
            self._latest.popitem(last=False)

    def text(self) -> str:
        """Return all series in Prometheus' text format (version 0.0.4)."""
        lines: list[str] = []
        previous = ""
        for reading in sorted(
            self._latest.values(), key=lambda reading: (reading.name, reading.labels)
        ):
            name = _name(reading)
            if name != previous:
                lines += [f"# HELP {name} {_line(reading.help)}", f"# TYPE {name} {reading.kind}"]
                previous = name
            lines += _samples(name, reading)
        return "".join(f"{line}\n" for line in lines)


def _samples(name: str, reading: Reading) -> list[str]:
    if reading.kind != "histogram":
        return [f"{name}{_labels(reading.labels)} {reading.value}"]
    buckets = [
        f"{name}_bucket{_labels((*reading.labels, ('le', _bound(bound))))} {count}"
        for bound, count in reading.buckets
    ]
    labels = _labels(reading.labels)
    return [
        *buckets,
        f"{name}_sum{labels} {reading.value}",
        f"{name}_count{labels} {reading.count}",
    ]


def _name(reading: Reading) -> str:
    name = re.sub(r"[^a-zA-Z0-9_:]", "_", reading.name)
    return f"{name}_total" if reading.kind == "counter" and not name.endswith("_total") else name


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    pairs = [f'{re.sub(r"[^a-zA-Z0-9_]", "_", key)}="{_quoted(value)}"' for key, value in labels]
    return "{" + ",".join(pairs) + "}"


def _bound(bound: float) -> str:
    return "+Inf" if bound == float("inf") else str(bound)


def _quoted(text: str) -> str:
    return _line(text).replace('"', '\\"')


def _line(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
