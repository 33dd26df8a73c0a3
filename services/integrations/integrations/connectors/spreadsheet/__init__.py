"""A CSV or XLSX file, at an address or in an allowed folder, whose columns are mapped by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.connectors.spreadsheet import client
from integrations.connectors.spreadsheet.form import (
    CONFIGURATION,
    CREDENTIALS,
    EXAMPLE,
    spec_of,
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
from integrations.core.domain import validation as form
from integrations.specs.domain import spec


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file and what its columns mean."""

    spec: Spec
    configuration: Mapping[str, Any]

    def pages(self, access: Access, stream: Stream, since: Cursor) -> Iterator[Page]:
        return client.pages(access, since, self.configuration)

    def record(self, stream: Stream, raw: dict[str, Any]) -> SourceRecord:
        lost = [header for header in raw.get("lost", ()) if header in self.configuration["key"]]
        if lost:
            raise Skip(
                "LOST_DIGITS",
                f"Row {raw.get('row')}: a spreadsheet program has rounded the number in {lost[0]!r}; "
                "format the column as text and enter it again.",
                f"第 {raw.get('row')} 行：{lost[0]!r} 列的数字已被表格软件四舍五入，"
                "请将该列设为文本格式后重新填写。",
            )
        return stream.mapping.record(raw)


class SpreadsheetKind:
    """Installs a spreadsheet."""

    id = "spreadsheet"
    title = ("Spreadsheet", "电子表格")
    description = (
        "Reads a CSV or XLSX file again and again and takes over what changed in it.",
        "定期读取 CSV 或 XLSX 文件，并同步其中的变化。",
    )
    configuration = CONFIGURATION
    credentials = CREDENTIALS
    example = EXAMPLE

    def open(self, configuration: Mapping[str, Any]) -> Connector:
        form.refuse(form.problems(CONFIGURATION, configuration), "configuration")
        return Sheet(spec.read(spec_of(configuration), field="configuration"), configuration)


connector = SpreadsheetKind()
