"""GraphiQL, served from the package's own files: a browser loads nothing from elsewhere."""

import json
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from gateway.settings import Settings

# GraphiQL's dialogs put a style element into the page, so styles may be inline; scripts may not.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
STATIC = {
    "graphiql.js": "text/javascript",
    "graphiql.css": "text/css",
    "graphiql.licences.txt": "text/plain",
}


def page_routes(settings: Settings) -> list[BaseRoute]:
    """Return the routes of the page and its files; in production only a text at `/`."""
    if settings.production:
        return [Route("/", _signpost)]
    html = _html(settings)

    async def page(request: Request) -> Response:
        if request.url.path == "/" and "text/html" not in request.headers.get("accept", ""):
            return await _signpost(request)
        return HTMLResponse(html, headers=HEADERS)

    async def redirect(request: Request) -> Response:
        return RedirectResponse("graphiql")

    return [
        Route("/", page),
        Route("/graphiql", page),
        Route("/graphiql/", redirect),
        *(_static(name, kind) for name, kind in STATIC.items()),
    ]


async def _signpost(request: Request) -> Response:
    return PlainTextResponse("GraphQL is served at /graphql\n")


def _static(name: str, kind: str) -> Route:
    content = files("gateway.serving").joinpath("static", name).read_bytes()

    async def static(request: Request) -> Response:
        return Response(
            content,
            media_type=kind,
            headers={"x-content-type-options": "nosniff", "cache-control": "no-cache"},
        )

    return Route(f"/static/{name}", static)


def _html(settings: Settings) -> str:
    sign_in = settings.sign_in
    configuration = {
        "title": settings.title,
        "endpoint": "graphql",
        "signIn": sign_in
        and {"document": sign_in.document, "token": sign_in.token, "errors": sign_in.errors},
        "defaultQuery": settings.default_query,
        "plans": True,
    }
    # `<` is escaped so that no text of the settings can end the script element.
    data = json.dumps(configuration, ensure_ascii=False).replace("<", "\\u003c")
    return f"""<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GraphiQL</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="static/graphiql.css">
</head>
<body>
<div id="page"></div>
<script id="configuration" type="application/json">{data}</script>
<script type="module" src="static/graphiql.js"></script>
</body>
</html>
"""
