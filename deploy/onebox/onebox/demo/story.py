"""The steps of the demo: sync an ERP, import a spreadsheet, query, sync again, sync an edit."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onebox.demo import intake, people, sheet, sync
from onebox.demo.companies import Company, companies, party, spreadsheet_rows
from onebox.demo.graph import Answer, Graph, Refused, until
from onebox.demo.tryton import Tryton

Say = Callable[[str], None]
IN_BOTH = 45
ONLY_IN_SHEET = 15


@dataclass(frozen=True)
class StoryResult:
    """The results of all steps."""

    installation: str
    customer: str
    first: dict[str, Any]
    imported: dict[str, Any]
    answer: Answer
    duplicates: list[dict[str, Any]]
    second: dict[str, Any]
    edit: dict[str, Any]


def run(graph: Graph, erp: Tryton, folder: Path, *, parties: int, say: Say) -> StoryResult:
    """Run all steps in order; a repeated run continues with the data of the earlier one.

    Raises `Refused`.
    """
    invented = companies(parties + ONLY_IN_SHEET)
    existing, new = invented[:parties], invented[parties:]
    say(create_parties(erp, existing))
    installation = connect(graph, erp, say)
    first = synchronise(graph, installation, say)
    imported = import_spreadsheet(graph, folder, existing[: min(IN_BOTH, parties)], new, say)
    customer = assign_and_follow_up(graph, existing[0], say)
    answer = run_query(graph, customer, say)
    duplicates = list_duplicates(graph, say)
    second = sync_again(graph, installation, say)
    edit = sync_edit(graph, erp, installation, existing[0], customer, say)
    return StoryResult(installation, customer, first, imported, answer, duplicates, second, edit)


def create_parties(erp: Tryton, companies: Sequence[Company]) -> str:
    """Create missing parties in the ERP through its own RPC, and return a summary."""
    present = erp.parties()
    missing = [company for company in companies if company.name not in present]
    erp.create_parties([party(company) for company in missing])
    return f"{len(missing)} parties created in Tryton through its RPC, {len(present)} existed"


def connect(graph: Graph, erp: Tryton, say: Say) -> str:
    """Install the connector, test and preview it, and return the id of the installation."""
    installation = sync.install(graph, erp)
    test = sync.test(graph, installation)
    say(f"connection tested: {test['total']} parties, {test['milliseconds']} ms")
    preview = sync.preview(graph, installation)
    say(f"preview of {len(preview['rows'])} records, nothing written: {_counted(preview['rows'])}")
    return installation


def _counted(rows: Sequence[dict[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for row in rows:
        word = (row["wouldBe"] or "unusable").lower()
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(f"{count} {word}" for word, count in counts.items())


def synchronise(graph: Graph, installation: str, say: Say) -> dict[str, Any]:
    """Run one sync, print its progress, and return the run."""
    shown = -1

    def watch(run: dict[str, Any]) -> None:
        nonlocal shown
        fetched = run["counters"]["fetched"]
        if fetched != shown and fetched:
            say(f"  … {fetched} of {run['streamTotal'] or fetched}")
        shown = fetched

    run = sync.run(graph, installation, watch=watch)
    say(f"sync {run['status']}: {_totals(run['counters'])}")
    say(f"its trace: {run['traceUrl'] or run['traceId']}")
    return run


_COUNTERS = ("fetched", "created", "updated", "unchanged", "matched", "ambiguous", "rejected")


def _totals(counters: dict[str, Any]) -> str:
    return (
        ", ".join(f"{counters[name]} {name}" for name in _COUNTERS if counters.get(name))
        or "nothing"
    )


def import_spreadsheet(
    graph: Graph, folder: Path, existing: Sequence[Company], new: Sequence[Company], say: Say
) -> dict[str, Any]:
    """Import an .xlsx file whose rows overlap the parties, and return the import.

    Its invalid rows do not stop the others.
    """
    rows = spreadsheet_rows(existing, new)
    file = sheet.write(folder / "partners.xlsx", rows)
    say(f"{file.name}: {len(rows)} rows, {len(existing)} of them companies the ERP has too")
    number = intake.upload(graph, file)
    counts = intake.preview(graph, number)
    say("preview: " + ", ".join(f"{count} {word.lower()}" for word, count in counts.items()))
    result = intake.run(graph, number)
    say(f"import {result['status']}: {_totals(result)}")
    for edge in result["errors"]["edges"]:
        error = edge["node"]
        say(f"  row {error['rowNumber']} {error['column'] or ''}: {error['message']}")
    return result


def assign_and_follow_up(graph: Graph, company: Company, say: Say) -> str:
    """Assign a customer to the seller, log follow-ups, and return the customer's id."""
    customer = until(
        lambda: people.find(graph, company.name), seconds=15, event=f"finding {company.name}"
    )
    people.take_over(graph, customer)
    people.log_follow_ups(graph, customer["id"])
    count = len(people.FOLLOW_UPS)
    say(f"{people.SELLER} owns {customer['name']} and has logged {count} follow-ups")
    return str(customer["id"])


def run_query(graph: Graph, customer: str, say: Say) -> Answer:
    """Run the query across all services, print it with its answer and trace, and return it."""

    def complete_answer() -> Answer | None:
        # Facts about the new owner and the new records need a moment to arrive.
        answer = people.crossing(graph, customer)
        node = answer.data["customer"]
        complete = node and node["sourceRecords"]["edges"] and node["timeline"]["edges"]
        return answer if complete else None

    answer = until(complete_answer, seconds=20, event="the answer with parts of all four services")
    say("")
    say(people.CROSSING.rstrip())
    say("")
    say(json.dumps(answer.data, ensure_ascii=False, indent=2))
    say("")
    say(f"one query, four services, {answer.milliseconds:.0f} ms")
    say(f"trace: {answer.trace_id}  {answer.trace_url or ''}")
    return answer


def list_duplicates(graph: Graph, say: Say) -> list[dict[str, Any]]:
    """Print and return the pairs the pool does not merge by itself; certain ones it has merged."""
    pairs = people.duplicates(graph)
    say(
        f"{len(pairs)} pairs may be one customer and wait for a decision (certain ones are merged):"
    )
    for pair in pairs[:5]:
        fields = ", ".join(evidence["field"] for evidence in pair["evidence"])
        left, right = (pair[side] or {"name": "?"} for side in ("left", "right"))
        say(f"  {pair['score']:.2f}  {left['name']} = {right['name']}?  ({fields})")
    return pairs


def sync_again(graph: Graph, installation: str, say: Say) -> dict[str, Any]:
    """Run a full second sync, which must change nothing, and return the run."""
    run = sync.run(graph, installation, mode="FULL")
    counters = run["counters"]
    say(f"second, full sync: {_totals(counters)}")
    if counters["created"] or counters["updated"]:
        raise Refused("The second sync changed something, which it must not.")
    return run


def sync_edit(
    graph: Graph, erp: Tryton, installation: str, company: Company, customer: str, say: Say
) -> dict[str, Any]:
    """Edit a phone number in the ERP, sync it as one update, and return the run."""
    mechanism, before = _phone(erp, company)
    number = _next_number(before)
    erp.call("model.party.contact_mechanism.write", [mechanism], {"value": number})
    run = sync.run(graph, installation)
    if run["counters"]["updated"] != 1:
        raise Refused(f"One edit should be one update: {run['counters']}")
    phone = people.crossing(graph, customer).data["customer"]["phone"]["text"]
    say(f"a telephone number edited in Tryton ({before} → {number}): {_totals(run['counters'])}")
    say(f"the pool holds {phone} now")
    return run


def _phone(erp: Tryton, company: Company) -> tuple[int, str]:
    rows = erp.call(
        "model.party.contact_mechanism.search_read",
        [["party", "=", erp.parties()[company.name]], ["type", "=", "phone"]],
        0,
        1,
        [["id", "ASC"]],
        ["value"],
    )
    return int(rows[0]["id"]), str(rows[0]["value"])


def _next_number(number: str) -> str:
    """Return a number no other company has; it alternates from one demo to the next."""
    area, rest = number.split("-")
    return f"{area}-{'9' if rest[0] == '8' else '8'}{rest[1:]}"
