"""What can go wrong with a subgraph's events, as the failures that clients know."""

from gateway.errors import BadSubgraphAnswer, SubgraphUnavailable


def lost(name: str, why: str, warum: str) -> SubgraphUnavailable:
    """The connection is gone, or never was; another one may do better."""
    return SubgraphUnavailable(
        f'The subscription to subgraph "{name}" was interrupted: {why}.',
        f"对子图“{name}”的订阅中断：{warum}。",
        service=name,
    )


def refused(name: str, why: str, warum: str) -> BadSubgraphAnswer:
    """The subgraph does not serve this subscription, and would not the next time."""
    return BadSubgraphAnswer(
        f'The subgraph "{name}" does not serve the subscription: {why}.',
        f"子图“{name}”未能提供该订阅：{warum}。",
        service=name,
    )
