"""Parses a multipart body while it arrives: texts into memory, files onto the disk."""

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from typing import IO

from gateway.errors import BadRequest

IN_MEMORY = 1_000_000
"""Files up to this size together never see the disk."""
LONGEST_HEAD = 8_192
PIECE = 65_536


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One file: its name, its media type and where it lies in the store."""

    name: str
    content_type: str
    start: int
    size: int


class UploadStore:
    """The files of one request, one after the other in one temporary file."""

    def __init__(self) -> None:
        self.size = 0
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115  closed below
            max_size=IN_MEMORY
        )

    def __del__(self) -> None:
        """Free the space with the last reference to it."""
        with contextlib.suppress(Exception):
            self._file.close()

    async def add(self, content: bytes) -> None:
        """Append; in a thread above IN_MEMORY bytes, because a disk may be slow."""
        self.size += len(content)
        if self.size > IN_MEMORY:
            await asyncio.to_thread(self._file.write, content)
        else:
            self._file.write(content)

    def read(self, file: UploadedFile) -> Iterator[bytes]:
        """Yield a file's content in pieces of at most PIECE bytes."""
        position, end = file.start, file.start + file.size
        while position < end:
            self._file.seek(position)
            piece = self._file.read(min(PIECE, end - position))
            if not piece:
                raise OSError("the temporary file of an upload is shorter than the upload")
            position += len(piece)
            yield piece


@dataclass(slots=True)
class MultipartForm:
    """A multipart body, parsed piece by piece."""

    boundary: bytes
    most_text: int
    """Most bytes of each part that is not a file."""
    most_files: int
    store: UploadStore = field(default_factory=UploadStore)
    texts: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, UploadedFile] = field(default_factory=dict)
    ended: bool = False
    _rest: bytes = b"\r\n"  # so that the first boundary looks like all others
    _part: "_Part | None" = None
    _in_head: bool = False

    async def feed(self, chunk: bytes) -> None:
        """Parse the next piece of the body; raises BadRequest."""
        self._rest += chunk
        while not self.ended and await self._step():
            pass

    def check_complete(self) -> None:
        """Raise BadRequest when the closing boundary is missing."""
        if not self.ended:
            raise malformed("it is cut off", "内容不完整")

    async def _step(self) -> bool:
        """Parse as far as the received bytes allow; return False when more are needed."""
        if self._in_head:
            return self._read_head()
        mark = b"\r\n--" + self.boundary
        start = self._rest.find(mark)
        if start < 0:  # what may be the beginning of a boundary stays
            tail = len(mark) + 2
            await self._add_content(self._rest[:-tail])
            self._rest = self._rest[-tail:]
            return False
        after = self._rest[start + len(mark) : start + len(mark) + 2]
        if len(after) < 2:
            return False
        await self._add_content(self._rest[:start])
        self._finish_part()
        self._rest = self._rest[start + len(mark) + 2 :]
        if after == b"--":
            self.ended = True
            return False
        if after != b"\r\n":
            raise malformed("a boundary is not at the end of its line", "boundary 行格式错误")
        self._in_head = True
        return True

    def _read_head(self) -> bool:
        head, separator, rest = self._rest.partition(b"\r\n\r\n")
        if not separator:
            if len(self._rest) > LONGEST_HEAD:
                raise malformed(
                    f"the head of a part is longer than {LONGEST_HEAD} bytes",
                    f"某部分的头部超过 {LONGEST_HEAD} 字节",
                )
            return False
        lines = [line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n")]
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        disposition = headers.get("content-disposition", "")
        name = header_parameter(disposition, "name")
        if not name or name in self.texts or name in self.files:
            raise malformed(
                "the name of a part is missing or used twice", "某部分缺少名称或名称重复"
            )
        is_text = name in ("operations", "map")
        if not is_text and len(self.files) >= self.most_files:
            raise malformed(
                f"it holds more than {self.most_files} files", f"文件超过 {self.most_files} 个"
            )
        kind = headers.get("content-type", "application/octet-stream")
        file_name = header_parameter(disposition, "filename") or name
        self._part = _Part(name, is_text, file_name, kind, self.store.size)
        self._rest, self._in_head = rest, False
        return True

    async def _add_content(self, content: bytes) -> None:
        if self._part is None:
            if content.strip():
                raise malformed("it does not begin with its boundary", "未以 boundary 开头")
            return
        if not content:
            return
        if not self._part.is_text:
            await self.store.add(content)
            return
        self._part.content += content
        if len(self._part.content) > self.most_text:
            raise malformed(
                f'"{self._part.name}" is larger than {self.most_text} bytes',
                f"{self._part.name} 超过 {self.most_text} 字节",
            )

    def _finish_part(self) -> None:
        part, self._part = self._part, None
        if part is None:
            return
        if part.is_text:
            self.texts[part.name] = bytes(part.content)
        else:
            size = self.store.size - part.start
            self.files[part.name] = UploadedFile(part.file_name, part.kind, part.start, size)


@dataclass(slots=True)
class _Part:
    name: str
    is_text: bool
    file_name: str
    kind: str
    start: int
    content: bytearray = field(default_factory=bytearray)


def header_parameter(header: str, name: str) -> str:
    """Return one parameter of a header's value, empty when it is missing."""
    message = Message()
    message["content-type"] = header.replace("\r", "").replace("\n", "")
    value = message.get_param(name)
    return value if isinstance(value, str) else ""


def malformed(why: str, why_zh: str) -> BadRequest:
    """Return the refusal of a multipart body, with the reason in both languages."""
    return BadRequest(
        f"The multipart request cannot be read: {why}.", f"无法读取 multipart 请求：{why_zh}。"
    )
