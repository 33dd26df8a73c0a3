"""The refusal of an operation: GraphQL errors instead of an execution."""

from gateway.errors import GatewayError
from gateway.result import Fault, Response
from gateway.serving.documents.prepared_operation import PreparedOperation


class Refused(Exception):
    """The operation is not executed; `errors` say why, in any language."""

    def __init__(self, *errors: GatewayError, operation: PreparedOperation | None = None) -> None:
        super().__init__(*errors)
        self.errors = errors
        self.operation = operation
        """The operation, where the document was good and its use was refused."""

    def faults(self, locale: str) -> tuple[Fault, ...]:
        """Return the errors as a client reads them."""
        return tuple(_fault(error, locale) for error in self.errors)

    def response(self, locale: str) -> Response:
        """Return the response that holds the errors and no data."""
        return Response(None, self.faults(locale), executed=False)


def _fault(error: GatewayError, locale: str) -> Fault:
    extra = dict(error.extra)
    locations = tuple(tuple(place) for place in extra.pop("locations", ()))
    return Fault(error.message(locale), None, error.code, locations, extra)
