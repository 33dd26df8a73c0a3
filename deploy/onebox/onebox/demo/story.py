"""The whole story, told while it happens: an ERP and a spreadsheet become one pool, one query shows
it, a second sync changes nothing, and an edit arrives as what it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onebox.demo import intake, people, sheet, sync
from onebox.demo.companies import Company, companies, party, rows
from onebox.demo.graph import Answer, Graph, Refused, until
from onebox.demo.tryton import Tryton

Say = Callable[[str], None]
IN_BOTH = 45
ONLY_IN_SHEET = 15


@dataclass(frozen=True)
class Told:
    """What came out, for whoever wants to look again."""

    installation: str
    customer: str
    first: dict[str, Any]
    imported: dict[str, Any]
    answer: Answer
    duplicates: list[dict[str, Any]]
    second: dict[str, Any]
    edit: dict[str, Any]


def tell(graph: Graph, erp: Tryton, folder: Path, *, parties: int, say: Say) -> Told:
    """Everything in order. Told again, it finds what is there already and goes on."""
    everybody = companies(parties + ONLY_IN_SHEET)
    known, fresh = everybody[:parties], everybody[parties:]
    say(fill(erp, known))
    installation = connect(graph, erp, say)
    first = synchronise(graph, installation, say)
    imported = spreadsheet(graph, folder, known[: min(IN_BOTH, parties)], fresh, say)
    customer = work_with(graph, known[0], say)
    answer = show(graph, customer, say)
    duplicates = suspects(graph, say)
    second = repeat(graph, installation, say)
    edit = change(graph, erp, installation, known[0], customer, say)
    return Told(installation, customer, first, imported, answer, duplicates, second, edit)


def fill(erp: Tryton, wanted: Sequence[Company]) -> str:
    """Parties that are not in the ERP yet, through its own RPC."""
    there = erp.parties()
    missing = [company for company in wanted if company.name not in there]
    erp.create_parties([party(company) for company in missing])
    return f"{len(missing)} parties created in Tryton through its RPC, {len(there)} were there"


def connect(graph: Graph, erp: Tryton, say: Say) -> str:
    """The connector is installed, tested and tried without writing."""
    installation = sync.install(graph, erp)
    tested = sync.test(graph, installation)
    say(f"connection tested: {tested['total']} parties, {tested['milliseconds']} ms")
    seen = sync.preview(graph, installation)
    say(f"preview of {len(seen['rows'])} records, nothing written: {_counted(seen['rows'])}")
    return installation


def _counted(found: Sequence[dict[str, Any]]) -> str:
    counts: dict[str, int] = {}
    for row in found:
        word = (row["wouldBe"] or "unusable").lower()
        counts[word] = counts.get(word, 0) + 1
    return ", ".join(f"{count} {word}" for word, count in counts.items())


def synchronise(graph: Graph, installation: str, say: Say) -> dict[str, Any]:
    """One run, watched."""
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


_WORDS = ("fetched", "created", "updated", "unchanged", "matched", "ambiguous", "rejected")


def _totals(counters: dict[str, Any]) -> str:
    return (
        ", ".join(f"{counters[word]} {word}" for word in _WORDS if counters.get(word)) or "nothing"
    )


def spreadsheet(
    graph: Graph, folder: Path, known: Sequence[Company], fresh: Sequence[Company], say: Say
) -> dict[str, Any]:
    """An .xlsx whose rows overlap the parties, imported; its wrong rows do not stop the others."""
    written = rows(known, fresh)
    file = sheet.write(folder / "partners.xlsx", written)
    say(f"{file.name}: {len(written)} rows, {len(known)} of them companies the ERP has too")
    number = intake.upload(graph, file)
    would = intake.preview(graph, number)
    say("preview: " + ", ".join(f"{count} {word.lower()}" for word, count in would.items()))
    done = intake.run(graph, number)
    say(f"import {done['status']}: {_totals(done)}")
    for edge in done["errors"]["edges"]:
        wrong = edge["node"]
        say(f"  row {wrong['rowNumber']} {wrong['column'] or ''}: {wrong['message']}")
    return done


def work_with(graph: Graph, company: Company, say: Say) -> str:
    """A salesperson takes a customer over and talks to them."""
    found = until(
        lambda: people.find(graph, company.name), seconds=15, what=f"finding {company.name}"
    )
    people.take_over(graph, found)
    people.talk(graph, found["id"])
    say(f"{people.SELLER} owns {found['name']} and has logged {len(people.SPOKEN)} follow-ups")
    return str(found["id"])


def show(graph: Graph, customer: str, say: Say) -> Answer:
    """The one query, its answer and its trace."""

    def whole() -> Answer | None:
        # Facts about the new owner and the new records are on their way for a moment.
        answer = people.crossing(graph, customer)
        found = answer.data["customer"]
        there = found and found["sourceRecords"]["edges"] and found["timeline"]["edges"]
        return answer if there else None

    answer = until(whole, seconds=20, what="the answer with parts of all four services")
    say("")
    say(people.CROSSING.rstrip())
    say("")
    say(json.dumps(answer.data, ensure_ascii=False, indent=2))
    say("")
    say(f"one query, four services, {answer.milliseconds:.0f} ms")
    say(f"trace: {answer.trace_id}  {answer.trace_url or ''}")
    return answer


def suspects(graph: Graph, say: Say) -> list[dict[str, Any]]:
    """Pairs the pool would not join by itself; the certain ones it has joined."""
    found = people.duplicates(graph)
    say(f"{len(found)} pairs may be one customer and wait for a person (the certain ones are one):")
    for pair in found[:5]:
        why = ", ".join(each["field"] for each in pair["evidence"])
        left, right = (pair[side] or {"name": "?"} for side in ("left", "right"))
        say(f"  {pair['score']:.2f}  {left['name']} = {right['name']}?  ({why})")
    return found


def repeat(graph: Graph, installation: str, say: Say) -> dict[str, Any]:
    """A full second sync changes nothing."""
    run = sync.run(graph, installation, mode="FULL")
    counters = run["counters"]
    say(f"second, full sync: {_totals(counters)}")
    if counters["created"] or counters["updated"]:
        raise Refused("The second sync changed something, which it must not.")
    return run


def change(
    graph: Graph, erp: Tryton, installation: str, company: Company, customer: str, say: Say
) -> dict[str, Any]:
    """An edit in the ERP arrives as an update of one field."""
    mechanism, before = _phone(erp, company)
    number = _another(before)
    erp.call("model.party.contact_mechanism.write", [mechanism], {"value": number})
    run = sync.run(graph, installation)
    if run["counters"]["updated"] != 1:
        raise Refused(f"One edit should be one update: {run['counters']}")
    said = people.crossing(graph, customer).data["customer"]["phone"]["text"]
    say(f"a telephone number edited in Tryton ({before} → {number}): {_totals(run['counters'])}")
    say(f"the pool says {said} now")
    return run


def _phone(erp: Tryton, company: Company) -> tuple[int, str]:
    found = erp.call(
        "model.party.contact_mechanism.search_read",
        [["party", "=", erp.parties()[company.name]], ["type", "=", "phone"]],
        0,
        1,
        [["id", "ASC"]],
        ["value"],
    )
    return int(found[0]["id"]), str(found[0]["value"])


def _another(number: str) -> str:
    """A number no other company has, to and fro from one demo to the next."""
    area, rest = number.split("-")
    return f"{area}-{'9' if rest[0] == '8' else '8'}{rest[1:]}"
