"""SCIM 2.0 (RFC 7643, RFC 7644) at `/scim/v2`, where directories provision users and groups."""

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
from identity.directory.api.scim.request import PATH, ScimRequest, authenticate
from identity.directory.api.scim.search import find_all, find_groups, find_people
from identity.sign_in.services.sign_in_service import SignInService

MAX_BODY_BYTES = 4 * 1024 * 1024
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_PARAMETERS = frozenset(
    {"filter", "sortBy", "sortOrder", "startIndex", "count", "attributes", "excludedAttributes"}
)
# Directories send attributes of their own, and Microsoft Entra has its own forms of PATCH; unknown
# attributes are ignored, not refused.
_TOLERANT = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
_SCIM_TYPES = {"BAD_INPUT": "invalidValue"}

Handler = Callable[[ScimRequest], Awaitable[Response]]


def route(sign_in_service: SignInService) -> Route:
    """Return the route of everything below `/scim/v2`."""

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
            response = await _respond(request, sign_in_service)
            if trace_id := telemetry.trace_id():
                response.headers["x-trace-id"] = trace_id
            return response

    return Route(f"{PATH}/{{path:path}}", serve, methods=_METHODS)


async def _respond(request: Request, sign_in_service: SignInService) -> Response:
    try:
        scim_request = await authenticate(request, sign_in_service)
        with _TOLERANT:
            return await _dispatch(scim_request)
    except SCIMException as problem:
        return _error_response(problem.to_error())
    except ValidationError as problem:
        return _error_response(Error.from_validation_errors(problem)[0])
    except HuichiError as problem:
        return _error_response(_scim_error(problem, locale_of(request)))


async def _dispatch(scim_request: ScimRequest) -> Response:
    """Call the handler of a path and method."""
    name, _, rest = scim_request.request.path_params["path"].strip("/").partition("/")
    handlers = _handlers(name, rest)
    if handlers is None:
        raise NotFoundException(detail="No SCIM resource has this address.")
    handler = handlers.get(scim_request.request.method)
    if handler is None:
        error = Error(status=405, detail=f"{scim_request.request.method} is not allowed here.")
        return _error_response(error, {"allow": ", ".join(sorted(handlers))})
    return await handler(scim_request)


def _handlers(name: str, rest: str) -> Mapping[str, Handler] | None:
    match name, rest:
        case "ServiceProviderConfig", "":
            return {"GET": _service_provider_config}
        case "ResourceTypes" | "Schemas", _:
            return {"GET": lambda scim_request: _definitions(scim_request, name, rest)}
        case "Users", "":
            return {"GET": _search_people, "POST": _add_person}
        case "Groups", "":
            return {"GET": _search_groups, "POST": _add_group}
        case "Users", ".search":
            return {"POST": _search_people}
        case "Groups", ".search":
            return {"POST": _search_groups}
        case ".search", "":
            return {"POST": _search_all}
        case "Users", id if "/" not in id:
            return {
                "GET": lambda scim_request: _read_person(scim_request, id),
                "PUT": lambda scim_request: _replace_person(scim_request, id),
                "PATCH": lambda scim_request: _patch_person(scim_request, id),
                "DELETE": lambda scim_request: _remove_person(scim_request, id),
            }
        case "Groups", id if "/" not in id:
            return {
                "GET": lambda scim_request: _read_group(scim_request, id),
                "PUT": lambda scim_request: _replace_group(scim_request, id),
                "PATCH": lambda scim_request: _patch_group(scim_request, id),
                "DELETE": lambda scim_request: _remove_group(scim_request, id),
            }
        case "Bulk" | "Me", "":
            return dict.fromkeys(_METHODS, _not_implemented)
    return None


async def _service_provider_config(scim_request: ScimRequest) -> Response:
    assert PROVIDER.config is not None
    location = f"{scim_request.base}/ServiceProviderConfig"
    meta = Meta(resource_type="ServiceProviderConfig", location=location)
    return _resource_response(PROVIDER.config.model_copy(update={"meta": meta}), None)


async def _definitions(scim_request: ScimRequest, name: str, id: str) -> Response:
    """Answer `/ResourceTypes` and `/Schemas`, all of them or one."""
    definitions: tuple[ResourceType | Schema, ...] = (
        PROVIDER.resource_types if name == "ResourceTypes" else PROVIDER.schemas
    )
    resources = [
        resource.model_copy(
            update={
                "meta": Meta(
                    resource_type=type(resource).__name__,
                    location=f"{scim_request.base}/{name}/{resource.id}",
                )
            }
        )
        for resource in definitions
    ]
    if id:
        match = next(
            (resource for resource in resources if str(resource.id).casefold() == id.casefold()),
            None,
        )
        if match is None:
            raise NotFoundException(detail=f"{name} has no entry {id[:200]}.")
        return _resource_response(match, None)
    list_response = ListResponse[ResourceType | Schema](
        total_results=len(resources),
        start_index=1,
        items_per_page=len(resources),
        resources=resources,
    )
    return _scim_response(list_response.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE))


async def _search_people(scim_request: ScimRequest) -> Response:
    search = await _parse_search(scim_request, SearchRequest[Person])
    return _list_response(ListResponse[Person], search, *await find_people(scim_request, search))


async def _search_groups(scim_request: ScimRequest) -> Response:
    search = await _parse_search(scim_request, SearchRequest[Group])
    return _list_response(ListResponse[Group], search, *await find_groups(scim_request, search))


async def _search_all(scim_request: ScimRequest) -> Response:
    search = await _parse_search(scim_request, SearchRequest[Person | Group])
    return _list_response(
        ListResponse[Person | Group], search, *await find_all(scim_request, search)
    )


async def _read_person(scim_request: ScimRequest, id: str) -> Response:
    return _resource_response(
        await changes.read_person(scim_request, id),
        _response_parameters(scim_request, Person),
        scim_request.request,
    )


async def _read_group(scim_request: ScimRequest, id: str) -> Response:
    return _resource_response(
        await changes.read_group(scim_request, id),
        _response_parameters(scim_request, Group),
        scim_request.request,
    )


async def _add_person(scim_request: ScimRequest) -> Response:
    resource = await _parse_body(scim_request, Person, Context.RESOURCE_CREATION_REQUEST)
    created = await changes.add_person(scim_request, resource)
    return _resource_response(created, _response_parameters(scim_request, Person), status=201)


async def _add_group(scim_request: ScimRequest) -> Response:
    resource = await _parse_body(scim_request, Group, Context.RESOURCE_CREATION_REQUEST)
    created = await changes.add_group(scim_request, resource)
    return _resource_response(created, _response_parameters(scim_request, Group), status=201)


async def _replace_person(scim_request: ScimRequest, id: str) -> Response:
    resource = await _parse_body(scim_request, Person, Context.RESOURCE_REPLACEMENT_REQUEST)

    def transform(present: User[Any]) -> User[Any]:
        replacement: User[Any] = resource.model_copy(deep=True)
        replacement.replace(present)
        return replacement

    changed = await changes.change_person(
        scim_request, id, transform, _expected_version(scim_request)
    )
    return _resource_response(changed, _response_parameters(scim_request, Person))


async def _replace_group(scim_request: ScimRequest, id: str) -> Response:
    resource = await _parse_body(scim_request, Group, Context.RESOURCE_REPLACEMENT_REQUEST)
    changed = await changes.change_group(
        scim_request, id, lambda _: resource, _expected_version(scim_request)
    )
    return _resource_response(changed, _response_parameters(scim_request, Group))


async def _patch_person(scim_request: ScimRequest, id: str) -> Response:
    patch = await _parse_body(scim_request, PatchOp[Person], Context.RESOURCE_PATCH_REQUEST)

    def transform(present: User[Any]) -> User[Any]:
        patch.patch(present)
        return present

    changed = await changes.change_person(
        scim_request, id, transform, _expected_version(scim_request)
    )
    return _resource_response(changed, _response_parameters(scim_request, Person))


async def _patch_group(scim_request: ScimRequest, id: str) -> Response:
    patch = await _parse_body(scim_request, PatchOp[Group], Context.RESOURCE_PATCH_REQUEST)

    def transform(present: Group) -> Group:
        patch.patch(present)
        return present

    changed = await changes.change_group(
        scim_request, id, transform, _expected_version(scim_request)
    )
    return _resource_response(changed, _response_parameters(scim_request, Group))


async def _remove_person(scim_request: ScimRequest, id: str) -> Response:
    await changes.remove_person(scim_request, id, _expected_version(scim_request))
    return Response(status_code=204)


async def _remove_group(scim_request: ScimRequest, id: str) -> Response:
    await changes.remove_group(scim_request, id, _expected_version(scim_request))
    return Response(status_code=204)


async def _not_implemented(_: ScimRequest) -> Response:
    raise NotImplementedException(detail="This service has no /Bulk and no /Me.")


async def _parse_body(scim_request: ScimRequest, kind: Any, context: Context) -> Any:
    """Return the body as a model. Raises `ValidationError`."""
    content = await body_of(scim_request.request, MAX_BODY_BYTES)
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError as problem:
        raise InvalidSyntaxException(detail="The body is not JSON.") from problem
    if not isinstance(body, dict):
        raise InvalidSyntaxException(detail="The body is not a JSON object.")
    return kind.model_validate(body, scim_ctx=context)


async def _parse_search(scim_request: ScimRequest, kind: Any) -> Any:
    """Return the search of a query string or of a `.search` body."""
    if scim_request.request.method == "POST":
        return await _parse_body(scim_request, kind, Context.SEARCH_REQUEST)
    parameters = {k: v for k, v in scim_request.request.query_params.items() if k in _PARAMETERS}
    return kind.model_validate(parameters)


def _response_parameters(scim_request: ScimRequest, kind: Any) -> ResponseParameters[Any]:
    names = ("attributes", "excludedAttributes")
    parameters = {k: v for k, v in scim_request.request.query_params.items() if k in names}
    response_parameters: ResponseParameters[Any] = ResponseParameters[kind].model_validate(
        parameters
    )
    return response_parameters


def _expected_version(scim_request: ScimRequest) -> int | None:
    """Return the version that `If-Match` names; an ETag that is not ours never matches (-1)."""
    condition = scim_request.request.headers.get("if-match", "").strip()
    if not condition or condition == "*":
        return None
    match = re.fullmatch(r'(?:W/)?"(\d{1,9})"', condition)
    return int(match[1]) if match else -1


def _list_response(
    kind: Any, search: SearchRequest[Any], resources: list[Any], total: int
) -> Response:
    list_response = kind(
        total_results=total,
        start_index=max(search.start_index or 1, 1),
        items_per_page=len(resources),
        resources=resources,
    )
    context = Context.RESOURCE_QUERY_RESPONSE
    return _scim_response(list_response.model_dump(scim_ctx=context, response_parameters=search))


def _resource_response(
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
    return _scim_response(body, status, headers)


def _scim_error(problem: HuichiError, locale: str) -> Error:
    """Return one of our errors as a SCIM error."""
    status, scim_type = problem.status, _SCIM_TYPES.get(problem.code)
    if isinstance(problem, Conflict):
        stale = "version" in problem.extra
        status, scim_type = (412, None) if stale else (409, "uniqueness")
    if problem.code == "LIMIT_EXCEEDED":
        status = 413
    if problem.code == "INTERNAL":
        problem = internal()
    return Error(status=status, scim_type=scim_type, detail=problem.message(locale))


def _error_response(error: Error, headers: Mapping[str, str] | None = None) -> Response:
    challenge = {"www-authenticate": "Bearer"} if error.status == 401 else {}
    status = error.status or 400
    return _scim_response(error.model_dump(), status, {**challenge, **(headers or {})})


def _scim_response(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        orjson.dumps(body),
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/scim+json",
    )
