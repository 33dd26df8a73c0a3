"""Files by the GraphQL multipart request specification: read within bounds, handed to the one subgraph that wants them.

A browser sends a form from any page without asking, so a header is required that no form can carry.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any

import orjson

from gateway.errors import BadRequest
from gateway.execution.transport import Request
from gateway.plan import Plan
from gateway.protection import Uploads
from gateway.serving.question import Question, Receive, question, read_body

MULTIPART = "multipart/form-data"
Place = tuple[str | int, ...]
"""Of a file inside the variables."""


@dataclass(frozen=True, slots=True)
class File:
    """One file as it came."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one request, by their places in its variables."""

    at: Sequence[tuple[Place, File]]

    def check(self, kind: str, plan: Plan) -> None:
        """Refuse what cannot be forwarded: files belong to mutations, and to one subgraph."""
        names = {str(place[0]) for place, _ in self.at}
        takers = {fetch.subgraph for fetch in plan.fetches() if names & set(fetch.variables)}
        if kind != "mutation":
            raise BadRequest("Send files with a mutation.", "文件只能随 mutation 上传。")
        if len(takers) != 1:
            raise BadRequest(
                "Files go to exactly one subgraph, and this operation hands them to "
                f"{len(takers)}; upload in an operation of its own.",
                f"文件只能交给一个子图，而此操作涉及 {len(takers)} 个；请单独上传。",
            )

    def attach(self, request: Request) -> Request:
        """The request as a multipart one, if it carries any of the files."""
        names = set(request.fetch.variables)
        mine = [(place, file) for place, file in self.at if place[0] in names]
        if not mine:
            return request
        operations = orjson.loads(request.body)
        for place, _ in mine:
            _put(operations["variables"], place, None)
        files = list({id(file): file for _, file in mine}.values())
        number = {id(file): index for index, file in enumerate(files)}
        where: dict[str, list[str]] = {}
        for place, file in mine:
            path = ".".join(("variables", *(str(step) for step in place)))
            where.setdefault(str(number[id(file)]), []).append(path)
        boundary = secrets.token_hex(16)
        parts = [
            _part(boundary, 'name="operations"', "", orjson.dumps(operations)),
            _part(boundary, 'name="map"', "", orjson.dumps(where)),
            *(
                _part(
                    boundary,
                    f'name="{index}"; filename="{_quoted(file.name)}"',
                    file.content_type,
                    file.content,
                )
                for index, file in enumerate(files)
            ),
            f"--{boundary}--\r\n".encode(),
        ]
        return Request(
            request.fetch,
            b"".join(parts),
            request.entities,
            f"{MULTIPART}; boundary={boundary}",
        )


async def read_multipart(
    headers: Mapping[str, str], receive: Receive, settings: Uploads
) -> Question:
    """Read a multipart request; the files stand in its variables as placeholders."""
    boundary = _parameter(headers.get("content-type", ""), "boundary")
    if not boundary or len(boundary) > 70:
        raise _malformed("its boundary is missing", "缺少 boundary")
    body = bytes(await read_body(headers, receive, settings.bytes))
    parts = _parts(body, boundary.encode(), settings.files + 2)
    found = _json(parts, "operations")
    where = _json(parts, "map")
    if not isinstance(found.get("variables"), dict):
        raise _malformed('"operations" has no variables', "operations 缺少 variables")
    at: list[tuple[Place, File]] = []
    for name, paths in where.items():
        file = parts.get(name)
        if file is None or not isinstance(paths, list):
            raise _malformed(f'the file "{name}" of "map" is missing', f"缺少 map 中的文件“{name}”")
        for path in paths:
            place = _place(path)
            # What stands here must not be chosen by the client, or it could be taken for a file.
            _put(found["variables"], place, f"file:{secrets.token_hex(8)}", empty=True)
            at.append((place, file))
    asked = question(found)
    return Question(
        asked.query,
        asked.operation_name,
        asked.variables,
        asked.extensions,
        asked.document_id,
        Files(at),
    )


def _parts(body: bytes, boundary: bytes, most: int) -> dict[str, File]:
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise _malformed("it is cut off", "内容不完整")
    if len(pieces) - 2 > most:
        raise _malformed(f"it holds more than {most - 2} files", f"文件超过 {most - 2} 个")
    found: dict[str, File] = {}
    for piece in pieces[1:-1]:
        head, separator, content = piece.partition(b"\r\n\r\n")
        lines = [line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n")]
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        disposition = headers.get("content-disposition", "")
        name = _parameter(disposition, "name")
        if not separator or not name or name in found:
            raise _malformed("one of its parts has no name of its own", "某部分没有唯一名称")
        found[name] = File(
            _parameter(disposition, "filename") or name,
            headers.get("content-type", "application/octet-stream"),
            content,
        )
    return found


def _parameter(header: str, name: str) -> str:
    message = Message()
    message["content-type"] = header.replace("\r", "").replace("\n", "")
    found = message.get_param(name)
    return found if isinstance(found, str) else ""


def _json(parts: Mapping[str, File], name: str) -> dict[str, Any]:
    part = parts.get(name)
    try:
        found = orjson.loads(part.content) if part else None
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise _malformed(f'"{name}" must be a JSON object', f"{name} 必须是 JSON 对象")
    return found


def _place(path: object) -> Place:
    steps = path.split(".") if isinstance(path, str) else []
    if len(steps) < 2 or steps[0] != "variables":
        raise _malformed(
            '"map" must name places in the variables', "map 必须指向 variables 中的位置"
        )
    return tuple(int(step) if step.isdigit() else step for step in steps[1:])


def _put(variables: Any, place: Place, value: Any, *, empty: bool = False) -> None:
    try:
        for step in place[:-1]:
            variables = variables[step]
        if empty and variables[place[-1]] is not None:
            raise KeyError(place[-1])
        variables[place[-1]] = value
    except (KeyError, IndexError, TypeError) as error:
        raise _malformed(
            "the variables must hold null where a file belongs", "文件所在的变量必须为 null"
        ) from error


def _part(boundary: str, disposition: str, content_type: str, content: bytes) -> bytes:
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n"
    return head.encode() + content + b"\r\n"


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")  # as browsers do


def _malformed(why: str, warum: str) -> BadRequest:
    return BadRequest(
        f"The multipart request cannot be read: {why}.", f"无法读取 multipart 请求：{warum}。"
    )
