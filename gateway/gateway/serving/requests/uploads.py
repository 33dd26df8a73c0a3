"""Files by the GraphQL multipart request specification: taken in within bounds, handed to the one subgraph that wants them.

They wait on the disk, never in memory, until all of them are there: so a slow client occupies no subgraph, and what
is signed for a subgraph is signed with its files.
A browser sends a form from any page without asking, so a header is required that no form can carry.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.errors import BadRequest
from gateway.execution.transport import Request, Stream
from gateway.plan import Plan
from gateway.protection import Uploads
from gateway.serving.requests.graphql_request import Question, Receive, body_pieces, question
from gateway.serving.requests.multipart_form import File, Form, Store, malformed, parameter

MULTIPART = "multipart/form-data"
Place = tuple[str | int, ...]
"""Of a file inside the variables."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one request, by their places in its variables."""

    at: Sequence[tuple[Place, File]]
    store: Store
    seconds: float
    """What handing them on may take."""

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
        texts = (
            _head(boundary, 'name="operations"') + orjson.dumps(operations) + b"\r\n",
            _head(boundary, 'name="map"') + orjson.dumps(where) + b"\r\n",
        )
        body: list[bytes | File] = [b"".join(texts)]
        for index, file in enumerate(files):
            said = f'name="{index}"; filename="{_quoted(file.name)}"'
            body += [_head(boundary, said, file.content_type), file, b"\r\n"]
        body.append(f"--{boundary}--\r\n".encode())
        return Request(
            request.fetch,
            b"",
            request.entities,
            f"{MULTIPART}; boundary={boundary}",
            _Body(self.store, body),
        )


class _Body(Stream):
    """A multipart body whose files are read while they are sent."""

    def __init__(self, store: Store, parts: Sequence[bytes | File]) -> None:
        sizes = (part.size if isinstance(part, File) else len(part) for part in parts)
        super().__init__(sum(sizes))
        self.store = store
        self.parts = parts

    def pieces(self) -> Iterator[bytes]:
        """Everything, a little at a time."""
        for part in self.parts:
            if isinstance(part, File):
                yield from self.store.read(part)
            else:
                yield part


async def read_multipart(
    headers: Mapping[str, str], receive: Receive, settings: Uploads, most_text: int
) -> Question:
    """Read a multipart request; the files stand in its variables as placeholders."""
    boundary = parameter(headers.get("content-type", ""), "boundary")
    if not boundary or len(boundary) > 70:
        raise malformed("its boundary is missing", "缺少 boundary")
    form = Form(boundary.encode(), most_text, settings.files)
    async for piece in body_pieces(headers, receive, settings.bytes):
        await form.feed(piece)
    form.check_whole()
    found = _json(form.texts, "operations")
    where = _json(form.texts, "map")
    if not isinstance(found.get("variables"), dict):
        raise malformed('"operations" has no variables', "operations 缺少 variables")
    at: list[tuple[Place, File]] = []
    for name, paths in where.items():
        file = form.files.get(name)
        if file is None or not isinstance(paths, list):
            raise malformed(f'the file "{name}" of "map" is missing', f"缺少 map 中的文件“{name}”")
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
        Files(at, form.store, settings.seconds),
    )


def _json(texts: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        found = orjson.loads(texts.get(name, b"null"))
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise malformed(f'"{name}" must be a JSON object', f"{name} 必须是 JSON 对象")
    return found


def _place(path: object) -> Place:
    steps = path.split(".") if isinstance(path, str) else []
    if len(steps) < 2 or steps[0] != "variables":
        raise malformed(
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
        raise malformed(
            "the variables must hold null where a file belongs", "文件所在的变量必须为 null"
        ) from error


def _head(boundary: str, disposition: str, content_type: str = "") -> bytes:
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n".encode()


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")  # as browsers do
