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

_REMEMBERED = 500
_LARGEST_REMEMBERED = 64_000


class Subgraph(Schema):
    """Strawberry's federated schema, which trusts what it is given for `_entities`; this one looks
    at it first, and hands on copies, for Strawberry takes them apart in place."""

    def entities_resolver(
        self, info: Info, representations: list[FederationAny]
    ) -> list[FederationAny]:
        whole: list[Any] = [self._checked(i, r) for i, r in enumerate(representations)]
        return super().entities_resolver(info, whole)

    def needs(self, entity: str) -> set[str]:
        """The key fields without which an entity cannot be found, by the names of the graph."""
        return set(self._entity_keys[entity].required)

    def _checked(self, index: int, given: Any) -> dict[str, Any]:
        name = given.get("__typename") if isinstance(given, dict) else None
        keys = self._entity_keys.get(name) if isinstance(name, str) else None
        if keys is None:
            raise _unknown(index, f"a __typename, one of {', '.join(sorted(self._entity_keys))}")
        if missing := [key for key in keys.required if key not in given]:
            raise _unknown(index, ", ".join(missing))
        return {"__typename": name} | {
            parameter: given[key] for key, parameter in keys.all.items() if key in given
        }

    @cached_property
    def _entity_keys(self) -> Mapping[str, _Keys]:
        """What the `resolve_reference` of each entity takes, by the names of the graph."""
        union: Any = self._schema.get_type("_Entity")
        found: dict[str, _Keys] = {}
        for type_ in union.types if union else ():
            definition: Any = self.schema_converter.type_map[type_.name].definition
            resolve = getattr(definition.origin, "resolve_reference", None)
            if resolve is None:
                continue  # a stub: another service's type, only pointed to from here
            takes = signature(resolve).parameters.values()
            keys = {to_camel_case(p.name): p for p in takes if p.name != "info"}
            found[type_.name] = _Keys(
                all={key: p.name for key, p in keys.items()},
                required=tuple(key for key, p in keys.items() if p.default is p.empty),
            )
        return found


@dataclass(frozen=True, slots=True)
class _Keys:
    all: Mapping[str, str]
    """The parameter of each key field."""
    required: tuple[str, ...]


def _unknown(index: int, needed: str) -> BadInput:
    return BadInput(
        f"representations[{index}] must be an object with {needed}.",
        f"representations[{index}] 必须是包含 {needed} 的对象。",
        field=f"representations.{index}",
    )


def build(*, query: type, mutation: type | None = None, types: Iterable[type] = ()) -> Schema:
    """A Federation 2 schema of these types, sorted so that its text is stable."""
    return Subgraph(
        query=query,
        mutation=mutation,
        types=types,
        config=StrawberryConfig(auto_camel_case=True),
    )


def sdl(schema: Schema) -> str:
    """The schema's text as it is checked in and as the gateway composes it."""
    return schema.as_str() + "\n"


# What it looks like when a store is away or being restarted; the same request may succeed later.
_AWAY = (OperationalError, InterfaceError, PoolTimeout, RedisConnectionError, RedisTimeout)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that may be executed, or the errors that say why not."""

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
        """Parse, bound, validate and collect rights; remembered by the document's text."""
        found = self._prepared.get(text)
        if found is not None:
            self._prepared.move_to_end(text)
            return found
        found = self._prepare(text)
        if len(text) <= _LARGEST_REMEMBERED:
            self._prepared[text] = found
            if len(self._prepared) > _REMEMBERED:
                self._prepared.popitem(last=False)
        return found

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
        """The response body of one request."""
        prepared = self.prepare(text)
        if prepared.document is None:
            shown = [self._shown(error, context, "VALIDATION") for error in prepared.errors]
            return {"errors": shown}
        try:
            operation, needs = _chosen(prepared, operation_name)
            if queries_only and operation.operation.value != "query":
                raise BadInput(
                    "GET serves queries only; send mutations by POST.",
                    "GET 只支持查询，变更请使用 POST。",
                    field="query",
                )
            _permit(needs, context)
        except HuichiError as problem:
            error = GraphQLError(problem.en, original_error=problem)
            return {"errors": [self._shown(error, context)], "data": None}
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
            body["errors"] = [self._shown(error, context) for error in result.errors]
        return body

    def _shown(
        self, error: GraphQLError, context: Context, stage: str = "EXECUTION"
    ) -> dict[str, Any]:
        """The error as its reader may see it."""
        original = _root(error)
        if isinstance(original, Denied):
            context.note_refusal(original)
        shown: dict[str, Any] = dict(error.formatted)
        if isinstance(original, HuichiError):
            extra = {k: v for k, v in original.extra.items() if v is not None}
            shown["message"] = original.message(context.locale)
            shown["extensions"] = {"code": original.code} | extra
            if original.field:
                shown["extensions"]["field"] = original.field
        elif original is None or isinstance(original, GraphQLError):
            shown["extensions"] = {"code": _graphql_code(error, stage)} | dict(
                error.extensions or {}
            )
        else:
            away = isinstance(original, _AWAY)
            log.error("a resolver failed", exc_info=None if away else original)
            hidden: HuichiError = unavailable() if away else internal()
            shown["message"] = hidden.message(context.locale)
            shown["extensions"] = {"code": hidden.code}
        return shown


def _chosen(prepared: Prepared, name: str | None) -> tuple[OperationDefinitionNode, Requirements]:
    if name is None:
        if len(prepared.operations) == 1:
            return next(iter(prepared.operations.values()))
        raise BadInput(
            "The document holds several operations; say which one with operationName.",
            "文档包含多个操作，请用 operationName 指明要执行哪一个。",
            field="operationName",
        )
    found = prepared.operations.get(name)
    if found is None:
        raise BadInput(
            f"The document has no operation {name!r}; it has: "
            + ", ".join(repr(known) for known in prepared.operations),
            f"文档中没有名为 {name!r} 的操作。",
            field="operationName",
        )
    return found


def _permit(needs: Requirements, context: Context) -> None:
    """Asks for every right once. Raises `Unauthenticated` or `Denied` with the coordinate."""
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
        context.used.add((right.object, right.action))


def _root(error: GraphQLError) -> BaseException | None:
    original: BaseException | None = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    return original


def _graphql_code(error: GraphQLError, stage: str) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return "GRAPHQL_PARSE_FAILED"
    # While executing, only variables that cannot be read are refused in GraphQL's own words.
    return "BAD_INPUT" if stage == "EXECUTION" else "GRAPHQL_VALIDATION_FAILED"
