"""The data steward's part: a colleague's spreadsheet comes into the pool through customers' import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from onebox.demo.graph import Graph, Refused, until
from onebox.demo.people import STEWARD

SYSTEM = "demo-sheet"
_SHOWN = """
id status rowsTotal rowsDone created updated unchanged matched ambiguous rejected traceId
problem { message } uploadUrl
"""
CREATE = f"""
mutation CreateImport($name: String!, $system: String!, $keys: [String!]) {{
  createImport(fileName: $name, system: $system, keyColumns: $keys) {{
    import {{ {_SHOWN} }} errors {{ code message }}
  }}
}}
"""
RUN = f"""
mutation RunImport($id: ID!) {{
  runImport(id: $id) {{ import {{ {_SHOWN} }} errors {{ code message }} }}
}}
"""
LOOK = f"""
query Look($id: ID!) {{
  import(id: $id) {{ {_SHOWN} errors(first: 10) {{ edges {{ node {{ rowNumber column message }} }} }} }}
}}
"""
PREVIEW = """
query Preview($id: ID!) { import(id: $id) { preview { rowNumber outcome errors { message } } } }
"""
OVER = ("DONE", "FAILED", "CANCELLED")


def upload(graph: Graph, file: Path) -> str:
    """The id of a new import that has received the file."""
    said = graph.done(CREATE, STEWARD, name=file.name, system=SYSTEM, keys=["公司名称"])["import"]
    headers = {"Authorization": f"Bearer {graph.token(STEWARD)}"}
    answer = requests.put(said["uploadUrl"], data=file.read_bytes(), headers=headers, timeout=60)
    if answer.status_code >= 400:
        raise Refused(f"The spreadsheet was not taken: {answer.text[:500]}")
    return str(said["id"])


def preview(graph: Graph, import_id: str) -> dict[str, int]:
    """How many rows would become what; nothing is written."""
    counts: dict[str, int] = {}
    for row in graph.ask(PREVIEW, STEWARD, id=import_id)["import"]["preview"]:
        counts[row["outcome"]] = counts.get(row["outcome"], 0) + 1
    return counts


def run(graph: Graph, import_id: str) -> dict[str, Any]:
    """The import when every row was looked at."""
    graph.done(RUN, STEWARD, id=import_id)

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = graph.ask(LOOK, STEWARD, id=import_id)["import"]
        return found if found["status"] in OVER else None

    found = until(look, seconds=120, what="the end of the import")
    if found["status"] != "DONE":
        raise Refused(
            f"The import ended {found['status']}: {(found['problem'] or {}).get('message')}"
        )
    return found
