"""Roles and their inheritance."""

from __future__ import annotations

from tests.identity.conftest import House, people_state

CREATE_ROLE = """
mutation($n: String!, $i: [String!]!) {
  createRole(name: $n, inherits: $i) { role { id name inherits { name } } errors { code path } }
}
"""


UPDATE_ROLE = """
mutation($id: ID!, $i: [String!]) {
  updateRole(id: $id, inherits: $i) {
    role { inherits { name } version } errors { code path message }
  }
}
"""


def test_roles_inherit(house: House) -> None:
    before = house.version()

    made = house.as_("admin").data(CREATE_ROLE, n="key_account", i=["sales"])
    changed = house.as_("admin").data(UPDATE_ROLE, id=made["role"]["id"], i=["sales", "service"])

    assert made["role"]["inherits"] == [{"name": "sales"}]
    assert changed["role"] == {"inherits": [{"name": "sales"}, {"name": "service"}], "version": 2}
    assert house.snapshot().roles["key_account"] == ("sales", "service")
    assert house.version() == before + 2


def test_refuses_wrong_roles(house: House) -> None:
    admin = house.as_("admin")
    sales = house.one("SELECT id::text FROM role WHERE name = 'sales'")
    administrator = house.one("SELECT id::text FROM role WHERE name = 'administrator'")
    before = people_state(house)

    circle = admin.data(UPDATE_ROLE, id=sales, i=["sales_lead"])
    itself = admin.data(UPDATE_ROLE, id=sales, i=["sales"])
    unknown = admin.data(UPDATE_ROLE, id=administrator, i=["pirate"])
    twin = admin.data(CREATE_ROLE, n="sales", i=[])
    odd = admin.data(CREATE_ROLE, n="Sales Team", i=[])

    assert "sales > sales_lead > sales" in circle["errors"][0]["message"]
    assert itself["errors"][0]["path"] == ["inherits"]
    assert unknown["errors"][0]["path"] == ["inherits"]
    assert twin["errors"] == [{"code": "CONFLICT", "path": ["name"]}]
    assert odd["errors"] == [{"code": "BAD_INPUT", "path": ["name"]}]
    assert people_state(house) == before
