"""Prepares the operations of documents (parse, limits, validate, plan), each text only once."""

import hashlib

from graphql import DocumentNode, FieldNode
from graphql.language import Visitor, visit

from gateway.errors import GatewayError, IntrospectionDisabled, TooComplex
from gateway.execution.executable import Executable
from gateway.execution.variables import variables_of
from gateway.operation import Operation, parse_document, select_operation
from gateway.planning import plan as make_plan
from gateway.planning.rights import RightsFilter
from gateway.serving.cache import SegmentedLruCache
from gateway.serving.documents.cost import CostEstimator
from gateway.serving.documents.deferred_plans import DeferredPlans
from gateway.serving.documents.field_access import FieldAccess
from gateway.serving.documents.operation_limits import check_document
from gateway.serving.documents.prepared_operation import PreparedOperation
from gateway.serving.documents.refusal import Refused
from gateway.serving.documents.validation import check_valid
from gateway.serving.observability.stage import Stage
from gateway.settings import Settings
from gateway.supergraph import Supergraph
from gateway.supergraph.costs import costs_of
from gateway.supergraph.rights import rights_of

Key = tuple[str, str | None]


class DocumentCache:
    """The prepared operations of one supergraph; swapped together with it."""

    def __init__(
        self, supergraph: Supergraph, settings: Settings, labels: frozenset[str] = frozenset()
    ) -> None:
        self.supergraph = supergraph
        self.labels = labels
        """The labels of progressive overrides that are on."""
        self.settings = settings
        rights = rights_of(supergraph)
        self.curtain = RightsFilter(supergraph, rights) if rights else None
        protection = settings.protection
        self.estimator = (
            CostEstimator(supergraph, costs_of(supergraph), protection.list_size)
            if protection.cost is not None
            else None
        )
        self.entries: SegmentedLruCache[Key, PreparedOperation | Refused] = SegmentedLruCache(
            settings.documents, settings.document_characters
        )

    def cached(self, text: str, name: str | None) -> PreparedOperation | Refused | None:
        """Return the operation or its refusal if it was prepared before."""
        return self.entries.get((text, name))

    def prepare(self, text: str, name: str | None, stage: Stage) -> PreparedOperation | Refused:
        """Prepare an operation and cache the result, a refusal too."""
        try:
            result: PreparedOperation | Refused = self._prepare(text, name, stage)
        except Refused as refused:
            result = refused.with_traceback(None)  # or it would keep the parsed document alive
        except GatewayError as error:
            result = Refused(error)
        except RecursionError:
            result = Refused(_too_deep())
        self.entries.put((text, name), result, len(text))
        return result

    def _prepare(self, text: str, name: str | None, stage: Stage) -> PreparedOperation:
        schema, settings = self.supergraph.schema, self.settings
        with stage("graphql.parse"):
            document = parse_document(text, max_tokens=settings.limits.tokens)
        with stage("graphql.validate"):
            check_document(document, settings.limits)
            check_valid(document, schema, production=settings.production)
            if settings.production:
                _refuse_introspection(document)
        with stage("graphql.plan"):
            operation = select_operation(document, name)
            return self._plan_operation(operation, text)

    def _plan_operation(self, operation: Operation, text: str) -> PreparedOperation:
        plan = make_plan(self.supergraph, operation, labels=self.labels)
        deferred = None
        if "@defer" in text and operation.kind != "subscription":
            deferred = DeferredPlans(self.supergraph, operation, self.labels)
        schema = self.supergraph.schema
        return PreparedOperation(
            kind=operation.kind,
            name=operation.name,
            hash=hashlib.sha256(text.encode()).hexdigest(),
            coerce=variables_of(operation, schema, quiet=self.settings.production),
            plan=plan,
            executable=Executable(plan, schema),
            deferred=deferred,
            access=self._access(operation),
            cost=self.estimator.cost(operation) if self.estimator else None,
        )

    def _access(self, operation: Operation) -> FieldAccess | None:
        demanded = self.curtain.demanded(operation) if self.curtain else ()
        if self.curtain is None or not demanded:
            return None
        authentication = self.settings.protection.authentication
        refuse = authentication is not None and authentication.unauthorized == "refuse"
        return FieldAccess(
            self.supergraph, self.curtain, operation, demanded, refuse, labels=self.labels
        )


class _SchemaFields(Visitor):
    """Finds a field that asks for the schema."""

    name: str | None = None

    def enter_field(self, node: FieldNode, *_: object) -> None:
        """Note a field of introspection."""
        if node.name.value in ("__schema", "__type"):
            self.name = node.name.value


def _refuse_introspection(document: DocumentNode) -> None:
    visitor = _SchemaFields()
    visit(document, visitor)
    if visitor.name:
        raise IntrospectionDisabled(
            f'This gateway does not answer introspection; remove "{visitor.name}".',
            f"此网关不支持内省；请去掉“{visitor.name}”。",
        )


def _too_deep() -> TooComplex:
    return TooComplex(
        "The document is nested too deeply; flatten its selections.", "文档嵌套过深；请减少嵌套。"
    )
