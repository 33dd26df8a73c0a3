"""The connector for any HTTP source that a spec describes as data, without code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.connectors.rest.form import CONFIGURATION, CREDENTIALS, EXAMPLE
from integrations.contract import Access, Connector, Cursor, Page, SourceRecord, Spec, Stream
from integrations.core.domain.validation import Problem, find_problems, raise_for_problems
from integrations.rest import client
from integrations.specs.domain import spec


@dataclass(frozen=True, slots=True)
class Rest:
    """An HTTP source with its spec."""

    spec: Spec

    def pages(self, access: Access, stream: Stream, since: Cursor) -> Iterator[Page]:
        """Yield pages as the spec describes."""
        return client.pages(self.spec, access, stream, since)

    def record(self, stream: Stream, raw: dict[str, Any]) -> SourceRecord:
        """Map a raw record by the stream's mapping."""
        return stream.mapping.record(raw)


class RestKind:
    """The kind of sources with a spec."""

    id = "rest"
    title = ("Any REST source", "通用 REST 接口")
    description = (
        "Reads any JSON API; addresses, sign-in, paging, limits and mapping are given as data.",
        "读取任意 JSON 接口：地址、登录、分页、限流与映射均以数据形式配置，无需编码。",
    )
    configuration = CONFIGURATION
    credentials = CREDENTIALS
    example = EXAMPLE

    def open(self, configuration: Mapping[str, Any]) -> Connector:
        """Open a source by its spec. Raises `BadInput`."""
        raise_for_problems(find_problems(CONFIGURATION, configuration), "configuration")
        opened = spec.read(configuration["spec"], field="configuration.spec")
        if opened.document["protocol"] != "http":
            raise_for_problems(
                [
                    Problem(
                        "spec.protocol",
                        "it must be http for this connector.",
                        "此连接器的 protocol 应为 http。",
                    )
                ],
                "configuration",
            )
        return Rest(opened)


connector = RestKind()
