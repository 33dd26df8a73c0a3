"""From the text of a document to something that can be run: parse, limits, validate, plan; each text only once."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    validate,
)
from graphql.language import Visitor, visit

from gateway.errors import (
    BadOperation,
    GatewayError,
    IntrospectionDisabled,
    TooComplex,
)
from gateway.execution.executable import Executable
from gateway.execution.variables import Coerce, variables_of
from gateway.operation import Operation, choose, parse_document
from gateway.plan import Plan, print_plan
from gateway.planning import plan as make_plan
from gateway.planning.rights import Curtain
from gateway.result import Fault
from gateway.serving.cache import Proven
from gateway.serving.documents.cost import Cost, Prices, check_cost, cost_of
from gateway.serving.documents.deferred_plans import Deferrals
from gateway.serving.documents.field_access import Access, Variant
from gateway.serving.documents.operation_limits import check_document
from gateway.serving.documents.validation import is_sound
from gateway.serving.protection.caller import Caller
from gateway.settings import Settings
from gateway.supergraph import Supergraph
from gateway.supergraph.costs import costs_of
from gateway.supergraph.rights import rights_of

Stage = Callable[[str], AbstractContextManager[object]]
"""Opens a span around one stage of the work."""

MOST_ERRORS, MOST_ERRORS_IN_PRODUCTION = 50, 3


class Refused(Exception):
    """The document cannot be run; says why, in any language."""

    def __init__(self, *errors: GatewayError) -> None:
        super().__init__(*errors)
        self.errors = errors

    def faults(self, locale: str) -> tuple[Fault, ...]:
        """The reasons as a client reads them."""
        return tuple(_fault(error, locale) for error in self.errors)


@dataclass(frozen=True, slots=True)
class Prepared:
    """One operation of one document, ready to run."""

    kind: str
    name: str | None
    hash: str
    coerce: Coerce
    plan: Plan
    executable: Executable
    deferrals: Deferrals | None = None
    """Where the client defers something."""
    access: Access | None = None
    """Set when the schema demands something of those who ask this."""
    variant: Variant | None = None
    cost: Cost | None = None

    def seen_by(self, caller: Caller) -> "Prepared":
        """The operation as this caller may ask it; raises Unauthorized when they may not at all."""
        if self.access is None:
            return self
        schema = self.access.supergraph.schema
        found = self.access.variant(caller, lambda plan: Executable(plan, schema))
        if found is None:
            return self
        # Deferred parts were planned for those who see everything; this answer comes at once.
        return replace(
            self, plan=found.plan, executable=found.executable, variant=found, deferrals=None
        )

    def cost_within(self, limit: int | None, variables: Mapping[str, Any]) -> int | None:
        """What it costs with these variables; raises TooCostly above the limit, None without one."""
        if self.cost is None or limit is None:
            return None
        cost = cost_of(self.cost, variables)
        check_cost(cost, limit)
        return cost

    def plan_text(self) -> str:
        """The plan for human eyes."""
        return print_plan(self.plan)


Key = tuple[str, str | None]


class Documents:
    """The documents of one supergraph; swapped together with it."""

    def __init__(
        self, supergraph: Supergraph, settings: Settings, labels: frozenset[str] = frozenset()
    ) -> None:
        self.supergraph = supergraph
        self.labels = labels
        """Of progressive overrides: those that are on."""
        self.settings = settings
        rights = rights_of(supergraph)
        self.curtain = Curtain(supergraph, rights) if rights else None
        protection = settings.protection
        self.prices = (
            Prices(supergraph, costs_of(supergraph), protection.list_size)
            if protection.cost is not None
            else None
        )
        self.known: Proven[Key, Prepared | Refused] = Proven(
            settings.documents, settings.document_characters
        )

    def cached(self, text: str, name: str | None) -> Prepared | Refused | None:
        """What is known about the document, if anything."""
        return self.known.get((text, name))

    def prepare(self, text: str, name: str | None, stage: Stage) -> Prepared | Refused:
        """Work the document out and remember the result, a refusal too."""
        try:
            result: Prepared | Refused = self._prepare(text, name, stage)
        except Refused as refused:
            result = refused
        except GatewayError as error:
            result = Refused(error)
        except RecursionError:
            result = Refused(_too_deep())
        self.known.put((text, name), result, len(text))
        return result

    def _prepare(self, text: str, name: str | None, stage: Stage) -> Prepared:
        schema, settings = self.supergraph.schema, self.settings
        with stage("graphql.parse"):
            document = parse_document(text, max_tokens=settings.limits.tokens)
        with stage("graphql.validate"):
            check_document(document, settings.limits)
            check_valid(document, schema, production=settings.production)
            if settings.production:
                _refuse_introspection(document)
        with stage("graphql.plan"):
            operation = choose(document, name)
            return self._planned(operation, text)

    def _planned(self, operation: Operation, text: str) -> Prepared:
        plan = make_plan(self.supergraph, operation, labels=self.labels)
        deferrals = None
        if "@defer" in text and operation.kind != "subscription":
            deferrals = Deferrals(self.supergraph, operation, self.labels)
        schema = self.supergraph.schema
        return Prepared(
            kind=operation.kind,
            name=operation.name,
            hash=hashlib.sha256(text.encode()).hexdigest(),
            coerce=variables_of(operation, schema, quiet=self.settings.production),
            plan=plan,
            executable=Executable(plan, schema),
            deferrals=deferrals,
            access=self._access(operation),
            cost=self.prices.cost(operation) if self.prices else None,
        )

    def _access(self, operation: Operation) -> Access | None:
        demanded = self.curtain.demanded(operation) if self.curtain else ()
        if self.curtain is None or not demanded:
            return None
        authentication = self.settings.protection.authentication
        refuse = authentication is not None and authentication.unauthorized == "refuse"
        return Access(
            self.supergraph, self.curtain, operation, demanded, refuse, labels=self.labels
        )


def check_valid(document: DocumentNode, schema: GraphQLSchema, *, production: bool) -> None:
    """Raise Refused with every rule of GraphQL that the document breaks."""
    if is_sound(schema, document):
        return
    errors = validate(
        schema,
        document,
        max_errors=MOST_ERRORS_IN_PRODUCTION if production else MOST_ERRORS,
        hide_suggestions=production,
        allow_empty_selection_sets=False,
    )
    if errors:
        raise Refused(*(_invalid(error) for error in errors))


def _invalid(error: GraphQLError) -> BadOperation:
    where = [(place.line, place.column) for place in error.locations or ()]
    return BadOperation(error.message, f"操作无效：{error.message}", locations=where)


class _SchemaFields(Visitor):
    found: str | None = None

    def enter_field(self, node: FieldNode, *_: object) -> None:
        if node.name.value in ("__schema", "__type"):
            self.found = node.name.value


def _refuse_introspection(document: DocumentNode) -> None:
    visitor = _SchemaFields()
    visit(document, visitor)
    if visitor.found:
        raise IntrospectionDisabled(
            f'This gateway does not show its schema; leave "{visitor.found}" out.',
            f"此网关不公开 schema；请去掉“{visitor.found}”。",
        )


def _too_deep() -> TooComplex:
    return TooComplex("The document is nested too deeply.", "该文档嵌套过深。")


def _fault(error: GatewayError, locale: str) -> Fault:
    extra = dict(error.extra)
    locations = tuple(tuple(place) for place in extra.pop("locations", ()))
    return Fault(error.message(locale), None, error.code, locations, extra)
