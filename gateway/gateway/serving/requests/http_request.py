"""Reads a GraphQL request from HTTP: by GET, by POST as JSON, or with files as multipart."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import orjson

from gateway.errors import BadRequest, MethodNotAllowed, UnsupportedMediaType
from gateway.serving.requests.body import Receive, read_body, too_large
from gateway.serving.requests.csrf import check_preflight
from gateway.serving.requests.graphql_request import PARAMETERS, GraphQLRequest, parse_request
from gateway.serving.requests.media_types import JSON
from gateway.serving.requests.multipart_request import read_multipart
from gateway.serving.requests.uploaded_files import MULTIPART
from gateway.settings import Settings


async def read_request(
    scope: Mapping[str, Any], headers: Mapping[str, str], receive: Receive, settings: Settings
) -> GraphQLRequest:
    """Receive and read one request; raises a GatewayError that says what would be right."""
    protection = settings.protection
    if scope["method"] == "GET":
        guarded = protection.preflight_get
        if settings.production if guarded is None else guarded:
            check_preflight(headers, protection.preflight)
        return read_get(scope["query_string"])
    if scope["method"] != "POST":
        raise MethodNotAllowed("Use POST, or GET for queries.", "请使用 POST；查询也可使用 GET。")
    limits, uploads = settings.limits, protection.uploads
    if not headers.get("content-type", "").lower().startswith(MULTIPART):
        uploads = None
    try:
        async with asyncio.timeout(uploads.seconds if uploads else limits.seconds):
            if uploads:
                check_preflight(headers, protection.preflight)
                return await read_multipart(headers, receive, uploads, limits.body_bytes)
            return await read_post(headers, receive, limits.body_bytes)
    except TimeoutError as error:
        raise BadRequest("The body did not arrive in time.", "请求体未能按时送达。") from error


async def read_post(headers: Mapping[str, str], receive: Receive, limit: int) -> GraphQLRequest:
    """Receive and read a POST request of at most `limit` bytes."""
    _check_json(headers)
    return _parse_body(await read_body(headers, receive, limit))


def read_whole_post(headers: Mapping[str, str], body: bytes, limit: int) -> GraphQLRequest:
    """Read a POST request whose body has arrived as a whole."""
    _check_json(headers)
    if len(body) > limit:
        raise too_large(limit)
    return _parse_body(body)


def read_get(query_string: bytes) -> GraphQLRequest:
    """Read a GET request from its URL."""
    try:
        values_by_name = parse_qs(
            query_string.decode(), keep_blank_values=True, errors="strict", max_num_fields=50
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise BadRequest(
            "The URL's query string cannot be read.", "无法读取 URL 查询参数。"
        ) from error
    parameters: dict[str, Any] = {
        name: values[0] for name, values in values_by_name.items() if name in PARAMETERS
    }
    for name in ("variables", "extensions"):
        if parameters.get(name):
            parameters[name] = _parse_parameter(name, parameters[name])
        else:
            parameters.pop(name, None)
    if not parameters.get("operationName"):
        parameters.pop("operationName", None)
    return parse_request(parameters)


def _check_json(headers: Mapping[str, str]) -> None:
    content_type = headers.get("content-type", "")
    if content_type == JSON:
        return
    kind, _, parameters = content_type.partition(";")
    if kind.strip().lower() != JSON or not _is_utf8(parameters):
        raise UnsupportedMediaType(
            f"Send the request as JSON: Content-Type: {JSON}; charset=utf-8.",
            f"请以 JSON 发送请求：Content-Type: {JSON}; charset=utf-8。",
        )


def _parse_body(body: bytes | bytearray) -> GraphQLRequest:
    if not body:
        raise BadRequest(
            'The body is empty; send {"query": "…"}.', '请求体为空；请发送 {"query": "…"}。'
        )
    try:
        parameters = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(
            f"The body is not JSON: {error}.", f"请求体不是有效的 JSON：{error}。"
        ) from error
    if isinstance(parameters, list):
        raise BadRequest(
            "Batches are not served; send one request object at a time.",
            "不支持批量请求；请逐个发送请求对象。",
        )
    if not isinstance(parameters, dict):
        raise BadRequest(
            'The body must be an object like {"query": "…"}.',
            '请求体必须是对象，例如 {"query": "…"}。',
        )
    return parse_request(parameters)


def _parse_parameter(name: str, text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(
            f'"{name}" is not JSON: {error}.', f"“{name}”不是有效的 JSON：{error}。", field=name
        ) from error


def _is_utf8(parameters: str) -> bool:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "charset":
            return value.strip("\"' ").lower() in ("utf-8", "utf8")
    return True
