"""The texts of the pages in both languages."""

from __future__ import annotations

WORDS = {
    "title": ("Traces", "链路追踪"),
    "time": ("Started", "开始时间"),
    "name": ("Name", "名称"),
    "services": ("Services", "服务"),
    "service": ("Service", "服务"),
    "spans": ("Spans", "跨度数"),
    "duration": ("Duration", "耗时"),
    "any": ("any service", "全部服务"),
    "contains": ("name contains", "名称包含"),
    "longer": ("at least, ms", "不短于（毫秒）"),
    "errors": ("errors only", "仅看出错"),
    "error": ("error", "出错"),
    "search": ("Search", "查询"),
    "clear": ("Clear", "清除条件"),
    "older": ("Older", "更早"),
    "newest": ("Newest", "最新"),
    "open": ("Open a trace by its id", "按链路编号打开"),
    "none": ("No traces yet", "还没有链路"),
    "none_more": (
        "Every request, sync run and fact is one trace. Send a query; it appears here a second "
        "later.",
        "每次请求、同步和事实都会形成一条链路。发送一次查询，一秒后即可在此看到。",
    ),
    "no_match": ("No trace matches these conditions", "没有符合条件的链路"),
    "no_match_more": (
        "Relax the conditions, or clear them.",
        "请放宽条件，或清除条件后再试。",
    ),
    "missing": ("This trace does not exist", "此链路不存在"),
    "missing_more": (
        "Spans arrive about a second after the work. Older traces may have been "
        "removed: only the newest are kept.",
        "跨度会在工作完成约一秒后到达。较早的链路可能已被清理：这里只保留最新的部分。",
    ),
    "bad_id": ("This is not a trace id", "链路编号无效"),
    "bad_id_more": (
        "A trace id has 32 hexadecimal digits.",
        "链路编号应为 32 位十六进制数字。",
    ),
    "back": ("All traces", "全部链路"),
    "attributes": ("Attributes", "属性"),
    "events": ("Events", "事件"),
    "links": ("Linked traces", "关联链路"),
    "linked_from": ("Continues in", "后续链路"),
    "status": ("Status", "状态"),
    "kind": ("Kind", "类型"),
    "span_id": ("Span", "跨度编号"),
    "orphan": ("its parent was not recorded", "其上级未被记录"),
    "cut": (
        "Only the first {count} spans are shown.",
        "仅显示前 {count} 个跨度。",
    ),
    "kinds": (
        "unspecified internal server client producer consumer",
        "未指明 内部 服务端 客户端 生产者 消费者",
    ),
}


class Words:
    """The texts of one language, as attributes: `words.title`."""

    def __init__(self, chinese: bool) -> None:
        self.language = "zh-CN" if chinese else "en"
        self._column = int(chinese)

    def __getattr__(self, name: str) -> str:
        return WORDS[name][self._column]
