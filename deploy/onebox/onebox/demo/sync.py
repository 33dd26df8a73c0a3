"""The integration engineer's part: install the connector, try it, run it, watch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from onebox.demo.graph import Graph, Refused, until
from onebox.demo.tryton import Tryton

ENGINEER = "liang.yu"
NAME = "Tryton 演示 ERP"
# The ERP is believed before a spreadsheet (100): of several sources the smaller number wins.
PRIORITY = 50
WAIT_SECONDS = 180.0
OVER = ("SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED")

INSTALLED = """
query Installations($after: String) {
  installations(first: 100, after: $after) {
    edges { node { id name revision priority configuration } } pageInfo { hasNextPage endCursor }
  }
}
"""
INSTALL = """
mutation Install($input: InstallConnectorInput!) {
  installConnector(input: $input) { installation { id revision } errors { code message path } }
}
"""
UPDATE = """
mutation Update($input: UpdateInstallationInput!) {
  updateInstallation(input: $input) { installation { id revision } errors { code message path } }
}
"""
TEST = """
mutation Test($input: TryInstallationInput!) {
  testInstallation(input: $input) {
    ok total milliseconds reason { message fix } errors { code message }
  }
}
"""
PREVIEW = """
query Preview($input: TryInstallationInput!) {
  previewInstallation(input: $input, sampleSize: 20) {
    ok calls total milliseconds reason { message fix } rows { wouldBe reason { message } }
  }
}
"""
START = """
mutation Start($id: ID!, $mode: SyncMode!) {
  startSync(installationId: $id, mode: $mode) { run { id } errors { code message } }
}
"""
RUN = """
query Run($id: ID!) {
  syncRun(id: $id) {
    id status queuedAt waitingUntil traceId traceUrl streamTotal reason { message fix }
    counters { fetched created updated unchanged matched ambiguous rejected deadLettered calls }
  }
}
"""


def install(graph: Graph, erp: Tryton) -> str:
    """The installation of this Tryton: a new one, or the one of an earlier demo brought up to
    date, since the server may listen elsewhere now."""
    configuration = {"url": erp.url, "database": erp.database, "page_size": 100}
    credentials = {"username": erp.username, "password": erp.password}
    known = _known(graph)
    if known is None:
        said = {
            "connectorId": "tryton",
            "name": NAME,
            "configuration": configuration,
            "credentials": credentials,
            "priority": PRIORITY,
        }
        return str(graph.done(INSTALL, ENGINEER, input=said)["installation"]["id"])
    if (known["configuration"], known["priority"]) != (configuration, PRIORITY):
        said = {
            "id": known["id"],
            "expectedRevision": known["revision"],
            "configuration": configuration,
            "credentials": credentials,
            "priority": PRIORITY,
        }
        graph.done(UPDATE, ENGINEER, input=said)
    return str(known["id"])


def _known(graph: Graph) -> dict[str, Any] | None:
    after: str | None = None
    while True:
        page = graph.ask(INSTALLED, ENGINEER, after=after)["installations"]
        for edge in page["edges"]:
            if edge["node"]["name"] == NAME:
                found: dict[str, Any] = edge["node"]
                return found
        if not page["pageInfo"]["hasNextPage"]:
            return None
        after = page["pageInfo"]["endCursor"]


def test(graph: Graph, installation: str) -> dict[str, Any]:
    """Whether the source answers. Raises `Refused` with the reason and what would mend it."""
    said = graph.done(TEST, ENGINEER, input={"installationId": installation})
    return _good(said)


def preview(graph: Graph, installation: str) -> dict[str, Any]:
    """What the first records would become; nothing is written."""
    said = graph.ask(PREVIEW, ENGINEER, input={"installationId": installation})
    return _good(said["previewInstallation"])


def _good(said: dict[str, Any]) -> dict[str, Any]:
    if not said["ok"]:
        reason = said["reason"]
        raise Refused(" ".join(part for part in (reason["message"], reason["fix"]) if part))
    return said


def run(
    graph: Graph,
    installation: str,
    *,
    mode: str = "INCREMENTAL",
    watch: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """One sync from its start to its end."""
    started = graph.done(START, ENGINEER, id=installation, mode=mode)["run"]["id"]
    return wait(graph, started, watch=watch)


def wait(
    graph: Graph, run_id: str, *, watch: Callable[[dict[str, Any]], None] = lambda _: None
) -> dict[str, Any]:
    """The run when it is over; `watch` sees it on the way."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = graph.ask(RUN, ENGINEER, id=run_id)["syncRun"]
        watch(found)
        return found if found["status"] in OVER else None

    found = until(look, seconds=WAIT_SECONDS, what="the end of the sync run")
    if found["status"] == "FAILED":
        raise Refused(f"The sync run failed: {found['reason']['message']}")
    return found
