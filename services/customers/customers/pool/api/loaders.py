"""Batch loaders of the pool: one query for many keys, made anew for every request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Uuid, column
from sqlalchemy.orm import Session
from strawberry.dataloader import DataLoader

from chassis.api.context import Context
from chassis.api.paging import Order, Page, Window, decode, encode
from chassis.api.visibility import Visibility
from chassis.policy.masks import fingerprints
from chassis.policy.row_scopes import RowAccess
from customers.pool.api.protected import Redactor
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


@dataclass(frozen=True, slots=True)
class ContactPageKey:
    """One page of one customer's contacts, and whether manual contacts are listed separately."""

    customer: UUID
    window: Window
    separate: bool


@dataclass(frozen=True, slots=True)
class CustomerElections:
    """The elections of one customer by field, and the links that its standing claims come from."""

    elections: dict[str, Election]
    links: dict[UUID, LinkRow]


class PoolLoaders:
    """The pool's loaders and redactors for one request; every batch opens its own session."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._redactors: dict[str, Redactor] = {}
        self.customers: DataLoader[UUID, CustomerRow | None] = DataLoader(self._customers)
        self.access: DataLoader[UUID, RowAccess | None] = DataLoader(self._access)
        self.contacts: DataLoader[UUID, ContactRow | None] = DataLoader(self._contacts)
        self.contact_pages: DataLoader[ContactPageKey, Page[ContactRow]] = DataLoader(self._pages)
        self.tags: DataLoader[UUID, TagRow | None] = DataLoader(self._tags)
        self.customer_tags: DataLoader[UUID, list[TagRow]] = DataLoader(self._customer_tags)
        self.customer_links: DataLoader[UUID, list[LinkRow]] = DataLoader(self._customer_links)
        self.elections: DataLoader[UUID, CustomerElections] = DataLoader(self._elections)
        self.customer_merges: DataLoader[UUID, list[MergeRow]] = DataLoader(self._customer_merges)

    def redactor(self, coordinate: str) -> Redactor:
        """Return the function that redacts a sensitive field for the caller."""
        redactor = self._redactors.get(coordinate)
        if redactor is None:
            redactor = self._context.scope("Customer").redactor(coordinate)
            self._redactors[coordinate] = redactor
        return redactor

    def fingerprint(self, text: str) -> str:
        """Return the keyed pseudonym that stands for an id which would disclose a value."""
        secret = self._context.permissions.secret
        return fingerprints(secret, "id")(text) if secret else "***"

    def shows_clear(self, coordinate: str, row: RowAccess) -> bool:
        """Check whether the caller sees this field of this row in clear."""
        return self.redactor(coordinate)(row, "").visibility is Visibility.CLEAR

    async def contacts_of(self, row: CustomerRow, window: Window) -> Page[ContactRow]:
        """Load a page of a customer's contacts; empty where the caller may not read them there."""
        if not self._context.scope("Contact").sees(row.access):
            return Page((), (), has_next=False, has_previous=False)
        channels = (MOBILE_COORDINATE, EMAIL_COORDINATE)
        separate = not all(self.shows_clear(channel, row.access) for channel in channels)
        return await self.contact_pages.load(ContactPageKey(row.id, window, separate))

    async def tags_of(self, row: CustomerRow) -> list[TagRow]:
        """Load the tags of a customer; empty where the caller may not read them there."""
        if not self._context.scope("Tag").sees(row.access):
            return []
        return await self.customer_tags.load(row.id)

    async def _customers(self, ids: list[UUID]) -> list[CustomerRow | None]:
        return await self._context.read(customer_store.by_ids, self._context.scope("Customer"), ids)

    async def _access(self, ids: list[UUID]) -> list[RowAccess | None]:
        access = await self._context.read(customer_store.access_of, ids)
        return [access.get(id) for id in ids]

    async def _contacts(self, ids: list[UUID]) -> list[ContactRow | None]:
        """Load contacts whose customer the caller sees and may read contacts of."""
        scope = self._context.scope("Contact")

        def query(session: Session) -> list[ContactRow | None]:
            rows = contact_store.by_ids(session, ids)
            owners = [row.customer_id for row in rows if row]
            seen = {row.id for row in customer_store.by_ids(session, scope, owners) if row}
            return [row if row and row.customer_id in seen else None for row in rows]

        return await self._context.read(query)

    async def _pages(self, keys: list[ContactPageKey]) -> list[Page[ContactRow]]:
        """Load contact pages with one query for all keys that differ in their customer only."""
        parents_by_window: dict[Window, dict[UUID, bool]] = {}
        for key in keys:
            parents_by_window.setdefault(key.window, {})[key.customer] = key.separate
        pages: dict[ContactPageKey, Page[ContactRow]] = {}
        for window, parents in parents_by_window.items():
            after = decode(window.after, BY_ID)[0] if window.after else None
            rows = await self._context.read(contact_store.pages, parents, after, window.first + 1)
            for id, separate in parents.items():
                pages[ContactPageKey(id, window, separate)] = _page(rows[id], window)
        return [pages[key] for key in keys]

    async def _tags(self, ids: list[UUID]) -> list[TagRow | None]:
        self._context.scope("Tag")
        return await self._context.read(tag_store.by_ids, ids)

    async def _customer_tags(self, ids: list[UUID]) -> list[list[TagRow]]:
        tags = await self._context.read(tag_store.of_customers, ids)
        return [tags[id] for id in ids]

    async def _customer_links(self, ids: list[UUID]) -> list[list[LinkRow]]:
        links: dict[UUID, list[LinkRow]] = {id: [] for id in ids}
        for row in await self._context.read(link_store.by_customers, ids):
            links[row.customer_id].append(row)
        return [links[id] for id in ids]

    async def _elections(self, ids: list[UUID]) -> list[CustomerElections]:
        def query(session: Session) -> list[CustomerElections]:
            at = link_store.now(session)
            rules = claim_store.rules(session)
            claims = claim_store.of_customers(session, ids)
            elections = {id: elect(claims[id], rules, at) for id in ids}
            link_ids = {
                claim.link_id
                for by_field in elections.values()
                for election in by_field.values()
                for claim in election.standing
            }
            links = {row.id: row for row in link_store.by_ids(session, link_ids)}
            return [CustomerElections(elections[id], links) for id in ids]

        return await self._context.read(query)

    async def _customer_merges(self, ids: list[UUID]) -> list[list[MergeRow]]:
        merges = await self._context.read(merge_store.merges_into, ids)
        return [merges[id] for id in ids]


def _page(rows: Sequence[ContactRow], window: Window) -> Page[ContactRow]:
    shown = rows[: window.first]
    return Page(
        rows=shown,
        cursors=[encode([row.id]) for row in shown],
        has_next=len(rows) > window.first,
        has_previous=window.after is not None,
    )
