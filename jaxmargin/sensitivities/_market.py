"""Margin by every number of the market."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.book import Book
from jaxmargin.errors import require
from jaxmargin.margin import AbstractRulebook
from jaxmargin.market import Market
from jaxmargin.sensitivities._positions import Margin
from jaxmargin.valuation import Progress, memory_errors

__all__ = ["margin_to_market"]


def margin_to_market(
    rulebook: AbstractRulebook,
    book: Book,
    market: Market,
    *,
    weight: Float[Array, " account"] | None = None,
    of: Margin = "initial",
    progress: Progress | None = None,
) -> Market:
    r"""Derivatives of a weighted sum of margins by every number of the market, as a `Market`.

    Each number is moved alone: by `spot` means that forwards and perpetuals stay, by a quoted
    volatility that the other quotes stay. Scenarios that a source makes from the market move with
    it. `margin_buckets` adds up what moves together. One backward pass over the contracts, whatever
    the number of inputs.

    The order of the scenarios in each account's tail is held, which is exact except where two
    scenarios at its edge are tied. Fields that are no real numbers (`asset`, `base`) are those of
    `market`. A number that is not finite, such as a volatility that no contract needs, has the
    derivative zero.

    Args:
        rulebook: the rule.
        book: contracts and positions.
        market: today's market.
        weight: of each account in the sum; one each if None. Other weights cost the same, so one
            account alone is better asked about with `one_account`.
        of: which margin.
        progress: see `AbstractRulebook.requirement`.

    Returns:
        In the numeraire per unit of each number, loss positive.

    Raises:
        InvalidInputError, MemoryError: see `AbstractRulebook.requirement`.
    """
    accounts = book.positions.accounts
    require(
        weight is None or weight.shape == (accounts,),
        f"margin_to_market: weight needs one number for each of {accounts} accounts; got "
        f"{None if weight is None else weight.shape}.",
    )
    numbers, rest = eqx.partition(market, eqx.is_inexact_array)

    def total(numbers: Market) -> Float[Array, ""]:
        state: Market = eqx.combine(numbers, rest)
        margin = getattr(rulebook.requirement(book, state, progress=progress), of)
        return jnp.sum(margin if weight is None else margin * weight)

    with memory_errors():
        slopes = jax.grad(total)(numbers)
    slopes = jax.tree.map(
        lambda slope, number: jnp.where(jnp.isfinite(number), slope, 0.0), slopes, numbers
    )
    return eqx.combine(slopes, market)
