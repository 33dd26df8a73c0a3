"""The HTML pages, without external resources: the list of traces, and the waterfall of a trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from onebox.traces.store import TraceFilter, trace_title
from onebox.traces.tree import Node, walk
from onebox.traces.words import Words

_STYLE = (files("onebox.traces") / "style.css").read_text()
_COLOURS = 8


@dataclass(frozen=True)
class TraceView:
    """The data of the page of one trace."""

    trace_id: str
    spans: Sequence[Mapping[str, Any]]
    linking: Sequence[Mapping[str, Any]]
    cut: bool
    services: Sequence[str] = ()
    """All recent services, so that each has the same colour on both pages."""


def trace_list(
    words: Words,
    trace_filter: TraceFilter,
    rows: Sequence[Mapping[str, Any]],
    services: Sequence[str],
    more: bool,
) -> str:
    """Return the page of the newest traces that match, with a link to older ones."""
    filtered = bool(
        trace_filter.service or trace_filter.name or trace_filter.errors or trace_filter.min_ms
    )
    if rows:
        body = _table(words, rows, services) + _pager(
            words, trace_filter, rows[-1] if more else None
        )
    elif filtered or trace_filter.before:
        body = _empty(words.no_match, words.no_match_more)
    else:
        body = _empty(words.none, words.none_more)
    return _page(words, words.title, _search(words, trace_filter, services, filtered) + body)


def waterfall(words: Words, view: TraceView) -> str:
    """Return the page of a trace: its spans below each other on one time scale."""
    start = min(span["start_ns"] for span in view.spans)
    length = max(1, max(span["end_ns"] for span in view.spans) - start)
    colours = _colours([*view.services, *(span["service"] for span in view.spans)])
    nodes = list(walk(view.spans))
    rows = "".join(_row(words, node, start, length, colours) for node in nodes)
    ticks = "".join(f"<span>{_duration(length * part // 4)}</span>" for part in range(5))
    cut = f"<p>{escape(words.cut.format(count=len(view.spans)))}</p>" if view.cut else ""
    body = (
        f"{_facts(words, view, start, length, colours)}{cut}"
        f'<div class="fall"><div class="scale"><span class="what">{escape(words.name)}</span>'
        f'<span class="ticks">{ticks}</span></div>{rows}</div>'
    )
    return _page(
        words, trace_title(nodes[0].span["name"], nodes[0].span["attributes"]), body, back=True
    )


def problem(words: Words, title: str, more: str, reload_url: str | None = None) -> str:
    """Return a page about a problem; `reload_url` makes the browser load it a second later."""
    refresh = (
        f'<meta http-equiv="refresh" content="1;url={escape(reload_url)}">' if reload_url else ""
    )
    return _page(words, title, _empty(title, more), head=refresh, back=True)


def _search(
    words: Words, trace_filter: TraceFilter, services: Sequence[str], filtered: bool
) -> str:
    options = "".join(
        f'<option value="{escape(name)}"{" selected" if name == trace_filter.service else ""}>'
        f"{escape(name or words.any)}</option>"
        for name in ("", *services)
    )
    minimum = f"{trace_filter.min_ms:g}" if trace_filter.min_ms else ""
    clear = f'<a href="/">{escape(words.clear)}</a>' if filtered else ""
    return f"""<form method="get" action="/">
<select name="service" aria-label="{escape(words.service)}">{options}</select>
<input name="name" value="{escape(trace_filter.name)}" maxlength="100"
 placeholder="{escape(words.contains)}"
 aria-label="{escape(words.contains)}">
<input name="min_ms" type="number" min="0" step="any" value="{minimum}"
 placeholder="{escape(words.longer)}"
 aria-label="{escape(words.longer)}">
<label><input type="checkbox" name="errors" value="1"{" checked" if trace_filter.errors else ""}>
{escape(words.errors)}</label>
<button>{escape(words.search)}</button> {clear}
<input class="push mono" name="trace" size="34" maxlength="40" placeholder="{escape(words.open)}"
 aria-label="{escape(words.open)}"></form>"""


def _table(words: Words, rows: Sequence[Mapping[str, Any]], services: Sequence[str]) -> str:
    colours = _colours(services)
    heads = (words.time, words.name, words.services)
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    right = "".join(f'<th class="number">{escape(t)}</th>' for t in (words.spans, words.duration))
    body = "".join(_trace_row(words, row, colours) for row in rows)
    return f"<table><thead><tr>{head}{right}</tr></thead><tbody>{body}</tbody></table>"


def _trace_row(words: Words, row: Mapping[str, Any], colours: Mapping[str, int]) -> str:
    trace_id = bytes(row["trace_id"]).hex()
    failed = f' <span class="chip bad">{escape(words.error)}</span>' if row["error"] else ""
    chips = "".join(
        f'<span class="chip"><i class="dot c{colours.get(name, 0)}"></i>{escape(name)}</span>'
        for name in row["services"]
    )
    return (
        f'<tr><td class="when">{_when(row["start_ns"])}</td>'
        f'<td><a href="/traces/{trace_id}">{escape(row["name"] or "…")}</a>{failed}</td>'
        f'<td>{chips}</td><td class="number">{row["spans"]}</td>'
        f'<td class="number">{_duration(row["end_ns"] - row["start_ns"])}</td></tr>'
    )


def _pager(words: Words, trace_filter: TraceFilter, last: Mapping[str, Any] | None) -> str:
    parameters = {
        "service": trace_filter.service,
        "name": trace_filter.name,
        "errors": "1" if trace_filter.errors else "",
    }
    parameters |= {"min_ms": f"{trace_filter.min_ms:g}" if trace_filter.min_ms else ""}
    query = {key: value for key, value in parameters.items() if value}
    links = []
    if trace_filter.before:
        links.append(f'<a href="/?{escape(urlencode(query))}">{escape(words.newest)}</a>')
    if last is not None:
        before = {"before": f"{last['start_ns']}.{bytes(last['trace_id']).hex()}"}
        older = escape(urlencode(query | before))
        links.append(f'<a rel="next" href="/?{older}">{escape(words.older)} →</a>')
    return f'<p class="facts">{" ".join(links)}</p>'


def _facts(
    words: Words, view: TraceView, start: int, length: int, colours: Mapping[str, int]
) -> str:
    present = {span["service"] for span in view.spans}
    facts = [
        f'<span class="mono">{view.trace_id}</span>',
        f"<span>{escape(words.time)} <b>{_when(start)}</b></span>",
        f"<span>{escape(words.duration)} <b>{_duration(length)}</b></span>",
        f"<span>{escape(words.spans)} <b>{len(view.spans)}</b></span>",
        "<span>"
        + "".join(
            f'<span class="chip"><i class="dot c{colour}"></i>{escape(name)}</span>'
            for name, colour in colours.items()
            if name in present
        )
        + "</span>",
    ]
    if view.linking:
        links = ", ".join(
            f'<a href="/traces/{bytes(row["trace_id"]).hex()}">{escape(row["name"] or "…")}</a>'
            for row in view.linking
        )
        facts.append(f"<span>{escape(words.linked_from)} {links}</span>")
    return f'<div class="facts">{"".join(facts)}</div>'


def _row(words: Words, node: Node, start: int, length: int, colours: Mapping[str, int]) -> str:
    span = node.span
    duration = span["end_ns"] - span["start_ns"]
    left = 100 * (span["start_ns"] - start) / length
    width = 100 * duration / length
    indent = 10 + 16 * min(node.depth, 20)
    failed = f' <span class="chip bad">{escape(span["message"] or words.error)}</span>'
    orphan = f"<small>{escape(words.orphan)}</small>" if node.orphan else ""
    return (
        f'<details{" class=fail" if span["error"] else ""}><summary class="row">'
        f'<span class="what" style="padding-left:{indent}px">'
        f'<i class="dot c{colours[span["service"]]}"></i>{escape(span["name"])}'
        f"<small>{escape(span['service'])}</small>{failed if span['error'] else ''}{orphan}</span>"
        f'<span class="lane"><i class="bar c{colours[span["service"]]}"'
        f' style="left:{left:.3f}%;width:{width:.3f}%"></i>'
        f'<span class="took">{_duration(duration)}</span></span></summary>'
        f'<div class="more">{_more(words, span, start)}</div></details>'
    )


def _more(words: Words, span: Mapping[str, Any], start: int) -> str:
    kinds = words.kinds.split()
    details = {
        words.time: f"+{_duration(span['start_ns'] - start)}",
        words.kind: kinds[span["kind"]] if 0 <= span["kind"] < len(kinds) else span["kind"],
        words.span_id: bytes(span["span_id"]).hex(),
    }
    if span["error"]:
        details[words.status] = span["message"] or words.error
    parts = [_pairs(details)]
    if span["attributes"]:
        parts.append(f"<h3>{escape(words.attributes)}</h3>{_pairs(span['attributes'])}")
    for name, at, attributes in span["events"]:
        when = f"{words.events}: {name} +{_duration(max(0, at - start))}"
        parts.append(f"<h3>{escape(when)}</h3>{_pairs(attributes)}")
    if span["links"]:
        links = "<br>".join(
            f'<a class="mono" href="/traces/{escape(trace)}">{escape(trace)}</a>'
            for trace, _ in span["links"]
        )
        parts.append(f"<h3>{escape(words.links)}</h3>{links}")
    return "".join(parts)


def _pairs(pairs: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(str(key))}</td><td class=mono>{escape(str(value))}</td></tr>"
        for key, value in sorted(pairs.items())
    )
    return f"<table>{rows}</table>"


def _empty(title: str, more: str) -> str:
    return f'<div class="empty"><strong>{escape(title)}</strong>{escape(more)}</div>'


def _page(words: Words, title: str, body: str, *, head: str = "", back: bool = False) -> str:
    back_link = f'<a class="brand" href="/">← {escape(words.back)}</a>' if back else ""
    brand = back_link or '<span class="brand">Huichi 汇池</span>'
    return (
        f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{head}'
        f"<title>{escape(title)} · Huichi</title><style>{_STYLE}</style></head>"
        f"<body><h1>{brand}{escape(title)}</h1>{body}</body></html>"
    )


def _colours(services: Iterable[str]) -> dict[str, int]:
    return {name: index % _COLOURS for index, name in enumerate(sorted(set(services)))}


def _when(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds / 1e9).astimezone()
    return moment.strftime("%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03}"


def _duration(nanoseconds: int) -> str:
    if nanoseconds < 1_000_000:
        return f"{nanoseconds / 1e3:.0f} µs"
    if nanoseconds < 1_000_000_000:
        return f"{nanoseconds / 1e6:.3g} ms" if nanoseconds < 1e8 else f"{nanoseconds / 1e6:.0f} ms"
    return f"{nanoseconds / 1e9:.2f} s"
