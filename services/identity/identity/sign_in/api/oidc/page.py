"""The pages that identity shows to a browser itself: a failed sign-in, and a completed sign-out."""

from __future__ import annotations

import html

import orjson
from starlette.requests import Request
from starlette.responses import Response

from chassis.api.endpoint import errors_of, locale_of
from chassis.errors import HuichiError

_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    ),
}
_PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.6 system-ui,sans-serif;max-width:34em;margin:18vh auto;padding:0 1.5em;
color:#1d2430}}a{{color:#0b57d0}}</style></head>
<body><h1>{title}</h1><p>{text}</p>{back}</body></html>
"""
_WORDS = {
    "en": ("Signing in failed", "Back", "You are signed out", "You may close this window."),
    "zh": ("登录未完成", "返回", "您已退出登录", "您可以关闭此窗口。"),
}


def error_page(request: Request, problem: HuichiError, back_address: str | None = None) -> Response:
    """Return an error as a page for browsers, or as JSON for programs."""
    locale = locale_of(request)
    status, body = errors_of(problem, locale)
    if wants_json(request):
        return Response(
            orjson.dumps(body, default=str), status, _HEADERS, media_type="application/json"
        )
    words = _WORDS[locale]
    return _page(locale, words[0], problem.message(locale), back_address, words[1], status)


def signed_out_page(request: Request, back_address: str | None) -> Response:
    """Return the page that a provider sends the browser to after signing out."""
    locale = locale_of(request)
    words = _WORDS[locale]
    return _page(locale, words[2], words[3], back_address, words[1], 200)


def json_response(body: object, status: int = 200) -> Response:
    """Return JSON that must not be cached."""
    return Response(orjson.dumps(body), status, _HEADERS, media_type="application/json")


def redirect(address: str) -> Response:
    """Redirect to another address without a referrer."""
    return Response(status_code=303, headers={**_HEADERS, "location": address})


def wants_json(request: Request) -> bool:
    """Return whether the client asks for JSON rather than for a page."""
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def _page(
    locale: str, title: str, text: str, back_address: str | None, link_text: str, status: int
) -> Response:
    link = f'<p><a href="{html.escape(back_address)}">{link_text}</a></p>' if back_address else ""
    lang = "zh-CN" if locale == "zh" else "en"
    body = _PAGE.format(lang=lang, title=title, text=html.escape(text), back=link)
    return Response(body, status, _HEADERS, media_type="text/html")
