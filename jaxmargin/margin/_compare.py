"""Several rulebooks on one book: revalue once, apply each."""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.book import Book
from jaxmargin.margin._account_rulebook import require_accepted
from jaxmargin.margin._requirement import Requirement
from jaxmargin.margin._rulebook import AbstractRulebook, charged, require_finite
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks
from jaxmargin.valuation import Progress, contract_pnl, memory_errors

__all__ = ["require_all"]


def require_all(
    rulebooks: Sequence[AbstractRulebook],
    book: Book,
    market: Market,
    *,
    progress: Progress | None = None,
) -> list[Requirement]:
    """Margin of every account by each rulebook, equal to `requirement` of each bit for bit.

    Contracts are revalued once for all rulebooks that have the same scenarios, such as several
    risk measures of one source; only one table of contract P&L exists at a time.

    Args:
        rulebooks: the rules.
        book: what is held.
        market: today's market.
        progress: called with rulebooks done and rulebooks in all, on the host.

    Raises:
        InvalidInputError, MemoryError: see `AbstractRulebook.requirement`.
    """
    for rulebook in rulebooks:  # before any work
        require_accepted(rulebook, book)
    results: dict[int, Requirement] = {}
    with memory_errors():
        for shocks, members in _by_scenarios([rule.shocks(market) for rule in rulebooks]):
            pnl = contract_pnl(book, market, shocks)
            require_finite(pnl, shocks.weight)
            for number in members:
                results[number] = charged(rulebooks[number], pnl, book, market, shocks)
                if progress is not None:
                    progress(len(results), len(rulebooks))
    return [results[number] for number in range(len(rulebooks))]


def _by_scenarios(every: list[Shocks]) -> list[tuple[Shocks, list[int]]]:
    """The different sets of scenarios, each with the numbers of the rulebooks that have it."""
    groups: list[tuple[Shocks, list[int]]] = []
    for number, shocks in enumerate(every):
        for known, members in groups:
            if _same(known, shocks):
                members.append(number)
                break
        else:
            groups.append((shocks, [number]))
    return groups


def _same(one: Shocks, other: Shocks) -> bool:
    leaves: list[Float[Array, "..."]] = jax.tree.leaves(one)
    others: list[Float[Array, "..."]] = jax.tree.leaves(other)
    return jax.tree.structure(one) == jax.tree.structure(other) and all(
        a.shape == b.shape and np.array_equal(np.asarray(a), np.asarray(b))
        for a, b in zip(leaves, others, strict=True)
    )
