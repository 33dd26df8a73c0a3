"""One query for many keys: what the fields of this service read through, made anew per request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Uuid, column
from sqlalchemy.orm import Session
from strawberry.dataloader import DataLoader

from chassis.api.context import Context
from chassis.api.paging import Order, Page, Window, decode, encode
from chassis.api.visibility import Visibility
from chassis.policy.masks import Protected, fingerprints
from chassis.policy.row_scopes import RowAccess
from customers.pool.domain.fields import EMAIL_COORDINATE, MOBILE_COORDINATE
from customers.pool.domain.golden import Election, elect
from customers.pool.store import (
    claim as claim_store,
    contact as contact_store,
    customer as customer_store,
    link as link_store,
    merge as merge_store,
    tag as tag_store,
)
from customers.pool.store.contact import ContactRow
from customers.pool.store.customer import CustomerRow
from customers.pool.store.link import LinkRow
from customers.pool.store.merge import MergeRow
from customers.pool.store.tag import TagRow

BY_ID: Order = [(column("id", Uuid), "asc")]
Redactor = Callable[[RowAccess, str | None], Protected]


@dataclass(frozen=True, slots=True)
class ContactsKey:
    """One customer's contacts, and the page of them that is wanted."""

    customer: UUID
    window: Window
    apart: bool


@dataclass(frozen=True, slots=True)
class Believed:
    """The elections of one customer, and the links its claims come from."""

    elections: dict[str, Election]
    links: dict[UUID, LinkRow]


class Loaders:
    """The loaders and redactions of one request; every batch opens its own session."""

    def __init__(self, ctx: Context[Loaders]) -> None:
        self._ctx = ctx
        self._redactors: dict[str, Redactor] = {}
        self.customers: DataLoader[UUID, CustomerRow | None] = DataLoader(self._customers)
        self.access: DataLoader[UUID, RowAccess | None] = DataLoader(self._access)
        self.contacts: DataLoader[UUID, ContactRow | None] = DataLoader(self._contacts)
        self.contact_pages: DataLoader[ContactsKey, Page[ContactRow]] = DataLoader(self._pages)
        self.tags: DataLoader[UUID, TagRow | None] = DataLoader(self._tags)
        self.tags_of: DataLoader[UUID, list[TagRow]] = DataLoader(self._tags_of)
        self.links_of: DataLoader[UUID, list[LinkRow]] = DataLoader(self._links_of)
        self.believed: DataLoader[UUID, Believed] = DataLoader(self._believed)
        self.merges_into: DataLoader[UUID, list[MergeRow]] = DataLoader(self._merges_into)

    def redactor(self, coordinate: str) -> Redactor:
        """How a sensitive field is shown to this reader."""
        found = self._redactors.get(coordinate)
        if found is None:
            made = self._ctx.scope("Customer").redactor(coordinate)
            found = self._redactors[coordinate] = made
        return found

    def fingerprint(self, text: str) -> str:
        """What stands for an id that tells too much."""
        secret = self._ctx.permissions.secret
        return fingerprints(secret, "id")(text) if secret else "***"

    def clear(self, coordinate: str, row: RowAccess) -> bool:
        """Whether the reader sees this field of this row in clear."""
        return self.redactor(coordinate)(row, "").visibility is Visibility.CLEAR

    async def contacts_of(self, row: CustomerRow, window: Window) -> Page[ContactRow]:
        """A customer's contacts; none where the reader may see the customer but not its people."""
        if not self._ctx.scope("Contact").sees(row.access):
            return Page((), (), has_next=False, has_previous=False)
        channels = (MOBILE_COORDINATE, EMAIL_COORDINATE)
        apart = not all(self.clear(one, row.access) for one in channels)
        return await self.contact_pages.load(ContactsKey(row.id, window, apart))

    async def tags_on(self, row: CustomerRow) -> list[TagRow]:
        """The tags a customer wears, in the same way."""
        if not self._ctx.scope("Tag").sees(row.access):
            return []
        return await self.tags_of.load(row.id)

    async def _customers(self, ids: list[UUID]) -> list[CustomerRow | None]:
        return await self._ctx.read(customer_store.by_ids, self._ctx.scope("Customer"), ids)

    async def _access(self, ids: list[UUID]) -> list[RowAccess | None]:
        found = await self._ctx.read(customer_store.access_of, ids)
        return [found.get(id) for id in ids]

    async def _contacts(self, ids: list[UUID]) -> list[ContactRow | None]:
        """A contact is seen by whoever sees its customer and may read contacts there."""
        scope = self._ctx.scope("Contact")

        def query(session: Session) -> list[ContactRow | None]:
            rows = contact_store.by_ids(session, ids)
            owners = [row.customer_id for row in rows if row]
            seen = {row.id for row in customer_store.by_ids(session, scope, owners) if row}
            return [row if row and row.customer_id in seen else None for row in rows]

        return await self._ctx.read(query)

    async def _pages(self, keys: list[ContactsKey]) -> list[Page[ContactRow]]:
        """One query for all keys that differ in their customer only."""
        parts: dict[Window, dict[UUID, bool]] = {}
        for key in keys:
            parts.setdefault(key.window, {})[key.customer] = key.apart
        found: dict[ContactsKey, Page[ContactRow]] = {}
        for window, parents in parts.items():
            after = decode(window.after, BY_ID)[0] if window.after else None
            rows = await self._ctx.read(contact_store.pages, parents, after, window.first + 1)
            for id, apart in parents.items():
                found[ContactsKey(id, window, apart)] = _page(rows[id], window)
        return [found[key] for key in keys]

    async def _tags(self, ids: list[UUID]) -> list[TagRow | None]:
        self._ctx.scope("Tag")
        return await self._ctx.read(tag_store.by_ids, ids)

    async def _tags_of(self, ids: list[UUID]) -> list[list[TagRow]]:
        found = await self._ctx.read(tag_store.of_customers, ids)
        return [found[id] for id in ids]

    async def _links_of(self, ids: list[UUID]) -> list[list[LinkRow]]:
        found: dict[UUID, list[LinkRow]] = {id: [] for id in ids}
        for row in await self._ctx.read(link_store.by_customers, ids):
            found[row.customer_id].append(row)
        return [found[id] for id in ids]

    async def _believed(self, ids: list[UUID]) -> list[Believed]:
        def query(session: Session) -> list[Believed]:
            at = link_store.now(session)
            rules = claim_store.rules(session)
            claims = claim_store.of_customers(session, ids)
            elections = {id: elect(claims[id], rules, at) for id in ids}
            wanted = {
                claim.link_id
                for each in elections.values()
                for election in each.values()
                for claim in election.standing
            }
            links = {row.id: row for row in link_store.by_ids(session, wanted)}
            return [Believed(elections[id], links) for id in ids]

        return await self._ctx.read(query)

    async def _merges_into(self, ids: list[UUID]) -> list[list[MergeRow]]:
        found = await self._ctx.read(merge_store.into, ids)
        return [found[id] for id in ids]


def _page(rows: Sequence[ContactRow], window: Window) -> Page[ContactRow]:
    shown = rows[: window.first]
    return Page(
        rows=shown,
        cursors=[encode([row.id]) for row in shown],
        has_next=len(rows) > window.first,
        has_previous=window.after is not None,
    )
