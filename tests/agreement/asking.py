"""The real ways to an answer: lists, references and writes over HTTP,
at a service or the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import requests

from tests.agreement.worlds import AUDITOR, CODE, EMAIL, MOBILE, NAME, NO, YES, Asked, Thing
from tests.customers.serving import a_token

SHOWN = {
    ("Customer", CODE): "unifiedSocialCreditCode",
    ("Customer", MOBILE): "phone",
    ("Customer", EMAIL): "email",
    ("Contact", NAME): "name",
    ("Contact", MOBILE): "mobile",
    ("Contact", EMAIL): "email",
}
_CUSTOMER = """fragment C on Customer { id
  unifiedSocialCreditCode { text visibility } phone { text visibility }
  email { text visibility } }"""
_CONTACT = """fragment P on Contact { id
  name { text visibility } mobile { text visibility } email { text visibility } }"""
LIST = "{ customers(first: 100) { totalCount edges { node { ...C } } } }" + _CUSTOMER
CONTACTS = (
    "{ customers(first: 100) { edges { node { "
    "contacts(first: 5) { edges { node { ...P } } } } } } }" + _CONTACT
)
TAGS = "{ customers(first: 100) { edges { node { id tags { name } } } } }"
ENTITIES = "query($r: [_Any!]!) { _entities(representations: $r) { ...C } }" + _CUSTOMER
PEOPLE = "query($r: [_Any!]!) { _entities(representations: $r) { ...P } }" + _CONTACT
EXPLAIN = (
    'a{n}: explainCustomerAccess(userId: "{u}", customerId: "{c}", object: "{o}", action: "{a}"'
    "{f}) {{ allowed redaction policyVersion }}"
)


class Client:
    """Somebody who asks one address as anybody."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        # On a busy machine an idle connection is closed by the server just as it is used again.
        self.http.headers["connection"] = "close"
        self.tokens: dict[UUID, str] = {}

    def post(self, user: UUID, query: str, **variables: Any) -> Any:
        token = self.tokens.setdefault(user, a_token(user))
        answer = self.http.post(
            f"{self.url}/graphql",
            json={"query": query, "variables": variables},
            headers={"authorization": f"Bearer {token}"},
            timeout=60,
        )
        return answer.json()

    def data(self, user: UUID, query: str, **variables: Any) -> Any:
        """What is answered; nothing where the policy forbids the operation as a whole, or shuts the
        person out."""
        answer = self.post(user, query, **variables)
        for error in answer.get("errors", ()):
            assert error["extensions"]["code"] in ("FORBIDDEN", "UNAUTHENTICATED"), answer
        return answer.get("data") or {}

    def listed(self, user: UUID) -> tuple[set[UUID], int | None]:
        """The customers in this person's list, and how many it says there are."""
        found = self.data(user, LIST).get("customers") or {"edges": [], "totalCount": 0}
        return {UUID(edge["node"]["id"]) for edge in found["edges"]}, found["totalCount"]

    def verdicts(self, asked: Sequence[Asked], things: Sequence[Thing]) -> list[str]:
        """What these people really get, read in lists and written one by one."""
        found: dict[Asked, str] = {}
        for user in {one.user for one in asked}:
            mine = [one for one in asked if one.user == user]
            nodes = _nodes(self.data(user, LIST))
            people = [n for row in _nodes(self.data(user, CONTACTS), id="") for n in row]
            tags = {row["id"]: row for row in _nodes(self.data(user, TAGS))}
            seen = {node["id"]: node for node in (*nodes, *people)}
            found |= {one: _verdict(one, seen, tags) for one in mine if one.kind[2] == "read"}
            found |= self._written(user, [one for one in mine if one.kind[2] == "update"])
        return [found[one] for one in asked]

    def references(self, asked: Sequence[Asked], things: Sequence[Thing]) -> list[str]:
        """The same by `_entities`, which only a service has; what has no reference is left out."""
        found: dict[Asked, str] = {}
        for user in {one.user for one in asked}:
            mine = [one for one in asked if one.user == user and one.kind[2] == "read"]
            customers = [{"__typename": "Customer", "id": str(one.id)} for one in things]
            people = [{"__typename": "Contact", "id": str(one.contact)} for one in things]
            seen = {
                node["id"]: node
                for query, asked_for in ((ENTITIES, customers), (PEOPLE, people))
                for node in self.data(user, query, r=asked_for).get("_entities") or ()
                if node
            }
            found |= {one: _verdict(one, seen, None) for one in mine if one.kind[0] != "Tag"}
        return [found.get(one, "") for one in asked]

    def explained(self, asked: Sequence[Asked]) -> list[str]:
        """What the policy says of itself, to somebody who may ask that."""
        found: list[str] = []
        for start in range(0, len(asked), 100):
            lines = [
                EXPLAIN.format(
                    n=n,
                    u=one.user,
                    c=one.thing.id,
                    o=one.kind[0],
                    a=one.kind[2],
                    f=f', field: "{one.kind[1]}"' if one.kind[1] else "",
                )
                for n, one in enumerate(asked[start : start + 100])
            ]
            said = self.data(AUDITOR, "{" + "\n".join(lines) + "}")
            for each in said.values():
                assert each["allowed"] == (each["redaction"] != "hidden") or not each["redaction"]
                found.append(NO if not each["allowed"] else each["redaction"] or YES)
        return found

    def _written(self, user: UUID, asked: Sequence[Asked]) -> dict[Asked, str]:
        """Writes that come too late on purpose: a conflict is a yes, and nothing changes."""
        found: dict[Asked, str] = {}
        for object, write in (
            ("Customer", 'updateCustomer(id: "{}", set: {{ note: "x" }}, expectedVersion: 0)'),
            ("Contact", 'updateContact(id: "{}", set: {{ title: "x" }}, expectedVersion: 0)'),
        ):
            some = [one for one in asked if one.kind[0] == object]
            ids = [one.thing.id if object == "Customer" else one.thing.contact for one in some]
            lines = [
                f"a{n}: {write.format(id)} {{ errors {{ code }} }}" for n, id in enumerate(ids)
            ]
            said = self.data(user, "mutation {" + "\n".join(lines) + "}") if lines else {}
            for n, one in enumerate(some):
                [code] = [e["code"] for e in (said.get(f"a{n}") or _REFUSED)["errors"]]
                assert code in ("CONFLICT", "NOT_FOUND", "FORBIDDEN"), code
                found[one] = YES if code == "CONFLICT" else NO
        return found


_REFUSED = {"errors": [{"code": "FORBIDDEN"}]}


def _nodes(data: Any, id: str | None = None) -> list[Any]:
    """The customers of a page, or the contacts of each."""
    nodes = [edge["node"] for edge in ((data or {}).get("customers") or {"edges": []})["edges"]]
    return nodes if id is None else [[e["node"] for e in n["contacts"]["edges"]] for n in nodes]


def _verdict(one: Asked, seen: dict[str, Any], tags: dict[str, Any] | None) -> str:
    object, field, _ = one.kind
    if object == "Tag":
        return YES if (tags or {}).get(str(one.thing.id), {}).get("tags") else NO
    node = seen.get(str(one.thing.id if object == "Customer" else one.thing.contact))
    if node is None:
        return NO
    if field is None:
        return YES
    shown = node[SHOWN[object, field]]
    if shown["visibility"] == "HIDDEN":
        assert shown["text"] is None
        return NO
    return f"{shown['visibility']} {shown['text']}"
