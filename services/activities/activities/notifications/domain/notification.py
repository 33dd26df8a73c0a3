"""A notification informs a user that something waits for them, or has ended.

It holds no personal data: it names its object by id, and the policy applies when a user opens that
object. Most kinds are for every user who has the right to deal with the object at the time of
reading; some are addressed to a single user.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

Locale = Literal["en", "zh"]


class Kind(StrEnum):
    """What a notification is about."""

    ACCESS_ALERT = "access_alert"
    ACCESS_ENDING = "access_ending"
    ACCESS_REVIEW = "access_review"
    CHANGESET_ANSWERED = "changeset_answered"
    CHANGESET_WAITING = "changeset_waiting"
    DELEGATION = "delegation"
    EMERGENCY_ACCESS = "emergency_access"
    EXPORT_WAITING = "export_waiting"
    EXPORT_ANSWERED = "export_answered"


ANSWERED_BY: Mapping[Kind, tuple[str, str]] = {
    Kind.ACCESS_ALERT: ("AccessAlert", "update"),
    Kind.ACCESS_ENDING: ("User", "update"),
    Kind.CHANGESET_WAITING: ("Rule", "update"),
    Kind.EMERGENCY_ACCESS: ("EmergencyAccess", "review"),
    Kind.EXPORT_WAITING: ("CustomerExport", "approve"),
}
"""The right to deal with a kind: object and action. All other kinds are for a single user."""

_ALERTS = {
    "BULK_READING": ("much personal data was read", "大量读取个人信息"),
    "ODD_HOURS": ("personal data was read outside working hours", "非工作时间读取个人信息"),
    "EXPORT_BURST": ("many exports were taken", "短时间内多次导出"),
    "EXPORT_ROWS": ("many rows were exported", "导出行数异常"),
    "REFUSALS": ("the policy refused much", "多次越权访问被拒绝"),
    "REFUSED_SIGN_INS": ("many sign-ins were refused", "多次登录失败"),
    "SIGN_IN_ADDRESSES": ("signed in from many addresses", "从多个网络地址登录"),
}
_ANSWERS = {
    "READY": ("Your export is ready to be downloaded.", "您申请的导出文件已可下载。"),
    "REJECTED": ("Your export was rejected.", "您的导出申请被驳回。"),
    "FAILED": ("Your export could not be made.", "您的导出文件生成失败。"),
    "REVOKED": ("Your export was revoked.", "您的导出已被撤销。"),
}
ANSWERS = frozenset(_ANSWERS)
"""The statuses of an export that its requester is notified of."""


def text(kind: Kind, details: Mapping[str, Any], locale: str) -> str:
    """Return the sentence of a notification, in Chinese for the locale `zh`, else in English."""
    en, zh = _both(kind, details)
    return zh if locale == "zh" else en


def _both(kind: Kind, details: Mapping[str, Any]) -> tuple[str, str]:
    match kind:
        case Kind.ACCESS_ALERT:
            alert = details["kind"]
            en, zh = _ALERTS.get(alert, (alert, alert))
            return f"Unusual access: {en} ({details['measure']}).", (
                f"异常访问：{zh}（{details['measure']}）。"
            )
        case Kind.ACCESS_ENDING:
            days = details["days"]
            return f"The access of this user ends within {days} days.", (
                f"该用户的访问权限将在 {days} 天内到期。"
            )
        case Kind.ACCESS_REVIEW:
            return "Items of an access review wait for your decision.", "有权限审查条目等待您决定。"
        case Kind.CHANGESET_ANSWERED:
            if details["approved"]:
                return (
                    "Your changeset was approved; it can be published.",
                    "您的变更集已通过审核，可以发布。",
                )
            return "Your changeset was returned with a note.", "您的变更集被退回，请查看审核意见。"
        case Kind.CHANGESET_WAITING:
            return "A changeset of the policy waits for a review.", "一份权限策略变更集等待审核。"
        case Kind.DELEGATION:
            return "You were asked to stand in for a colleague.", "同事委托您代为处理工作。"
        case Kind.EMERGENCY_ACCESS:
            return (
                "Emergency access was taken and waits for a review.",
                "有人使用了应急访问，等待复核。",
            )
        case Kind.EXPORT_WAITING:
            rows, sensitive = details["rows"], details["sensitive"]
            customers = "1 customer" if rows == 1 else f"{rows} customers"
            return (
                f"An export of {customers}{' with sensitive fields' * sensitive} waits for "
                "approval.",
                f"一份含 {rows} 个客户{'及敏感字段' * sensitive}的导出申请等待审批。",
            )
        case Kind.EXPORT_ANSWERED:
            return _ANSWERS[details["status"]]
