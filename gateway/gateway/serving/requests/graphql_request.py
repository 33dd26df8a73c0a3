"""The parameters of a GraphQL request over any transport, checked but not yet parsed."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway.errors import BadRequest
from gateway.serving.requests.uploaded_files import UploadedFiles

PARAMETERS = ("query", "operationName", "variables", "extensions", "documentId")


class GraphQLRequest(NamedTuple):
    """The parameters of one request."""

    query: str
    """The document's text; empty where `document_id` names it."""
    operation_name: str | None
    variables: dict[str, Any]
    extensions: dict[str, Any]
    document_id: str = ""
    files: UploadedFiles | None = None


def parse_request(parameters: Mapping[str, Any]) -> GraphQLRequest:
    """Check the parameters of a request; raises BadRequest naming the first wrong one."""
    query = parameters.get("query")
    document_id = "" if query else _document_id(parameters)
    if document_id:
        query = ""
    elif not isinstance(query, str) or not query or query.isspace():
        raise _wrong("query", "a GraphQL document as a string", "GraphQL 文档字符串")
    name = parameters.get("operationName")
    if not isinstance(name, str | None):
        raise _wrong("operationName", "a string or null", "字符串或 null")
    variables = parameters.get("variables")
    if not isinstance(variables, dict | None):
        raise _wrong("variables", "an object or null", "对象或 null")
    extensions = parameters.get("extensions")
    if not isinstance(extensions, dict | None):
        raise _wrong("extensions", "an object or null", "对象或 null")
    return GraphQLRequest(query, name or None, variables or {}, extensions or {}, document_id)


def _document_id(parameters: Mapping[str, Any]) -> str:
    """Return `documentId`, or the hash of the persisted-query protocol; empty without either."""
    extensions = parameters.get("extensions")
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    sha256 = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    document_id = parameters.get("documentId") or sha256
    return document_id if isinstance(document_id, str) else ""


def _wrong(name: str, right: str, right_zh: str) -> BadRequest:
    return BadRequest(f'"{name}" must be {right}.', f"“{name}”必须是{right_zh}。", field=name)
