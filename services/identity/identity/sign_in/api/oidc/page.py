"""The few pages that identity shows to a browser itself: when a sign-in fails, and when one is over."""

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
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}
_PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:16px/1.6 system-ui,sans-serif;max-width:34em;margin:18vh auto;padding:0 1.5em;
color:#1d2430}}a{{color:#0b57d0}}</style></head>
<body><h1>{title}</h1><p>{text}</p>{back}</body></html>
"""
_WORDS = {
    "en": ("Signing in did not work", "Back", "You are signed out", "You may close this window."),
    "zh": ("登录未完成", "返回", "您已退出登录", "您可以关闭此窗口。"),
}


def refused(request: Request, problem: HuichiError, back: str | None = None) -> Response:
    """An error as a page for people, or as JSON for programs."""
    locale = locale_of(request)
    status, body = errors_of(problem, locale)
    if wants_json(request):
        return Response(
            orjson.dumps(body, default=str), status, _HEADERS, media_type="application/json"
        )
    words = _WORDS[locale]
    return _page(locale, words[0], problem.message(locale), back, words[1], status)


def signed_out(request: Request, back: str | None) -> Response:
    """What stands where a provider sends the browser after signing out."""
    locale = locale_of(request)
    words = _WORDS[locale]
    return _page(locale, words[2], words[3], back, words[1], 200)


def answer(body: object, status: int = 200) -> Response:
    """JSON that nobody keeps."""
    return Response(orjson.dumps(body), status, _HEADERS, media_type="application/json")


def redirect(address: str) -> Response:
    """To another address, without telling it where from."""
    return Response(status_code=303, headers={**_HEADERS, "location": address})


def wants_json(request: Request) -> bool:
    """Whether a program asks, not a browser."""
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def _page(locale: str, title: str, text: str, back: str | None, word: str, status: int) -> Response:
    link = f'<p><a href="{html.escape(back)}">{word}</a></p>' if back else ""
    lang = "zh-CN" if locale == "zh" else "en"
    body = _PAGE.format(lang=lang, title=title, text=html.escape(text), back=link)
    return Response(body, status, _HEADERS, media_type="text/html")
