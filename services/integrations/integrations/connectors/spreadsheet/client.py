"""Read the file from the allowed folder or over HTTP, and split it into pages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chassis.errors import HuichiError
from chassis.spreadsheet import reading as spreadsheet
from chassis.spreadsheet.limits import Limits
from integrations.connectors.spreadsheet.form import mapped_headers
from integrations.connectors.spreadsheet.mapping import group_rows
from integrations.contract import Access, Cursor, Fatal, Page
from integrations.rest.egress import Egress
from integrations.rest.envelope import class_of_status, make_failure, retry_after
from integrations.rest.retry_policy import call_with_retries

PAGE_SIZE = 500
MAX_BYTES = Limits().size


def pages(access: Access, since: Cursor, configuration: Mapping[str, Any]) -> Iterator[Page]:
    """Yield the records of the file from the cursor on. Raises `Fatal` when the file changed."""
    content = _content(access, configuration)
    digest = hashlib.sha256(content).hexdigest()
    position = since.position or {"at": 0, "file": digest}
    if position["file"] != digest:
        raise Fatal(
            "FILE_CHANGED",
            "The file was changed while it was read; the next run reads the new version.",
            "文件在读取过程中被修改，下次同步将读取新文件。",
        )
    records = _read(content, configuration)
    at = int(position["at"])
    while True:
        following = (
            {"at": at + PAGE_SIZE, "file": digest} if at + PAGE_SIZE < len(records) else None
        )
        yield Page(records=tuple(records[at : at + PAGE_SIZE]), next=following, total=len(records))
        if following is None:
            return
        at += PAGE_SIZE


def _read(content: bytes, configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    headers = mapped_headers(configuration)
    try:
        sheet = spreadsheet.read(content, is_header=lambda text: text in headers)
        missing = [header for header in headers if header not in sheet.headers]
        if missing:
            raise Fatal(
                "NO_COLUMN",
                f"The sheet has no column {', '.join(map(repr, missing))}; it has: "
                f"{', '.join(sheet.headers[:30])}.",
                f"表格中没有列 {'、'.join(missing)}；现有列：{'、'.join(sheet.headers[:30])}。",
                fix_en="Correct `columns` and `key`, or the header row of the sheet.",
                fix_zh="请修正 `columns` 与 `key`，或修改表头。",
            )
        return group_rows(sheet, configuration)
    except HuichiError as problem:
        raise Fatal("BAD_FILE", problem.en, problem.zh) from problem


def _content(access: Access, configuration: Mapping[str, Any]) -> bytes:
    if "file" in configuration:
        return _from_folder(access.spreadsheet_folder, configuration["file"])
    return call_with_retries(access, lambda: _from_url(access, configuration["url"]))


def _from_folder(folder: str | None, name: str) -> bytes:
    """Return a file of the allowed folder. Raises `Fatal`, also for a path or link out of it."""
    if folder is None:
        raise Fatal(
            "NO_FOLDER",
            "This deployment has no folder for spreadsheets.",
            "当前未配置允许读取表格的文件夹。",
            fix_en="Use a url, or set HUICHI_INTEGRATIONS_SPREADSHEET_FOLDER.",
            fix_zh="请改用 url，或由运维人员设置 HUICHI_INTEGRATIONS_SPREADSHEET_FOLDER。",
        )
    base = Path(folder).resolve()
    path = (base / name).resolve()
    if not path.is_relative_to(base) or not path.is_file():
        raise Fatal(
            "NO_FILE",
            f"There is no file {name!r} in the allowed folder.",
            f"允许的文件夹中没有文件 {name!r}。",
            fix_en="Put the file there, or correct `file`; paths out of the folder are refused.",
            fix_zh="请将文件放入该文件夹，或修正 `file`；不允许使用跳出文件夹的路径。",
        )
    if path.stat().st_size > MAX_BYTES:
        raise Fatal(
            "TOO_LARGE",
            f"The file is larger than {MAX_BYTES // 1048576} MB.",
            f"文件超过 {MAX_BYTES // 1048576} MB。",
            fix_en="Split the file.",
            fix_zh="请拆分文件。",
        )
    return path.read_bytes()


def _from_url(access: Access, url: str) -> bytes:
    parts = urlsplit(url)
    if parts.scheme != "https" and not access.allow_private_hosts:
        raise Fatal(
            "NOT_HTTPS",
            "The address must begin with https://.",
            "地址应以 https:// 开头。",
            fix_en="Use an https address: the file holds personal data.",
            fix_zh="文件包含个人信息，请使用 https 地址。",
        )
    egress = Egress(
        f"{parts.scheme}://{parts.netloc}",
        allow_private_hosts=access.allow_private_hosts,
        timeout=access.timeout,
        max_bytes=MAX_BYTES,
    )
    authorization = access.credentials.get("authorization")
    headers = {"Accept": "*/*"} | ({"Authorization": authorization} if authorization else {})
    try:
        access.budget.spend()
        access.calls += 1
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        answer = egress.send("GET", path, headers=headers)
    finally:
        egress.close()
    if answer.status != 200:
        kind = "permanent" if answer.status == 401 else class_of_status(answer.status)
        raise make_failure(kind, f"status {answer.status}", retry_after(answer.headers))
    return answer.content
