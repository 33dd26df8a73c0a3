"""Reads a request with files by the GraphQL multipart request specification.

https://github.com/jaydenseric/graphql-multipart-request-spec
"""

import secrets
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.protection import Uploads
from gateway.serving.requests.body import Receive, body_pieces
from gateway.serving.requests.graphql_request import GraphQLRequest, parse_request
from gateway.serving.requests.multipart_form import (
    MultipartForm,
    UploadedFile,
    header_parameter,
    malformed,
)
from gateway.serving.requests.uploaded_files import UploadedFiles, VariablePath, put


async def read_multipart(
    headers: Mapping[str, str], receive: Receive, settings: Uploads, most_text: int
) -> GraphQLRequest:
    """Receive a multipart request; a placeholder stands in its variables for each file."""
    boundary = header_parameter(headers.get("content-type", ""), "boundary")
    if not boundary or len(boundary) > 70:
        raise malformed("its boundary is missing", "缺少 boundary")
    form = MultipartForm(boundary.encode(), most_text, settings.files)
    async for piece in body_pieces(headers, receive, settings.bytes):
        await form.feed(piece)
    form.check_complete()
    operations = _parse_part(form.texts, "operations")
    if not isinstance(operations.get("variables"), dict):
        raise malformed('"operations" has no variables', "operations 缺少 variables")
    by_path = _place_files(form, operations["variables"])
    files = UploadedFiles(by_path, form.store, settings.seconds)
    return parse_request(operations)._replace(files=files)


def _place_files(
    form: MultipartForm, variables: dict[str, Any]
) -> list[tuple[VariablePath, UploadedFile]]:
    """Put a placeholder into the variables wherever `map` names a file; return both."""
    by_path: list[tuple[VariablePath, UploadedFile]] = []
    for name, paths in _parse_part(form.texts, "map").items():
        file = form.files.get(name)
        if file is None or not isinstance(paths, list):
            raise malformed(f'the file "{name}" of "map" is missing', f"缺少 map 中的文件“{name}”")
        for text in paths:
            path = _parse_path(text)
            # The placeholder must not be the client's choice, or a text could be taken for a file.
            put(variables, path, f"file:{secrets.token_hex(8)}", empty=True)
            by_path.append((path, file))
    return by_path


def _parse_part(texts: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        part = orjson.loads(texts.get(name, b"null"))
    except orjson.JSONDecodeError:
        part = None
    if not isinstance(part, dict):
        raise malformed(f'"{name}" must be a JSON object', f"{name} 必须是 JSON 对象")
    return part


def _parse_path(text: object) -> VariablePath:
    steps = text.split(".") if isinstance(text, str) else []
    if len(steps) < 2 or steps[0] != "variables":
        raise malformed(
            '"map" must name places in the variables', "map 必须指向 variables 中的位置"
        )
    return tuple(int(step) if step.isdigit() else step for step in steps[1:])
