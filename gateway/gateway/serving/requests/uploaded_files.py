"""The files that came with one request, and how they travel on to the one subgraph that takes them.

They wait on the disk, never in memory, until all of them are there: so a slow client occupies no
subgraph, and what is signed for a subgraph is signed with its files.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.errors import BadRequest
from gateway.execution.transport import Request, Stream
from gateway.plan import Plan
from gateway.serving.requests.multipart_form import UploadedFile, UploadStore, malformed

MULTIPART = "multipart/form-data"
VariablePath = tuple[str | int, ...]
"""Where a file stands inside the variables."""


@dataclass(frozen=True, slots=True)
class UploadedFiles:
    """The files of one request, by their paths in its variables."""

    by_path: Sequence[tuple[VariablePath, UploadedFile]]
    store: UploadStore
    seconds: float
    """How long handing them on may take."""

    def check(self, kind: str, plan: Plan) -> None:
        """Raise BadRequest unless a mutation hands all files to exactly one subgraph."""
        names = {str(path[0]) for path, _ in self.by_path}
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
        """Return the subgraph request as a multipart one, if it carries any of the files."""
        names = set(request.fetch.variables)
        carried = [(path, file) for path, file in self.by_path if path[0] in names]
        if not carried:
            return request
        operations = orjson.loads(request.body)
        for path, _ in carried:
            put(operations["variables"], path, None)
        files = list({id(file): file for _, file in carried}.values())
        number = {id(file): index for index, file in enumerate(files)}
        paths_by_number: dict[str, list[str]] = {}
        for path, file in carried:
            text = ".".join(("variables", *(str(step) for step in path)))
            paths_by_number.setdefault(str(number[id(file)]), []).append(text)
        boundary = secrets.token_hex(16)
        return Request(
            request.fetch,
            b"",
            request.entities,
            f"{MULTIPART}; boundary={boundary}",
            _multipart(self.store, boundary, operations, paths_by_number, files),
        )


class _MultipartBody(Stream):
    """A multipart body whose files are read while they are sent."""

    def __init__(self, store: UploadStore, parts: Sequence[bytes | UploadedFile]) -> None:
        sizes = (part.size if isinstance(part, UploadedFile) else len(part) for part in parts)
        super().__init__(sum(sizes))
        self.store = store
        self.parts = parts

    def pieces(self) -> Iterator[bytes]:
        """Yield the whole body, a little at a time."""
        for part in self.parts:
            if isinstance(part, UploadedFile):
                yield from self.store.read(part)
            else:
                yield part


def _multipart(
    store: UploadStore,
    boundary: str,
    operations: Any,
    paths_by_number: Mapping[str, list[str]],
    files: Sequence[UploadedFile],
) -> _MultipartBody:
    texts = (
        _part_head(boundary, 'name="operations"') + orjson.dumps(operations) + b"\r\n",
        _part_head(boundary, 'name="map"') + orjson.dumps(paths_by_number) + b"\r\n",
    )
    parts: list[bytes | UploadedFile] = [b"".join(texts)]
    for index, file in enumerate(files):
        disposition = f'name="{index}"; filename="{_quoted(file.name)}"'
        parts += [_part_head(boundary, disposition, file.content_type), file, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return _MultipartBody(store, parts)


def put(variables: Any, path: VariablePath, value: Any, *, empty: bool = False) -> None:
    """Set the variable at this path; with `empty` raise BadRequest unless null stands there."""
    try:
        for step in path[:-1]:
            variables = variables[step]
        if empty and variables[path[-1]] is not None:
            raise KeyError(path[-1])
        variables[path[-1]] = value
    except (KeyError, IndexError, TypeError) as error:
        raise malformed(
            "the variables must hold null where a file belongs", "文件所在的变量必须为 null"
        ) from error


def _part_head(boundary: str, disposition: str, content_type: str = "") -> bytes:
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n".encode()


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")  # as browsers do
