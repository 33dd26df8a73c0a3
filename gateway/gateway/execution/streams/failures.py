"""The errors of subscriptions at subgraphs."""

from gateway.errors import BadSubgraphAnswer, SubgraphUnavailable


def lost(name: str, why: str, why_zh: str) -> SubgraphUnavailable:
    """Return the error for a lost or failed connection; another attempt may succeed."""
    return SubgraphUnavailable(
        f'The subscription to subgraph "{name}" was interrupted: {why}.',
        f"对子图“{name}”的订阅中断：{why_zh}。",
        service=name,
    )


def refused(name: str, why: str, why_zh: str) -> BadSubgraphAnswer:
    """Return the error for a refused subscription; another attempt would be refused too."""
    return BadSubgraphAnswer(
        f'The subgraph "{name}" does not serve the subscription: {why}.',
        f"子图“{name}”未能提供该订阅：{why_zh}。",
        service=name,
    )
