"""The JSON Schemas of a REST installation, and a complete example."""

from __future__ import annotations

from typing import Any

CONFIGURATION: dict[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "additionalProperties": False,
    "properties": {
        "spec": {
            "type": "object",
            "description": "a connector spec; its JSON Schema is the field `specSchema`",
        }
    },
}

CREDENTIALS: dict[str, Any] = {
    "type": "object",
    "description": "the secrets the spec refers to as {credentials.NAME}",
    "maxProperties": 20,
    "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,39}$"},
    "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 8000},
}

EXAMPLE: dict[str, Any] = {
    "spec": {
        "id": "acme-crm",
        "version": 1,
        "title": {"en": "Acme CRM", "zh": "示例 CRM"},
        "protocol": "http",
        "base_url": "https://crm.example.com/api",
        "auth": {"scheme": "bearer", "token": "{credentials.token}"},
        "limits": [{"rate": 10, "per_seconds": 1}],
        "envelope": {
            "success_when": "status == `200` && body.errcode == `0`",
            "code_path": "errcode",
            "message_path": "errmsg",
            "classify": [{"when": "body.errcode == `45009`", "as": "throttle", "wait": 1}],
        },
        "streams": [
            {
                "name": "customers",
                "request": {"method": "GET", "path": "/customers"},
                "records_path": "data.rows",
                "count_path": "data.count",
                "key": "id",
                "pager": {"type": "page", "param": "page", "size_param": "size", "size": 100},
                "cursor": {
                    "mode": "updated_since",
                    "param": "updated_since",
                    "format": "iso",
                    "overlap_seconds": 300,
                },
                "mapping": {
                    "kind": {"const": "ORGANIZATION"},
                    "observed_at": {"from": "updated_at", "via": ["iso_time"]},
                    "fields": {
                        "name": {"from": "name", "via": ["squeeze"], "required": True},
                        "unified_social_credit_code": {"from": "uscc", "via": ["credit_code"]},
                        "phone": "phone",
                        "email": {"from": "email", "via": ["email"]},
                    },
                    "contacts": {
                        "each": "people",
                        "external_id": "id",
                        "name": "name",
                        "mobile": {"from": "mobile", "via": ["e164"]},
                    },
                    "tags": "labels",
                },
            }
        ],
    }
}
