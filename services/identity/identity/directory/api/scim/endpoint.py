"""SCIM 2.0 (RFC 7643, RFC 7644) at `/scim/v2`: where directories say who works here."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from opentelemetry.trace import SpanKind
from pydantic import ValidationError
from scim2_models import (
    Context,
    Error,
    Group,
    InvalidSyntaxException,
    ListResponse,
    Meta,
    NotFoundException,
    NotImplementedException,
    PatchOp,
    Resource,
    ResourceType,
    ResponseParameters,
    Schema,
    SCIMException,
    ScimPolicy,
    SearchRequest,
    User,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis import telemetry
from chassis.api.endpoint import body_of, circumstances_of, locale_of
from chassis.audit import events as audit
from chassis.errors import Conflict, HuichiError, internal
from identity.directory.api.scim import changes
from identity.directory.api.scim.description import PROVIDER, Person
from identity.directory.api.scim.request import PATH, Visit, begin
from identity.directory.api.scim.search import find_all, find_groups, find_people
from identity.sign_in.services.office import Office

LARGEST_BODY = 4 * 1024 * 1024
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_PARAMETERS = frozenset(
    {"filter", "sortBy", "sortOrder", "startIndex", "count", "attributes", "excludedAttributes"}
)
# Directories send attributes of their own, and Microsoft's has ways of its own to patch; what we do
# not know is left out, not refused.
_TOLERANT = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
_SCIM_TYPES = {"BAD_INPUT": "invalidValue"}

Handler = Callable[[Visit], Awaitable[Response]]


def route(office: Office) -> Route:
    """The route of everything below `/scim/v2`."""

    async def serve(request: Request) -> Response:
        with (
            telemetry.span(
                "identity scim",
                kind=SpanKind.SERVER,
                parent=request.headers.get("traceparent"),
                method=request.method,
            ),
            audit.in_circumstances(circumstances_of(request)),
        ):
            response = await _answered(request, office)
            if found := telemetry.trace_id():
                response.headers["x-trace-id"] = found
            return response

    return Route(f"{PATH}/{{path:path}}", serve, methods=_METHODS)


async def _answered(request: Request, office: Office) -> Response:
    try:
        visit = await begin(request, office)
        with _TOLERANT:
            return await _dispatch(visit)
    except SCIMException as problem:
        return _refused(problem.to_error())
    except ValidationError as problem:
        return _refused(Error.from_validation_errors(problem)[0])
    except HuichiError as problem:
        return _refused(_error_of(problem, locale_of(request)))


async def _dispatch(visit: Visit) -> Response:
    """Which handler a path and a method mean."""
    name, _, rest = visit.request.path_params["path"].strip("/").partition("/")
    handlers = _handlers(name, rest)
    if handlers is None:
        raise NotFoundException(detail="There is nothing at this address.")
    handler = handlers.get(visit.request.method)
    if handler is None:
        error = Error(status=405, detail=f"{visit.request.method} is not for this address.")
        return _refused(error, {"allow": ", ".join(sorted(handlers))})
    return await handler(visit)


def _handlers(name: str, rest: str) -> Mapping[str, Handler] | None:
    match name, rest:
        case "ServiceProviderConfig", "":
            return {"GET": _config}
        case "ResourceTypes" | "Schemas", _:
            return {"GET": lambda visit: _described(visit, name, rest)}
        case "Users", "":
            return {"GET": _people, "POST": _add_person}
        case "Groups", "":
            return {"GET": _groups, "POST": _add_group}
        case "Users", ".search":
            return {"POST": _people}
        case "Groups", ".search":
            return {"POST": _groups}
        case ".search", "":
            return {"POST": _everything}
        case "Users", id if "/" not in id:
            return {
                "GET": lambda visit: _person(visit, id),
                "PUT": lambda visit: _replace_person(visit, id),
                "PATCH": lambda visit: _patch_person(visit, id),
                "DELETE": lambda visit: _remove_person(visit, id),
            }
        case "Groups", id if "/" not in id:
            return {
                "GET": lambda visit: _group(visit, id),
                "PUT": lambda visit: _replace_group(visit, id),
                "PATCH": lambda visit: _patch_group(visit, id),
                "DELETE": lambda visit: _remove_group(visit, id),
            }
        case "Bulk" | "Me", "":
            return dict.fromkeys(_METHODS, _not_here)
    return None


async def _config(visit: Visit) -> Response:
    assert PROVIDER.config is not None
    location = f"{visit.base}/ServiceProviderConfig"
    meta = Meta(resource_type="ServiceProviderConfig", location=location)
    return _shown(PROVIDER.config.model_copy(update={"meta": meta}), None)


async def _described(visit: Visit, name: str, id: str) -> Response:
    """`/ResourceTypes` and `/Schemas`, whole or one of them."""
    every: tuple[ResourceType | Schema, ...] = (
        PROVIDER.resource_types if name == "ResourceTypes" else PROVIDER.schemas
    )
    told = [
        one.model_copy(
            update={
                "meta": Meta(
                    resource_type=type(one).__name__, location=f"{visit.base}/{name}/{one.id}"
                )
            }
        )
        for one in every
    ]
    if id:
        found = next((one for one in told if str(one.id).casefold() == id.casefold()), None)
        if found is None:
            raise NotFoundException(detail=f"{name} has no {id[:200]}.")
        return _shown(found, None)
    answer = ListResponse[ResourceType | Schema](
        total_results=len(told), start_index=1, items_per_page=len(told), resources=told
    )
    return _json(answer.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE))


async def _people(visit: Visit) -> Response:
    asked = await _asked(visit, SearchRequest[Person])
    return _listed(ListResponse[Person], asked, *await find_people(visit, asked))


async def _groups(visit: Visit) -> Response:
    asked = await _asked(visit, SearchRequest[Group])
    return _listed(ListResponse[Group], asked, *await find_groups(visit, asked))


async def _everything(visit: Visit) -> Response:
    asked = await _asked(visit, SearchRequest[Person | Group])
    return _listed(ListResponse[Person | Group], asked, *await find_all(visit, asked))


async def _person(visit: Visit, id: str) -> Response:
    return _shown(await changes.person(visit, id), _selected(visit, Person), visit.request)


async def _group(visit: Visit, id: str) -> Response:
    return _shown(await changes.group(visit, id), _selected(visit, Group), visit.request)


async def _add_person(visit: Visit) -> Response:
    said = await _said(visit, Person, Context.RESOURCE_CREATION_REQUEST)
    made = await changes.add_person(visit, said)
    return _shown(made, _selected(visit, Person), status=201)


async def _add_group(visit: Visit) -> Response:
    said = await _said(visit, Group, Context.RESOURCE_CREATION_REQUEST)
    made = await changes.add_group(visit, said)
    return _shown(made, _selected(visit, Group), status=201)


async def _replace_person(visit: Visit, id: str) -> Response:
    said = await _said(visit, Person, Context.RESOURCE_REPLACEMENT_REQUEST)

    def become(present: User[Any]) -> User[Any]:
        wanted: User[Any] = said.model_copy(deep=True)
        wanted.replace(present)
        return wanted

    done = await changes.change_person(visit, id, become, _expected(visit))
    return _shown(done, _selected(visit, Person))


async def _replace_group(visit: Visit, id: str) -> Response:
    said = await _said(visit, Group, Context.RESOURCE_REPLACEMENT_REQUEST)
    done = await changes.change_group(visit, id, lambda _: said, _expected(visit))
    return _shown(done, _selected(visit, Group))


async def _patch_person(visit: Visit, id: str) -> Response:
    patch = await _said(visit, PatchOp[Person], Context.RESOURCE_PATCH_REQUEST)

    def become(present: User[Any]) -> User[Any]:
        patch.patch(present)
        return present

    done = await changes.change_person(visit, id, become, _expected(visit))
    return _shown(done, _selected(visit, Person))


async def _patch_group(visit: Visit, id: str) -> Response:
    patch = await _said(visit, PatchOp[Group], Context.RESOURCE_PATCH_REQUEST)

    def become(present: Group) -> Group:
        patch.patch(present)
        return present

    done = await changes.change_group(visit, id, become, _expected(visit))
    return _shown(done, _selected(visit, Group))


async def _remove_person(visit: Visit, id: str) -> Response:
    await changes.remove_person(visit, id, _expected(visit))
    return Response(status_code=204)


async def _remove_group(visit: Visit, id: str) -> Response:
    await changes.remove_group(visit, id, _expected(visit))
    return Response(status_code=204)


async def _not_here(_: Visit) -> Response:
    raise NotImplementedException(detail="This service has no /Bulk and no /Me.")


async def _said(visit: Visit, kind: Any, context: Context) -> Any:
    """The body as the model it must be. Raises `ValidationError`."""
    raw = await body_of(visit.request, LARGEST_BODY)
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as problem:
        raise InvalidSyntaxException(detail="The body is not JSON.") from problem
    if not isinstance(body, dict):
        raise InvalidSyntaxException(detail="The body is not a JSON object.")
    return kind.model_validate(body, scim_ctx=context)


async def _asked(visit: Visit, kind: Any) -> Any:
    """The search of a query string or of a `.search` body."""
    if visit.request.method == "POST":
        return await _said(visit, kind, Context.SEARCH_REQUEST)
    given = {k: v for k, v in visit.request.query_params.items() if k in _PARAMETERS}
    return kind.model_validate(given)


def _selected(visit: Visit, kind: Any) -> ResponseParameters[Any]:
    names = ("attributes", "excludedAttributes")
    given = {k: v for k, v in visit.request.query_params.items() if k in names}
    found: ResponseParameters[Any] = ResponseParameters[kind].model_validate(given)
    return found


def _expected(visit: Visit) -> int | None:
    """The version that `If-Match` names; one that is not ours is never the present one."""
    asked = visit.request.headers.get("if-match", "").strip()
    if not asked or asked == "*":
        return None
    found = re.fullmatch(r'(?:W/)?"(\d{1,9})"', asked)
    return int(found[1]) if found else -1


def _listed(kind: Any, asked: SearchRequest[Any], found: list[Any], total: int) -> Response:
    answer = kind(
        total_results=total,
        start_index=max(asked.start_index or 1, 1),
        items_per_page=len(found),
        resources=found,
    )
    context = Context.RESOURCE_QUERY_RESPONSE
    return _json(answer.model_dump(scim_ctx=context, response_parameters=asked))


def _shown(
    resource: Resource[Any],
    selected: ResponseParameters[Any] | None,
    conditional: Request | None = None,
    *,
    status: int = 200,
) -> Response:
    meta = resource.meta
    headers = {}
    if meta and meta.version:
        headers["etag"] = meta.version
        if conditional and conditional.headers.get("if-none-match", "").strip() == meta.version:
            return Response(status_code=304, headers=headers)
    if meta and meta.location and status == 201:
        headers["location"] = meta.location
    context = (
        Context.RESOURCE_CREATION_RESPONSE if status == 201 else Context.RESOURCE_QUERY_RESPONSE
    )
    body = resource.model_dump(scim_ctx=context, response_parameters=selected)
    return _json(body, status, headers)


def _error_of(problem: HuichiError, locale: str) -> Error:
    """One of our errors in SCIM's words."""
    status, scim_type = problem.status, _SCIM_TYPES.get(problem.code)
    if isinstance(problem, Conflict):
        stale = "version" in problem.extra
        status, scim_type = (412, None) if stale else (409, "uniqueness")
    if problem.code == "LIMIT_EXCEEDED":
        status = 413
    if problem.code == "INTERNAL":
        problem = internal()
    return Error(status=status, scim_type=scim_type, detail=problem.message(locale))


def _refused(error: Error, headers: Mapping[str, str] | None = None) -> Response:
    more = {"www-authenticate": "Bearer"} if error.status == 401 else {}
    status = error.status or 400
    return _json(error.model_dump(), status, {**more, **(headers or {})})


def _json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps(body),
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/scim+json",
    )
