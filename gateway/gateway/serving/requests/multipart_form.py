"""Cuts a multipart body while it arrives: small parts into memory, files onto the disk, nothing beyond its bounds."""

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
class File:
    """One file: where it lies in the store."""

    name: str
    content_type: str
    start: int
    size: int


class Store:
    """The files of one request, behind each other in a file without a name; gone with the request."""

    def __init__(self) -> None:
        self.size = 0
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115  closed below
            max_size=IN_MEMORY
        )

    def __del__(self) -> None:
        """Give the space back with the last reference to it."""
        with contextlib.suppress(Exception):
            self._file.close()

    async def add(self, content: bytes) -> None:
        """Write at the end; in a thread, for a disk may be slow."""
        self.size += len(content)
        if self.size > IN_MEMORY:
            await asyncio.to_thread(self._file.write, content)
        else:
            self._file.write(content)

    def read(self, file: File) -> Iterator[bytes]:
        """The content again, in pieces."""
        at, end = file.start, file.start + file.size
        while at < end:
            self._file.seek(at)
            piece = self._file.read(min(PIECE, end - at))
            if not piece:
                raise OSError("an upload is shorter than it was")
            at += len(piece)
            yield piece


@dataclass(slots=True)
class Form:
    """A body, taken in piece by piece."""

    boundary: bytes
    most_text: int
    """Bytes of the parts that are no files."""
    most_files: int
    store: Store = field(default_factory=Store)
    texts: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    ended: bool = False
    _rest: bytes = b"\r\n"  # so that the first boundary looks like all others
    _part: "_Part | None" = None
    _in_head: bool = False

    async def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body; raises BadRequest."""
        self._rest += chunk
        while not self.ended and await self._step():
            pass

    def check_whole(self) -> None:
        """Raise BadRequest when something is missing at the end."""
        if not self.ended:
            raise malformed("it is cut off", "内容不完整")

    async def _step(self) -> bool:
        """Do what the bytes at hand allow; False when more are needed."""
        if self._in_head:
            return self._read_head()
        mark = b"\r\n--" + self.boundary
        at = self._rest.find(mark)
        if at < 0:  # what may be the beginning of a boundary stays
            keep = len(mark) + 2
            await self._take(self._rest[:-keep])
            self._rest = self._rest[-keep:]
            return False
        after = self._rest[at + len(mark) : at + len(mark) + 2]
        if len(after) < 2:
            return False
        await self._take(self._rest[:at])
        self._finish()
        self._rest = self._rest[at + len(mark) + 2 :]
        if after == b"--":
            self.ended = True
            return False
        if after != b"\r\n":
            raise malformed("a boundary does not end its line", "boundary 行格式错误")
        self._in_head = True
        return True

    def _read_head(self) -> bool:
        head, separator, rest = self._rest.partition(b"\r\n\r\n")
        if not separator:
            if len(self._rest) > LONGEST_HEAD:
                raise malformed("the head of a part does not end", "某部分的头部过长")
            return False
        lines = [line.partition(":") for line in head.decode("utf-8", "replace").split("\r\n")]
        headers = {name.strip().lower(): value.strip() for name, _, value in lines}
        disposition = headers.get("content-disposition", "")
        name = parameter(disposition, "name")
        if not name or name in self.texts or name in self.files:
            raise malformed("one of its parts has no name of its own", "某部分没有唯一名称")
        text = name in ("operations", "map")
        if not text and len(self.files) >= self.most_files:
            raise malformed(
                f"it holds more than {self.most_files} files", f"文件超过 {self.most_files} 个"
            )
        kind = headers.get("content-type", "application/octet-stream")
        called = parameter(disposition, "filename") or name
        self._part = _Part(name, text, called, kind, self.store.size)
        self._rest, self._in_head = rest, False
        return True

    async def _take(self, content: bytes) -> None:
        if self._part is None:
            if content.strip():
                raise malformed("it does not begin with its boundary", "未以 boundary 开头")
            return
        if not content:
            return
        if not self._part.text:
            await self.store.add(content)
            return
        self._part.content += content
        if len(self._part.content) > self.most_text:
            raise malformed(f'"{self._part.name}" is too large', f"{self._part.name} 过大")

    def _finish(self) -> None:
        part, self._part = self._part, None
        if part is None:
            return
        if part.text:
            self.texts[part.name] = bytes(part.content)
        else:
            size = self.store.size - part.start
            self.files[part.name] = File(part.called, part.kind, part.start, size)


@dataclass(slots=True)
class _Part:
    name: str
    text: bool
    called: str
    kind: str
    start: int
    content: bytearray = field(default_factory=bytearray)


def parameter(header: str, name: str) -> str:
    """One parameter of a header's value."""
    message = Message()
    message["content-type"] = header.replace("\r", "").replace("\n", "")
    found = message.get_param(name)
    return found if isinstance(found, str) else ""


def malformed(why: str, warum: str) -> BadRequest:
    """Why the body cannot be read."""
    return BadRequest(
        f"The multipart request cannot be read: {why}.", f"无法读取 multipart 请求：{warum}。"
    )
