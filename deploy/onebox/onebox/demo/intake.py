"""The data steward's steps: import a spreadsheet into the pool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from onebox.demo.graph import Graph, Refused, until
from onebox.demo.people import STEWARD

SYSTEM = "demo-sheet"
_FIELDS = """
id status rowsTotal rowsDone created updated unchanged matched ambiguous rejected traceId
problem { message } uploadUrl
"""
CREATE = f"""
mutation CreateImport($name: String!, $system: String!, $keys: [String!]) {{
  createImport(fileName: $name, system: $system, keyColumns: $keys) {{
    import {{ {_FIELDS} }} errors {{ code message }}
  }}
}}
"""
RUN = f"""
mutation RunImport($id: ID!) {{
  runImport(id: $id) {{ import {{ {_FIELDS} }} errors {{ code message }} }}
}}
"""
READ = f"""
query Read($id: ID!) {{
  import(id: $id) {{
    {_FIELDS} errors(first: 10) {{ edges {{ node {{ rowNumber column message }} }} }}
  }}
}}
"""
PREVIEW = """
query Preview($id: ID!) { import(id: $id) { preview { rowNumber outcome errors { message } } } }
"""
ENDED = ("DONE", "FAILED", "CANCELLED")


def upload(graph: Graph, file: Path) -> str:
    """Upload a file and return the id of its import. Raises `Refused`."""
    created = graph.done(CREATE, STEWARD, name=file.name, system=SYSTEM, keys=["公司名称"])[
        "import"
    ]
    headers = {"Authorization": f"Bearer {graph.token(STEWARD)}"}
    answer = requests.put(created["uploadUrl"], data=file.read_bytes(), headers=headers, timeout=60)
    if answer.status_code >= 400:
        raise Refused(f"The spreadsheet was refused: {answer.text[:500]}")
    return str(created["id"])


def preview(graph: Graph, import_id: str) -> dict[str, int]:
    """Return the number of rows by predicted outcome; nothing is written."""
    counts: dict[str, int] = {}
    for row in graph.ask(PREVIEW, STEWARD, id=import_id)["import"]["preview"]:
        counts[row["outcome"]] = counts.get(row["outcome"], 0) + 1
    return counts


def run(graph: Graph, import_id: str) -> dict[str, Any]:
    """Run an import and return it after its end. Raises `Refused`."""
    graph.done(RUN, STEWARD, id=import_id)

    def read_ended() -> dict[str, Any] | None:
        current: dict[str, Any] = graph.ask(READ, STEWARD, id=import_id)["import"]
        return current if current["status"] in ENDED else None

    result = until(read_ended, seconds=120, event="the end of the import")
    if result["status"] != "DONE":
        problem = result["problem"] or {}
        raise Refused(f"The import ended {result['status']}: {problem.get('message')}")
    return result
