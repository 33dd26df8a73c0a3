"""The integration engineer's steps: install the connector, test it, run it, watch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from onebox.demo.graph import Graph, Refused, until
from onebox.demo.tryton import Tryton

ENGINEER = "liang.yu"
NAME = "Tryton 演示 ERP"
# The ERP has precedence over a spreadsheet (100): of several sources the smaller number wins.
PRIORITY = 50
WAIT_SECONDS = 180.0
ENDED = ("SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED")

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
    """Install this Tryton and return the id of the installation.

    The installation of an earlier demo is updated, since the server may have another port now.
    """
    configuration = {"url": erp.url, "database": erp.database, "page_size": 100}
    credentials = {"username": erp.username, "password": erp.password}
    installed = _find_installation(graph)
    if installed is None:
        input = {
            "connectorId": "tryton",
            "name": NAME,
            "configuration": configuration,
            "credentials": credentials,
            "priority": PRIORITY,
        }
        return str(graph.done(INSTALL, ENGINEER, input=input)["installation"]["id"])
    if (installed["configuration"], installed["priority"]) != (configuration, PRIORITY):
        input = {
            "id": installed["id"],
            "expectedRevision": installed["revision"],
            "configuration": configuration,
            "credentials": credentials,
            "priority": PRIORITY,
        }
        graph.done(UPDATE, ENGINEER, input=input)
    return str(installed["id"])


def _find_installation(graph: Graph) -> dict[str, Any] | None:
    after: str | None = None
    while True:
        page = graph.ask(INSTALLED, ENGINEER, after=after)["installations"]
        for edge in page["edges"]:
            if edge["node"]["name"] == NAME:
                node: dict[str, Any] = edge["node"]
                return node
        if not page["pageInfo"]["hasNextPage"]:
            return None
        after = page["pageInfo"]["endCursor"]


def test(graph: Graph, installation: str) -> dict[str, Any]:
    """Test the connection and return the result. Raises `Refused` with the reason and a fix."""
    return _check_ok(graph.done(TEST, ENGINEER, input={"installationId": installation}))


def preview(graph: Graph, installation: str) -> dict[str, Any]:
    """Return a preview of the first records; nothing is written. Raises `Refused`."""
    data = graph.ask(PREVIEW, ENGINEER, input={"installationId": installation})
    return _check_ok(data["previewInstallation"])


def _check_ok(result: dict[str, Any]) -> dict[str, Any]:
    if not result["ok"]:
        reason = result["reason"]
        raise Refused(" ".join(part for part in (reason["message"], reason["fix"]) if part))
    return result


def run(
    graph: Graph,
    installation: str,
    *,
    mode: str = "INCREMENTAL",
    watch: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """Start a sync and return the run after its end. Raises `Refused`."""
    run_id = graph.done(START, ENGINEER, id=installation, mode=mode)["run"]["id"]
    return wait(graph, run_id, watch=watch)


def wait(
    graph: Graph, run_id: str, *, watch: Callable[[dict[str, Any]], None] = lambda _: None
) -> dict[str, Any]:
    """Return a run after its end; `watch` receives it meanwhile. Raises `Refused`."""

    def read_ended() -> dict[str, Any] | None:
        current: dict[str, Any] = graph.ask(RUN, ENGINEER, id=run_id)["syncRun"]
        watch(current)
        return current if current["status"] in ENDED else None

    result = until(read_ended, seconds=WAIT_SECONDS, event="the end of the sync run")
    if result["status"] == "FAILED":
        raise Refused(f"The sync run failed: {result['reason']['message']}")
    return result
