"""Rows with values that occur nowhere else, in every corner that a sensitive value can come to lie;
and who may see which of them in clear, as the policy explains it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from onebox.company import PEOPLE
from tests.customers.making import a_code
from tests.e2e.conftest import Running, wait_for

CODE, NAME = "Customer.unified_social_credit_code", "Contact.name"
MOBILE, EMAIL = "Contact.mobile", "Contact.email"
PAYLOAD = "SourceRecord.payload"
GUARDS = (CODE, NAME, MOBILE, EMAIL, PAYLOAD)
USERS = tuple({one.role: one.username for one in reversed(PEOPLE)}.values())
"""One person for every role, the first."""

CREATE = """mutation ($set: CustomerSet!, $owner: ID) {
  createCustomer(kind: ORGANIZATION, set: $set, ownerId: $owner, allowDuplicate: true) {
    errors { code message } } }"""
CONTACT = """mutation ($id: ID!, $contact: ContactInput!) {
  addContact(customerId: $id, contact: $contact) { contact { id } errors { code message } } }"""
SHARE = """mutation ($id: ID!, $user: ID!) {
  addCollaborator(customerId: $id, userId: $user) { errors { code message } } }"""
MERGE = """mutation ($ids: [ID!]!, $to: ID!) {
  mergeCustomers(ids: $ids, survivorId: $to, dryRun: false) { merge { id } errors { code } } }"""
IMPORT = """mutation ($content: String!) {
  createImport(fileName: "planted.csv", contentBase64: $content, ownerId: null) {
    import { id status } errors { code message } } }"""
RUN = "mutation ($id: ID!) { runImport(id: $id) { errors { code message } } }"
STATUS = "query ($id: ID!) { import(id: $id) { status rejected } }"
LOG = """mutation ($id: ID!) {
  logFollowUp(input: { customerId: $id, channel: CALL, summary: "called",
  nextStep: "call again", nextDueAt: "2031-01-01T00:00:00Z" }) {
    followUp { id task { id } } errors { code } } }"""
SPEC: dict[str, Any] = {
    "id": "planted-erp",
    "version": 1,
    "title": {"en": "An ERP with secrets", "zh": "有敏感数据的 ERP"},
    "protocol": "http",
    "auth": {"scheme": "bearer", "token": "{credentials.token}"},
    "limits": [{"rate": 100, "per_seconds": 1}],
    "envelope": {"success_when": "status == `200`"},
    "streams": [
        {
            "name": "customers",
            "request": {"method": "GET", "path": "/customers"},
            "records_path": "rows",
            "key": "id",
            "pager": {"type": "none"},
            "cursor": {"mode": "full_scan_hash"},
            "mapping": {
                "kind": {"const": "ORGANIZATION"},
                "observed_at": {"from": "at", "via": ["iso_time"]},
                "fields": {"name": "name", "phone": "phone", "email": "email"},
            },
        }
    ],
}


@dataclass(frozen=True)
class Canary:
    """A value, and the ways by which somebody may come to see it in clear: a guard, and a
    customer's row or, without one, everything of its kind."""

    text: str
    ways: tuple[tuple[str, str | None], ...]
    only: str | None = None
    """Whose own it is, whatever the policy says."""

    def is_in(self, text: str) -> bool:
        """Telephone numbers also without their country code."""
        return self.text in text or self.text.removeprefix("+86") in text


@dataclass
class Planted:
    """What there is to be found."""

    house: Running
    users: dict[str, str]
    rows: dict[str, str] = field(default_factory=dict)
    """Customers by what is special about them."""
    things: dict[str, str] = field(default_factory=dict)
    """Other ids, by the root field that takes them."""
    contacts: list[str] = field(default_factory=list)
    canaries: dict[str, Canary] = field(default_factory=dict)
    clear: set[tuple[str, str, str | None]] = field(default_factory=set)
    """User, guard, row: where the policy explains that it is clear."""

    def add(self, text: str, guard: str, row: str | None) -> None:
        """One more way to a value."""
        known = self.canaries.get(text, Canary(text, ()))
        self.canaries[text] = replace(known, ways=(*known.ways, (guard, row)))

    def moved(self, id: str, to: str) -> None:
        """A customer became part of another one."""
        for text, one in self.canaries.items():
            ways = tuple((guard, to if row == id else row) for guard, row in one.ways)
            self.canaries[text] = replace(one, ways=ways)

    def forbidden(self, user: str) -> list[Canary]:
        """What this user must never meet."""
        return [
            one
            for one in self.canaries.values()
            if one.only != user and not any((user, *way) in self.clear for way in one.ways)
        ]

    def allowed(self, user: str) -> list[Canary]:
        """What they may see."""
        hidden = {one.text for one in self.forbidden(user)}
        return [one for one in self.canaries.values() if one.text not in hidden]


def plant(house: Running, source: str) -> Planted:
    """Everything, once. `source` is the address of a running `Erp`."""
    found = house.data("{ users(first: 100) { edges { node { id username } } } }", who="admin")
    ids = {edge["node"]["username"]: edge["node"]["id"] for edge in found["users"]["edges"]}
    planted = Planted(house, ids)
    _customer(planted, 1, "own", "li.na", owner=ids["li.na"])
    _customer(planted, 2, "far", "zhou.ting", owner=ids["zhou.ting"])
    _customer(planted, 3, "pool", "chen.jing", owner=None)
    helped = _customer(planted, 4, "helped", "chen.jing", owner=None)
    for user in ("guo.jia", "ma.yue", "wu.gang", "zhao.min"):
        _done(house.data(SHARE, {"id": helped, "user": ids[user]}, who="chen.jing"))
    _customer(planted, 5, "left", "chen.jing", owner=None)
    _customer(planted, 6, "right", "chen.jing", owner=None, phone=_phone(5), code="")
    survivor = _customer(planted, 7, "survivor", "chen.jing", owner=None)
    absorbed = _customer(planted, 8, "absorbed", "chen.jing", owner=ids["li.na"], code=_code(7))
    asked = {"ids": [survivor, absorbed], "to": survivor}
    merged = _done(house.data(MERGE, asked, who="chen.jing"))
    planted.things["mergeEvent"] = merged["merge"]["id"]
    del planted.rows["absorbed"]  # it leads to the survivor now, who has its values
    planted.moved(absorbed, survivor)
    _import(planted)
    _sync(planted, source)
    _follow_up(planted)
    _explain(planted)
    return planted


def _phone(n: int) -> str:
    return f"+861391047{n:04d}"


def _email(n: int) -> str:
    return f"canary-{n:04d}@nest.example"


def _code(n: int) -> str:
    return a_code(70_000 + n)


def _done(data: Mapping[str, Any]) -> Any:
    [answer] = data.values()
    assert answer["errors"] == [], answer
    return answer


def _customer(
    planted: Planted,
    n: int,
    row: str,
    by: str,
    *,
    owner: str | None,
    phone: str | None = None,
    code: str | None = None,
) -> str:
    house, name = planted.house, f"金丝雀{'甲乙丙丁戊己庚辛'[n - 1]}有限公司"
    given = {
        "name": name,
        "phone": phone or _phone(n),
        "email": _email(n),
        "unifiedSocialCreditCode": (_code(n) if code is None else code) or None,
        "region": "雀省",
    }
    _done(house.data(CREATE, {"set": given, "owner": owner}, who=by))
    id = planted.rows[row] = _id_of(house, name)
    person = {
        "name": f"鸢{n:04d}先生",
        "mobile": f"+861391048{n:04d}",
        "email": f"person-{n:04d}@nest.example",
    }
    made = _done(house.data(CONTACT, {"id": id, "contact": person}, who="chen.jing"))
    planted.contacts.append(made["contact"]["id"])
    for text, guard in (
        (person["name"], NAME),
        (person["mobile"], MOBILE),
        (person["email"], EMAIL),
        (given["phone"], MOBILE),
        (given["email"], EMAIL),
        (given["unifiedSocialCreditCode"], CODE),
    ):
        if text:
            planted.add(text, guard, id)
    return id


def _id_of(house: Running, name: str) -> str:
    asked = (
        "query ($name: String!) { customers(filter: { name: $name }) { edges { node { id } } } }"
    )
    [edge] = house.data(asked, {"name": name}, who="admin")["customers"]["edges"]
    return str(edge["node"]["id"])


def _import(planted: Planted) -> None:
    """A good row known by its credit code, a person known by a number, and a row that is wrong."""
    house = planted.house
    wrong = "bad-row-0023@nest.example"
    lines = [
        "客户名称,类型,统一社会信用代码,电话,邮箱",
        f"金丝雀廿一有限公司,企业,{_code(21)},,",
        f"雀廿二,个人,,{_phone(22)},",
        f"金丝雀廿三有限公司,企业,,13910470,{wrong}",
    ]
    content = base64.b64encode("\n".join(lines).encode()).decode()
    made = _done(house.data(IMPORT, {"content": content}, who="chen.jing"))["import"]
    _done(house.data(RUN, {"id": made["id"]}, who="chen.jing"))

    def ended() -> Any:
        return house.data(STATUS, {"id": made["id"]}, who="chen.jing")["import"]

    wait_for(lambda: ended()["status"] in ("DONE", "FAILED"), 60, every=0.2)
    assert ended() == {"status": "DONE", "rejected": 1}
    planted.things["import"] = made["id"]
    for row, name in (("imported", "金丝雀廿一有限公司"), ("person", "雀廿二")):
        planted.rows[row] = _id_of(house, name)
    planted.add(_code(21), CODE, planted.rows["imported"])
    planted.add(_phone(22), MOBILE, planted.rows["person"])
    planted.canaries[wrong] = Canary(wrong, (), only="chen.jing")


class Erp:
    """A source of two records: one for the pool, and one that the pool refuses."""

    def __init__(self) -> None:
        self.app = Starlette(routes=[Route("/customers", self.customers)])

    async def customers(self, request: Request) -> JSONResponse:
        at = "2026-01-01T00:00:00Z"
        good = {"id": "k1", "name": "金丝雀卅一有限公司", "phone": _phone(31), "at": at}
        bad = {"id": "k2", "name": "金丝雀卅二有限公司", "phone": "13910470", "at": at}
        extra = {"secret": "payload-canary-31"}, {"email": _email(32)}
        return JSONResponse({"rows": [good | extra[0], bad | extra[1]]})


def _sync(planted: Planted, source: str) -> None:
    house, who = planted.house, "liang.yu"
    install = """mutation ($input: InstallConnectorInput!) {
      installConnector(input: $input) { installation { id } errors { code message path } } }"""
    configuration = {"spec": SPEC | {"base_url": source}}
    given = {
        "connectorId": "rest",
        "name": "Planted ERP",
        "configuration": configuration,
        "credentials": {"token": "let me in"},
    }
    made = _done(house.data(install, {"input": given}, who=who))["installation"]["id"]
    start = "mutation ($id: ID!) { startSync(installationId: $id) { run { id } errors { code } } }"
    run = _done(house.data(start, {"id": made}, who=who))["run"]["id"]
    status = "query ($id: ID!) { syncRun(id: $id) { status counters { created deadLettered } } }"

    def ended() -> Any:
        return house.data(status, {"id": run}, who=who)["syncRun"]

    wait_for(lambda: ended()["status"] not in ("QUEUED", "RUNNING"), 90, every=0.2)
    assert ended()["counters"] == {"created": 1, "deadLettered": 1}, ended()
    [(record, customer)] = house.rows(
        "integrations",
        "SELECT id::text, customer_id::text FROM source_record WHERE external_id = 'k1'",
    )
    planted.things |= {"installation": made, "syncRun": run, "sourceRecord": record}
    planted.rows["synced"] = customer
    planted.add(_phone(31), MOBILE, customer)
    planted.add(_phone(31), PAYLOAD, customer)
    planted.add("payload-canary-31", PAYLOAD, customer)
    planted.add(_email(32), PAYLOAD, None)


def _follow_up(planted: Planted) -> None:
    house, id = planted.house, planted.rows["own"]
    said = wait_for(
        lambda: (
            (found := house.data(LOG, {"id": id}, who="li.na")["logFollowUp"])["followUp"] and found
        ),
        30,
    )
    planted.things |= {"followUp": said["followUp"]["id"], "task": said["followUp"]["task"]["id"]}


def _explain(planted: Planted) -> None:
    for user in USERS:
        for id in planted.rows.values():
            for guard, seen in _explained(planted, user, GUARDS, id):
                if seen:
                    planted.clear.add((user, guard, id))
        for guard, seen in _explained(planted, user, (PAYLOAD,), None):
            if seen:
                planted.clear.add((user, guard, None))


def _explained(
    planted: Planted, user: str, guards: Iterable[str], row: str | None
) -> list[tuple[str, bool]]:
    guards = list(guards)
    field = "explainCustomerAccess" if row else "explainAccess"
    about = f', customerId: "{row}"' if row else ""
    parts = [
        f'g{n}: {field}(userId: "{planted.users[user]}"{about}, object: "{guard.split(".")[0]}", '
        f'action: "read", field: "{guard}") {{ allowed visibility }}'
        for n, guard in enumerate(guards)
    ]
    found = planted.house.data("{" + " ".join(parts) + "}", who="admin")
    return [
        (guard, found[f"g{n}"]["allowed"] and found[f"g{n}"]["visibility"] == "CLEAR")
        for n, guard in enumerate(guards)
    ]
