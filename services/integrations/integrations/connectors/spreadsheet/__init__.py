"""The connector for a CSV or XLSX file, at an address or in an allowed folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.connectors.spreadsheet import client
from integrations.connectors.spreadsheet.form import (
    CONFIGURATION,
    CREDENTIALS,
    EXAMPLE,
    file_spec,
)
from integrations.contract import (
    Access,
    Connector,
    Cursor,
    Page,
    Skip,
    SourceRecord,
    Spec,
    Stream,
)
from integrations.core.domain.validation import find_problems, raise_for_problems
from integrations.specs.domain import spec


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file, with the mapping of its columns."""

    spec: Spec
    configuration: Mapping[str, Any]

    def pages(self, access: Access, stream: Stream, since: Cursor) -> Iterator[Page]:
        """Yield the records of the file."""
        return client.pages(access, since, self.configuration)

    def record(self, stream: Stream, raw: dict[str, Any]) -> SourceRecord:
        """Map a row. Raises `Skip` where a key number lost digits."""
        lost = [header for header in raw.get("lost", ()) if header in self.configuration["key"]]
        if lost:
            raise Skip(
                "LOST_DIGITS",
                f"Row {raw.get('row')}: a spreadsheet program rounded the number in {lost[0]!r}; "
                "format the column as text and enter it again.",
                f"第 {raw.get('row')} 行：{lost[0]!r} 列的数字已被表格软件四舍五入，"
                "请将该列设为文本格式后重新填写。",
            )
        return stream.mapping.record(raw)


class SpreadsheetKind:
    """The kind of spreadsheet files."""

    id = "spreadsheet"
    title = ("Spreadsheet", "电子表格")
    description = (
        "Reads a CSV or XLSX file on schedule and synchronises its changes.",
        "定期读取 CSV 或 XLSX 文件，并同步其中的变化。",
    )
    configuration = CONFIGURATION
    credentials = CREDENTIALS
    example = EXAMPLE

    def open(self, configuration: Mapping[str, Any]) -> Connector:
        """Open a file by its configuration. Raises `BadInput`."""
        raise_for_problems(find_problems(CONFIGURATION, configuration), "configuration")
        return Sheet(spec.read(file_spec(configuration), field="configuration"), configuration)


connector = SpreadsheetKind()
