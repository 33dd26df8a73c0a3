"""What a reader sees masked, no other answer lets them work out."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import redis

from chassis.policy import feed
from chassis.policy.masks import fingerprints
from chassis.policy.rules import Rule, Snapshot
from tests.customers.making import READER, STEWARD, a_code
from tests.customers.pool.api.test_pool import MERGE, a_full_customer, absorb
from tests.customers.serving import MASK_SECRET, Pool, pool

__all__ = ["pool"]

RIGHT, WRONG = "13800000001", "13800000002"
MORE = (
    Rule("role:reader", "Customer", "create"),
    Rule("role:reader", "Customer", "merge"),
    Rule("role:reader", "Customer", "import"),
    Rule("role:reader", "Contact", "create"),
)


@pytest.fixture
def curious(pool: Pool) -> Pool:
    """A reader who sees numbers, addresses and codes masked or not at all, and may do a lot."""
    with redis.Redis.from_url(pool.settings.redis_url) as store:
        said = Snapshot.from_json(store.get(feed.SNAPSHOT))
        more = Snapshot(
            said.version + 1, (*said.rules, *MORE), said.roles, said.users, said.departments
        )
        store.set(feed.SNAPSHOT, more.to_json())
        store.set(feed.VERSION, more.version)
    for _ in range(200):
        if pool.post(READER, "{ matchCandidates { edges { cursor } } }").get("data"):
            return pool
    raise AssertionError("the policy did not arrive")


CHECK = """query($name: String, $phone: String, $code: String) {
  duplicateCheck(name: $name, phone: $phone, unifiedSocialCreditCode: $code) {
    certain score owner { id } customer { id } evidence { field agreement } } }"""


def test_a_duplicate_in_sight_is_told_by_what_is_clear(curious: Pool) -> None:
    id = a_full_customer(curious)

    right = curious.ask(READER, CHECK, name="华宁科技", phone=RIGHT, code=a_code(1))
    wrong = curious.ask(READER, CHECK, name="华宁科技", phone=WRONG, code=a_code(2))
    [alone] = curious.ask(READER, CHECK, phone=RIGHT)["duplicateCheck"]

    assert right == wrong
    assert [one["customer"] for one in right["duplicateCheck"]] == [{"id": id}]
    assert alone == {
        "certain": True,
        "score": None,
        "owner": None,
        "customer": None,
        "evidence": [],
    }
    [steward] = curious.ask(STEWARD, CHECK, name="华宁科技", phone=RIGHT)["duplicateCheck"]
    assert steward["certain"]
    assert steward["customer"] == {"id": id}


def test_the_preview_of_a_merge_does_not_compare_hidden_values(curious: Pool) -> None:
    survivorship = """mutation { setSurvivorship(sourceOrder: ["manual"]) { errors { code } } }"""
    curious.ask(STEWARD, survivorship)
    create = """mutation($set: CustomerSet!) { createCustomer(kind: ORGANIZATION, set: $set,
      allowDuplicate: true) { errors { code } customer { id } } }"""
    one = a_full_customer(curious)
    previews = []
    for phone in (RIGHT, WRONG):
        given = {"name": "华宁科技有限公司", "phone": phone, "region": "上海"}
        made = curious.ask(STEWARD, create, set=given)["createCustomer"]["customer"]["id"]
        asked: dict[str, Any] = {"ids": [one, made], "to": one}
        for user in (READER, STEWARD):
            preview = curious.ask(user, MERGE, **asked)["mergeCustomers"]["preview"]
            previews.append([change["field"] for change in preview["fieldChanges"]])

    reader_right, steward_right, reader_wrong, steward_wrong = previews
    assert reader_right == reader_wrong == ["region"]
    assert steward_right != steward_wrong


CANDIDATES = """query($min: Float! = 0) { matchCandidates(minScore: $min) {
  edges { cursor node { id score evidence { field } } } } }"""


def test_candidates_tell_only_of_evidence_that_is_clear(curious: Pool) -> None:
    create = """mutation($set: CustomerSet!) { createCustomer(kind: ORGANIZATION, set: $set,
      allowDuplicate: true) { errors { code } } }"""
    a_full_customer(curious)
    # One that only the number points to, and one that the name does.
    curious.ask(STEWARD, create, set={"name": "毫不相干的另一家", "phone": RIGHT})
    curious.ask(STEWARD, create, set={"name": "华宁科技"})

    everything = curious.ask(STEWARD, CANDIDATES)["matchCandidates"]["edges"]
    seen = curious.ask(READER, CANDIDATES)["matchCandidates"]["edges"]

    by_phone = [e for e in everything if {"field": "phone"} in e["node"]["evidence"]]
    assert len(by_phone) == 1
    assert len(everything) == 2
    assert {tuple(x["field"] for x in e["node"]["evidence"]) for e in seen} == {("name",)}
    assert all(edge["node"]["score"] <= 0.8 for edge in seen)
    assert curious.code(READER, CANDIDATES, min=0.5) == "FORBIDDEN"
    entity = """query($r: [_Any!]!) { _entities(representations: $r) { __typename } }"""
    hidden = {e["node"]["id"] for e in everything} - {e["node"]["id"] for e in seen}
    asked = [{"__typename": "MatchCandidate", "id": id} for id in sorted(hidden)]
    assert hidden
    assert curious.ask(READER, entity, r=asked)["_entities"] == [None] * len(asked)


IMPORT = """mutation($content: String!) { createImport(fileName: "a.csv", contentBase64: $content) {
  errors { code } import { id uploadUrl preview { outcome customerId } } } }"""


def test_the_preview_of_an_import_does_not_say_whose_a_number_is(curious: Pool) -> None:
    a_full_customer(curious)
    rows = [
        "客户名称,电话,统一社会信用代码",
        f"甲,{RIGHT},",
        f"乙,{WRONG},",
        f"丙,,{a_code(1)}",
        f"丁,,{a_code(2)}",
    ]
    content = base64.b64encode("\n".join(rows).encode()).decode()

    [reader, steward] = [
        curious.ask(user, IMPORT, content=content)["createImport"]["import"]["preview"]
        for user in (READER, STEWARD)
    ]

    assert [row["outcome"] for row in steward] == ["AMBIGUOUS", "CREATED", "MATCHED", "CREATED"]
    assert reader == [{"outcome": "CREATED", "customerId": None}] * 4


def test_wrong_rows_leave_to_who_brought_them_only(curious: Pool) -> None:
    content = base64.b64encode("客户名称,电话\n甲,12".encode()).decode()
    id = curious.ask(STEWARD, IMPORT, content=content)["createImport"]["import"]["id"]
    query = "query($id: ID!) { import(id: $id) { id uploadUrl errorsUrl } }"

    other = curious.ask(READER, query, id=id)["import"]
    own = curious.ask(STEWARD, query, id=id)["import"]

    assert (other["uploadUrl"], other["errorsUrl"]) == (None, None)
    assert own["uploadUrl"]


def test_provenance_leaves_hidden_fields_out_and_keys_made_up_ids(curious: Pool) -> None:
    absorb(
        curious,
        {
            "externalId": f"code:{a_code(1)}",
            "fields": {"name": "华宁", "unified_social_credit_code": a_code(1)},
        },
        system="spreadsheet",
    )
    query = """{ customers { edges { node { sources { externalId } provenance { field
      claims { source { externalId } } } } } } }"""

    def seen(user: Any) -> tuple[list[str], str]:
        [edge] = curious.ask(user, query)["customers"]["edges"]
        fields = [one["field"] for one in edge["node"]["provenance"]]
        return fields, edge["node"]["sources"][0]["externalId"]

    assert seen(STEWARD) == (["name", "unifiedSocialCreditCode"], f"code:{a_code(1)}")
    fields, external_id = seen(READER)
    assert fields == ["name"]
    assert external_id == f"code:{fingerprints(MASK_SECRET, 'id')(a_code(1))}"


def test_entering_a_number_makes_nobody_disappear_from_a_masked_list(curious: Pool) -> None:
    id = a_full_customer(curious)
    add = """mutation($id: ID!, $m: String!) {
      addContact(customerId: $id, contact: {name: "x", mobile: $m})
      { errors { code } } }"""
    listed = "query($id: ID!) { customer(id: $id) { contacts { edges { node { id } } } } }"

    def count(user: Any) -> int:
        return len(curious.ask(user, listed, id=id)["customer"]["contacts"]["edges"])

    seen = []
    for mobile in ("13900000001", "13900000002"):
        curious.ask(READER, add, id=id, m=mobile)
        seen.append((count(READER), count(STEWARD)))

    assert seen == [(2, 1), (3, 2)]
