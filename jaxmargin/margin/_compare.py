"""Several rulebooks on one book: revalue once, apply each."""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.book import Book
from jaxmargin.margin._requirement import Requirement
from jaxmargin.margin._risk_measure import RiskMeasureRulebook, charge_measures
from jaxmargin.margin._rulebook import AbstractRulebook, charged, on_padded, require_finite
from jaxmargin.margin.add_ons._with_add_ons import require_accepted_by_all
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

    Contracts are revalued once for all rulebooks that have the same scenarios, and accounts
    aggregated once for several risk measures of them; only one table of contract P&L exists at a
    time.

    Args:
        rulebooks: the rules.
        book: what is held.
        market: today's market.
        progress: called with rulebooks done and rulebooks in all, on the host.

    Raises:
        InvalidInputError, MemoryError: see `AbstractRulebook.requirement`.
    """
    for rulebook in rulebooks:  # before any work
        require_accepted_by_all(rulebook, book)
    results: dict[int, Requirement] = {}
    with memory_errors():
        for shocks, members in _by_scenarios([rule.shocks(market) for rule in rulebooks]):
            pnl = contract_pnl(book, market, shocks)
            require_finite(pnl, shocks.weight)
            measures = {n: r for n in members if isinstance(r := rulebooks[n], RiskMeasureRulebook)}
            if measures:  # one pass over the accounts for all of them
                found = _measures(list(measures.values()), pnl, book, shocks)
                results.update(zip(measures, found, strict=True))
            for number in members:
                if number not in measures:
                    results[number] = charged(rulebooks[number], pnl, book, market, shocks)
            if progress is not None:
                progress(len(results), len(rulebooks))
    return [results[number] for number in range(len(rulebooks))]


def _measures(
    rulebooks: list[RiskMeasureRulebook],
    pnl: Float[Array, "instrument scenario"],
    book: Book,
    shocks: Shocks,
) -> list[Requirement]:
    def charge(padded: Book) -> list[Requirement]:
        return charge_measures(rulebooks, pnl, padded, shocks)

    return on_padded(charge, pnl.shape[0], book)


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
