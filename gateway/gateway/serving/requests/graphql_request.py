"""Reads GraphQL over HTTP: which media type is wanted, and what is asked; every refusal says what would be right."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qs

import orjson

from gateway.errors import BadRequest, NotAcceptable, TooLarge, UnsupportedMediaType

if TYPE_CHECKING:
    from gateway.serving.requests.uploads import Files

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

JSON: Final = "application/json"
GRAPHQL: Final = "application/graphql-response+json"
PARAMETERS = ("query", "operationName", "variables", "extensions", "documentId")


class Question(NamedTuple):
    """What a client asks."""

    query: str
    operation_name: str | None
    variables: dict[str, Any]
    extensions: dict[str, Any]
    document_id: str = ""
    """Names the document where there is no text."""
    files: "Files | None" = None


def media_type(accept: str | None) -> str:
    """The media type to answer in: what the client likes best, plain JSON when it does not mind."""
    if not accept or accept == "*/*":
        return JSON
    if accept in (JSON, GRAPHQL):
        return accept
    best, best_quality = "", 0.0
    for part in accept.split(","):
        name, _, parameters = part.strip().partition(";")
        offered = _OFFERED.get(name.strip().lower())
        quality = _quality(parameters)
        if offered and quality > best_quality:
            best, best_quality = offered, quality
    if not best and PARTS in accept.lower():
        return JSON  # each part is JSON, and an answer may have only one
    if not best:
        raise NotAcceptable(
            f"The answer is written as {GRAPHQL} or {JSON}; accept one of them.",
            f"响应格式为 {GRAPHQL} 或 {JSON}；请在 Accept 中接受其一。",
        )
    return best


_OFFERED = {JSON: JSON, GRAPHQL: GRAPHQL, "*/*": JSON, "application/*": JSON}
PARTS: Final = "multipart/mixed"


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


async def read_post(headers: Mapping[str, str], receive: Receive, limit: int) -> Question:
    """Read a POST request."""
    _check_json(headers)
    return _question_in(await read_body(headers, receive, limit))


def read_whole_post(headers: Mapping[str, str], body: bytes, limit: int) -> Question:
    """Read a POST request that is here already."""
    _check_json(headers)
    if len(body) > limit:
        raise _too_large(limit)
    return _question_in(body)


def _check_json(headers: Mapping[str, str]) -> None:
    given = headers.get("content-type", "")
    if given == JSON:
        return
    kind, _, parameters = given.partition(";")
    if kind.strip().lower() != JSON or not _is_utf8(parameters):
        raise UnsupportedMediaType(
            f"Send the request as JSON: Content-Type: {JSON}; charset=utf-8.",
            f"请以 JSON 发送请求：Content-Type: {JSON}; charset=utf-8。",
        )


def _question_in(body: bytes | bytearray) -> Question:
    if not body:
        raise BadRequest(
            'The body is empty; send {"query": "…"}.', '请求体为空；请发送 {"query": "…"}。'
        )
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(
            f"The body is not JSON: {error}.", f"请求体不是有效的 JSON：{error}。"
        ) from error
    if isinstance(found, list):
        raise BadRequest(
            "Batches are not served; send one request object at a time.",
            "不支持批量请求；请逐个发送请求对象。",
        )
    if not isinstance(found, dict):
        raise BadRequest(
            'The body must be an object like {"query": "…"}.',
            '请求体必须是对象，例如 {"query": "…"}。',
        )
    return question(found)


def read_get(query_string: bytes) -> Question:
    """Read a GET request."""
    try:
        given = parse_qs(
            query_string.decode(), keep_blank_values=True, errors="strict", max_num_fields=50
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise BadRequest(
            "The URL's query string cannot be read.", "无法读取 URL 查询参数。"
        ) from error
    found: dict[str, Any] = {
        name: values[0] for name, values in given.items() if name in PARAMETERS
    }
    for name in ("variables", "extensions"):
        if found.get(name):
            found[name] = _json(name, found[name])
        else:
            found.pop(name, None)
    if not found.get("operationName"):
        found.pop("operationName", None)
    return question(found)


def question(found: Mapping[str, Any]) -> Question:
    """Check the parameters of a request."""
    query = found.get("query")
    document = _document_id(found) if not query else ""
    if document:
        query = ""
    elif not isinstance(query, str) or not query or query.isspace():
        raise _wrong("query", "a GraphQL document as a string", "GraphQL 文档字符串")
    name = found.get("operationName")
    if not isinstance(name, str | None):
        raise _wrong("operationName", "a string or null", "字符串或 null")
    variables = found.get("variables")
    if not isinstance(variables, dict | None):
        raise _wrong("variables", "an object or null", "对象或 null")
    extensions = found.get("extensions")
    if not isinstance(extensions, dict | None):
        raise _wrong("extensions", "an object or null", "对象或 null")
    return Question(query, name or None, variables or {}, extensions or {}, document)


def _document_id(found: Mapping[str, Any]) -> str:
    """The id of a document: `documentId`, or the hash of the persisted-query protocol."""
    extensions = found.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    hash = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    id = found.get("documentId") or hash
    return id if isinstance(id, str) else ""


def _wrong(name: str, right: str, richtig: str) -> BadRequest:
    return BadRequest(f'"{name}" must be {right}.', f"“{name}”必须是{richtig}。", field=name)


def _json(name: str, text: str) -> Any:
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


async def body_pieces(
    headers: Mapping[str, str], receive: Receive, limit: int
) -> AsyncIterator[bytes]:
    """Yield the body as it comes, but never more than `limit` bytes of it."""
    said = headers.get("content-length", "")
    if said.isdigit() and int(said) > limit:
        raise _too_large(limit)
    got, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The client went away.", "客户端已断开。")
        more = message.get("more_body", False)
        got += len(message.get("body", b""))
        if got > limit:
            raise _too_large(limit)
        yield message.get("body", b"")


async def read_body(headers: Mapping[str, str], receive: Receive, limit: int) -> bytes | bytearray:
    """Read the body, but never more than `limit` bytes of it."""
    said = headers.get("content-length", "")
    if said.isdigit() and int(said) > limit:
        raise _too_large(limit)
    message = await receive()
    body: bytes | bytearray = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BadRequest("The client went away.", "客户端已断开。")
        body = bytearray(body) if isinstance(body, bytes) else body
        body += message.get("body", b"")
        if len(body) > limit:
            break
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The request is larger than {limit} bytes; send less at once.",
        f"请求超过 {limit} 字节；请减少单次请求的内容。",
        limit=limit,
    )
