"""The JSON Schemas of a spreadsheet installation, and the spec that follows from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from integrations.specs.domain.mapping import FIELDS

_HEADER: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 200,
    "description": "the header of a column, exactly as in the sheet",
}

CONFIGURATION: dict[str, Any] = {
    "type": "object",
    "required": ["key", "columns"],
    "additionalProperties": False,
    "properties": {
        "file": {
            "type": "string",
            "minLength": 1,
            "maxLength": 300,
            "description": "a file name inside the allowed folder, for example partners.xlsx",
        },
        "url": {
            "type": "string",
            "pattern": "^https?://[^/?#@\\s]+/[^#\\s]*$",
            "description": "the address of a CSV or XLSX file, "
            "for example https://files.example.com/partners.xlsx",
        },
        "key": {
            "type": "array",
            "minItems": 1,
            "maxItems": 5,
            "items": _HEADER,
            "description": "the columns that together identify a customer, "
            'for example ["客户编号"]',
        },
        "kind": {
            "enum": ["ORGANIZATION", "PERSON"],
            "description": "ORGANIZATION or PERSON: what a row describes",
        },
        "columns": {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": dict.fromkeys(FIELDS, _HEADER),
            "description": 'which column holds which field, for example {"name": "公司名称"}',
        },
        "contact": {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "properties": dict.fromkeys(("name", "title", "mobile", "email"), _HEADER),
            "description": "which columns describe a person at the customer, "
            'for example {"name": "联系人"}',
        },
        "tags": _HEADER,
        "absent": {
            "enum": ["keep", "delete"],
            "description": "keep or delete: what happens to a customer that is missing in the file",
        },
    },
    "oneOf": [{"required": ["file"]}, {"required": ["url"]}],
    "description": "exactly one of file and url, with key and columns",
}

CREDENTIALS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "authorization": {
            "type": "string",
            "minLength": 1,
            "description": "the whole Authorization header for the url, if it needs one",
        }
    },
}

EXAMPLE: dict[str, Any] = {
    "file": "partners.xlsx",
    "key": ["客户编号"],
    "columns": {
        "name": "公司名称",
        "unified_social_credit_code": "统一社会信用代码",
        "phone": "电话",
    },
    "contact": {"name": "联系人", "mobile": "手机"},
    "tags": "标签",
}

_VIA: dict[str, list[Any]] = {
    "name": ["squeeze"],
    "unified_social_credit_code": ["trim"],
}


def file_spec(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of a file with these columns."""
    fields: dict[str, Any] = {
        name: {"from": _cell(header), "via": _VIA.get(name, ["squeeze"])}
        for name, header in configuration["columns"].items()
    }
    fields["name"]["required"] = True
    mapping: dict[str, Any] = {
        "kind": {"const": configuration.get("kind", "ORGANIZATION")},
        "fields": fields,
    }
    if "contact" in configuration:
        mapping["contacts"] = {"each": "people", "external_id": "id"} | {
            name: name for name in configuration["contact"]
        }
    if "tags" in configuration:
        mapping["tags"] = "tags"
    return {
        "id": "spreadsheet",
        "version": 1,
        "title": {"en": "Spreadsheet", "zh": "电子表格"},
        "protocol": "plugin",
        "streams": [
            {
                "name": "rows",
                "key": "key",
                "cursor": {
                    "mode": "full_scan_hash",
                    "absent": configuration.get("absent", "keep"),
                },
                "mapping": mapping,
            }
        ],
    }


def mapped_headers(configuration: Mapping[str, Any]) -> list[str]:
    """Return every column header the configuration refers to, without repetitions."""
    headers = [
        *configuration["key"],
        *configuration["columns"].values(),
        *configuration.get("contact", {}).values(),
        configuration.get("tags"),
    ]
    return list(dict.fromkeys(header for header in headers if header))


def _cell(header: str) -> str:
    """Return the JMESPath of a cell, quoted since a header may hold any character."""
    return f"cells.{json.dumps(header, ensure_ascii=False)}"
