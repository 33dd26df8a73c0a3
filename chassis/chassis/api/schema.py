"""A federated schema, and how one request against it is answered.

A document is parsed, bounded, validated and its rights collected once; afterwards it is a cache
hit. Errors that are not of our family are masked: the client gets a code, the log gets the rest.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import isawaitable, signature
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    execute,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import NoSchemaIntrospectionCustomRule
from redis.exceptions import ConnectionError as RedisConnectionError, TimeoutError as RedisTimeout
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError as PoolTimeout
from strawberry.federation import Schema
from strawberry.federation.schema import FederationAny
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info
from strawberry.utils.str_converters import to_camel_case

from chassis.api.context import Context
from chassis.api.limits import Limits, check
from chassis.api.rights import Requirements, requirements
from chassis.errors import BadInput, Denied, HuichiError, internal, unavailable

log = logging.getLogger("huichi.chassis.api")

_CACHED_DOCUMENTS = 500
_LONGEST_CACHED = 64_000


class Subgraph(Schema):
    """Strawberry's federated schema with checked representations.

    Strawberry trusts the representations of `_entities` and modifies them in place; this class
    checks them first and passes copies on.
    """

    def entities_resolver(
        self, info: Info, representations: list[FederationAny]
    ) -> list[FederationAny]:
        """Resolve representations. Raise `BadInput` for one without a known type or its keys."""
        checked: list[Any] = [
            self._checked(index, representation)
            for index, representation in enumerate(representations)
        ]
        return super().entities_resolver(info, checked)

    def needs(self, entity: str) -> set[str]:
        """Return the required key fields of an entity, by their GraphQL names."""
        return set(self._entity_keys[entity].required)

    def _checked(self, index: int, representation: Any) -> dict[str, Any]:
        is_object = isinstance(representation, dict)
        name = representation.get("__typename") if is_object else None
        keys = self._entity_keys.get(name) if isinstance(name, str) else None
        if keys is None:
            raise _bad_representation(
                index, f"a __typename, one of {', '.join(sorted(self._entity_keys))}"
            )
        if missing := [key for key in keys.required if key not in representation]:
            raise _bad_representation(index, ", ".join(missing))
        return {"__typename": name} | {
            parameter: representation[key]
            for key, parameter in keys.all.items()
            if key in representation
        }

    @cached_property
    def _entity_keys(self) -> Mapping[str, _Keys]:
        """Return the keys that the `resolve_reference` of each entity takes, by GraphQL names."""
        union: Any = self._schema.get_type("_Entity")
        keys_by_entity: dict[str, _Keys] = {}
        for type_ in union.types if union else ():
            definition: Any = self.schema_converter.type_map[type_.name].definition
            resolve = getattr(definition.origin, "resolve_reference", None)
            if resolve is None:
                continue  # a stub: another service's type, which is only referenced here
            keys = {
                to_camel_case(parameter.name): parameter
                for parameter in signature(resolve).parameters.values()
                if parameter.name != "info"
            }
            keys_by_entity[type_.name] = _Keys(
                all={key: parameter.name for key, parameter in keys.items()},
                required=tuple(
                    key for key, parameter in keys.items() if parameter.default is parameter.empty
                ),
            )
        return keys_by_entity


@dataclass(frozen=True, slots=True)
class _Keys:
    all: Mapping[str, str]
    """The parameter of each key field."""
    required: tuple[str, ...]


def _bad_representation(index: int, needed: str) -> BadInput:
    return BadInput(
        f"representations[{index}] must be an object with {needed}.",
        f"representations[{index}] 必须是包含 {needed} 的对象。",
        field=f"representations.{index}",
    )


def build(*, query: type, mutation: type | None = None, types: Iterable[type] = ()) -> Schema:
    """Return a Federation 2 schema of these types."""
    return Subgraph(
        query=query,
        mutation=mutation,
        types=types,
        config=StrawberryConfig(auto_camel_case=True),
    )


def sdl(schema: Schema) -> str:
    """Return the schema's text as it is checked in and as the gateway composes it."""
    return schema.as_str() + "\n"


# Raised while PostgreSQL or Valkey is down or restarting; the same request may succeed later.
_STORE_DOWN = (OperationalError, InterfaceError, PoolTimeout, RedisConnectionError, RedisTimeout)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that may be executed, or the errors that prevent it."""

    document: DocumentNode | None
    operations: Mapping[str, tuple[OperationDefinitionNode, Requirements]]
    errors: tuple[GraphQLError, ...] = ()


class Api:
    """Answers GraphQL requests of one service."""

    def __init__(
        self, schema: Schema, *, limits: Limits | None = None, introspection: bool = True
    ) -> None:
        self.schema = schema
        self._core = schema._schema
        self._executor = schema.execution_context_class
        self._limits = limits or Limits()
        self._rules = [*specified_rules]
        if not introspection:
            self._rules.append(NoSchemaIntrospectionCustomRule)
        self._prepared: OrderedDict[str, Prepared] = OrderedDict()

    def prepare(self, text: str) -> Prepared:
        """Parse, limit and validate a document, and collect its rights; cached by its text."""
        prepared = self._prepared.get(text)
        if prepared is not None:
            self._prepared.move_to_end(text)
            return prepared
        prepared = self._prepare(text)
        if len(text) <= _LONGEST_CACHED:
            self._prepared[text] = prepared
            if len(self._prepared) > _CACHED_DOCUMENTS:
                self._prepared.popitem(last=False)
        return prepared

    def _prepare(self, text: str) -> Prepared:
        try:
            document = parse(text, no_location=False, max_tokens=self._limits.tokens)
            check(document, self._limits)
        except GraphQLSyntaxError as problem:
            return Prepared(None, {}, (problem,))
        except HuichiError as problem:
            return Prepared(None, {}, (GraphQLError(problem.en, original_error=problem),))
        errors = validate(self._core, document, self._rules, max_errors=10)
        if errors:
            return Prepared(None, {}, tuple(errors))
        operations = {
            (node.name.value if node.name else ""): (
                node,
                requirements(self._core, document, node),
            )
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode)
        }
        return Prepared(document, operations)

    async def answer(
        self,
        text: str,
        variables: Mapping[str, Any] | None,
        operation_name: str | None,
        context: Context,
        *,
        queries_only: bool = False,
    ) -> dict[str, Any]:
        """Return the response body of one request."""
        prepared = self.prepare(text)
        if prepared.document is None:
            errors = [self._formatted(error, context, "VALIDATION") for error in prepared.errors]
            return {"errors": errors}
        try:
            operation, needs = _selected(prepared, operation_name)
            if queries_only and operation.operation.value != "query":
                raise BadInput(
                    "GET serves queries only; send mutations by POST.",
                    "GET 只支持查询，变更请使用 POST。",
                    field="query",
                )
            _check_rights(needs, context)
        except HuichiError as problem:
            error = GraphQLError(problem.en, original_error=problem)
            return {"errors": [self._formatted(error, context)], "data": None}
        result: Any = execute(
            self._core,
            prepared.document,
            context_value=context,
            variable_values=dict(variables or {}),
            operation_name=operation_name,
            executor_class=self._executor,
            operation_extensions=None,
        )
        if isawaitable(result):
            result = await result
        assert isinstance(result, ExecutionResult)
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = [self._formatted(error, context) for error in result.errors]
        return body

    def _formatted(
        self, error: GraphQLError, context: Context, stage: str = "EXECUTION"
    ) -> dict[str, Any]:
        """Return an error as the client may see it; others than ours are masked and logged."""
        original = _root(error)
        if isinstance(original, Denied):
            context.note_refusal(original)
        formatted: dict[str, Any] = dict(error.formatted)
        if isinstance(original, HuichiError):
            extra = {name: value for name, value in original.extra.items() if value is not None}
            formatted["message"] = original.message(context.locale)
            formatted["extensions"] = {"code": original.code} | extra
            if original.field:
                formatted["extensions"]["field"] = original.field
        elif original is None or isinstance(original, GraphQLError):
            formatted["extensions"] = {"code": _graphql_code(error, stage)} | dict(
                error.extensions or {}
            )
        else:
            store_down = isinstance(original, _STORE_DOWN)
            log.error("a resolver failed", exc_info=None if store_down else original)
            public: HuichiError = unavailable() if store_down else internal()
            formatted["message"] = public.message(context.locale)
            formatted["extensions"] = {"code": public.code}
        return formatted


def _selected(prepared: Prepared, name: str | None) -> tuple[OperationDefinitionNode, Requirements]:
    if name is None:
        if len(prepared.operations) == 1:
            return next(iter(prepared.operations.values()))
        raise BadInput(
            "The document has several operations; name the one to execute in operationName.",
            "文档包含多个操作，请用 operationName 指明要执行哪一个。",
            field="operationName",
        )
    operation = prepared.operations.get(name)
    if operation is None:
        names = ", ".join(map(repr, prepared.operations))
        raise BadInput(
            f"operationName {name!r} is not in the document; its operations are: {names}.",
            f"文档中没有名为 {name!r} 的操作，现有：{names}。",
            field="operationName",
        )
    return operation


def _check_rights(needs: Requirements, context: Context) -> None:
    """Check every right once. Raise `Unauthenticated`, or `Denied` with the coordinate."""
    if needs.signed_in:
        _ = context.actor
    for right, coordinate in needs.rights.items():
        if not context.permissions.may(right.object, right.action):
            raise Denied(
                f"{coordinate} needs the right to {right.action} {right.object}, "
                "which the policy does not give you.",
                f"{coordinate} 需要 {right.object} 的 {right.action} 权限，当前策略未授予您。",
                coordinate=coordinate,
                object=right.object,
                action=right.action,
            )
        context.note_use(right.object, right.action)


def _root(error: GraphQLError) -> BaseException | None:
    original: BaseException | None = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    return original


def _graphql_code(error: GraphQLError, stage: str) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return "GRAPHQL_PARSE_FAILED"
    # During execution, graphql-core itself refuses nothing but variables of a wrong type.
    return "BAD_INPUT" if stage == "EXECUTION" else "GRAPHQL_VALIDATION_FAILED"
