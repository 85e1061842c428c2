"""Margin by position: Euler contributions, and what each position costs alone and at the margin."""

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxmargin.book import Book, Positions, build_positions, list_positions
from jaxmargin.errors import require
from jaxmargin.margin import (
    AbstractRulebook,
    MarginRun,
    RiskMeasureRulebook,
    charged,
    start_run,
)
from jaxmargin.market import Market
from jaxmargin.risk import estimate_slopes
from jaxmargin.sensitivities._what_if import what_if
from jaxmargin.valuation import Progress, memory_errors

__all__ = [
    "Margin",
    "PositionMargins",
    "PositionSlopes",
    "margin_to_positions",
    "position_margins",
    "position_slopes",
]

Margin = Literal["initial", "maintenance"]
"""Which of the two margins of a `Requirement`."""


class PositionSlopes(eqx.Module):
    r"""Margins of all accounts, split over their positions.

    Where a margin is homogeneous of degree one in the quantities, as every risk measure of the
    P&L is, Euler's theorem splits it exactly: $m = \sum_i q_i\, \partial m / \partial q_i$. What
    other margins leave is in `residual`.

    Attributes:
        account: account of each position; positions of an account follow one another.
        instrument: its contract, as a row of the book.
        quantity: contracts held; negative is short.
        marginal: derivative of the account's margin by the quantity, per contract, in the
            numeraire; negative where buying frees margin.
        margin: margin of each account.
        residual: margin less the contributions of its positions.

    References:
        Tasche, D. (1999), "Risk contributions and performance measurement", Technische
        Universitaet Muenchen (Euler allocation).
    """

    account: Int[np.ndarray, " position"]
    instrument: Int[np.ndarray, " position"]
    quantity: Float[np.ndarray, " position"]
    marginal: Float[np.ndarray, " position"]
    margin: Float[np.ndarray, " account"]
    residual: Float[np.ndarray, " account"]

    @property
    def contribution(self) -> Float[np.ndarray, " position"]:
        """Part of each position in its account's margin; negative for a hedge."""
        return self.quantity * self.marginal


class PositionMargins(eqx.Module):
    """What the positions of some accounts would cost alone, and what each of them adds.

    Attributes:
        account: account of each position.
        instrument: its contract, as a row of the book.
        quantity: contracts held; negative is short.
        standalone: margin of an account that holds nothing but the position.
        incremental: margin of the account less what it is without the position.
        chosen: the accounts, in their order.
        diversification_benefit: sum of `standalone` of each chosen account less its margin.
    """

    account: Int[np.ndarray, " position"]
    instrument: Int[np.ndarray, " position"]
    quantity: Float[np.ndarray, " position"]
    standalone: Float[np.ndarray, " position"]
    incremental: Float[np.ndarray, " position"]
    chosen: Int[np.ndarray, " some"]
    diversification_benefit: Float[np.ndarray, " some"]


def margin_to_positions(
    rulebook: AbstractRulebook,
    book: Book,
    market: Market,
    *,
    of: Margin = "initial",
    progress: Progress | None = None,
) -> PositionSlopes:
    """Derivatives of every account's margin by each of its own positions.

    Not differentiable where the order of two scenarios at the edge of a tail changes; there it is
    the derivative by one of the orders, or their mean: see `account_kinks`.

    Args:
        rulebook: the rule.
        book: contracts and positions.
        market: today's market.
        of: which margin.
        progress: see `AbstractRulebook.requirement`.

    Raises:
        InvalidInputError, MemoryError: see `AbstractRulebook.requirement`.
    """
    return position_slopes(start_run(rulebook, book, market), of=of, progress=progress)


def position_slopes(
    run: MarginRun, *, of: Margin = "initial", progress: Progress | None = None
) -> PositionSlopes:
    """The same from a run that is at hand: its contracts are not priced again.

    A risk measure's weights give the slopes in the pass that finds them; other rulebooks are
    differentiated.

    Raises:
        MemoryError: see `AbstractRulebook.requirement`.
    """
    rulebook, positions = run.rulebook, run.book.positions
    with memory_errors():
        if isinstance(rulebook, RiskMeasureRulebook):
            losses, slopes = estimate_slopes(
                rulebook.measure, run.pnl, positions, run.shocks.weight, progress=progress
            )
            share = rulebook.maintenance_ratio if of == "maintenance" else 1.0
            slopes = tuple(
                share * slope * (loss > 0.0)[:, None]
                for loss, slope in zip(losses, slopes, strict=True)
            )
        else:
            slopes = _by_autodiff(run, of)
    account, instrument, quantity, marginal = list_positions(positions, slopes)
    margin = np.asarray(getattr(run.requirement, of), np.float64)
    whole = np.zeros_like(margin)
    np.add.at(whole, account, np.asarray(quantity, np.float64) * marginal)
    return PositionSlopes(account, instrument, quantity, marginal, margin, margin - whole)


def _by_autodiff(run: MarginRun, of: Margin) -> tuple[Float[Array, "_ _"], ...]:
    """Derivatives of the sum of all margins: an account's depends on its own positions alone."""

    def quantities(positions: Positions) -> list[Any]:
        return [block.quantity for block in positions.blocks]

    def total(values: list[Array]) -> Float[Array, ""]:
        positions = eqx.tree_at(quantities, run.book.positions, values)
        book = Book(run.book.instruments, positions)
        requirement = charged(run.rulebook, run.pnl, book, run.market, run.shocks)
        return jnp.sum(getattr(requirement, of))

    return tuple(jax.grad(total)(quantities(run.book.positions)))


def position_margins(
    run: MarginRun,
    accounts: Int[np.ndarray, " some"] | None = None,
    *,
    of: Margin = "initial",
) -> PositionMargins:
    """Standalone and incremental margin of every position of some accounts.

    Each is a full margin: an account more with that position alone, or the account with the
    position sold at the mark, equal to a full run bit for bit (see `what_if`).

    Args:
        run: of `start_run` or `update_run`.
        accounts: accounts, in any order; None for all.
        of: which margin.

    Raises:
        InvalidInputError: there is no such account.
        MemoryError: see `AbstractRulebook.requirement`.
    """
    positions = run.book.positions
    chosen = np.arange(positions.accounts) if accounts is None else np.asarray(accounts)
    wrong = chosen[(chosen < 0) | (chosen >= positions.accounts)]
    require(
        wrong.size == 0,
        f"accounts must lie in 0 .. {positions.accounts - 1}; got {wrong[:3].tolist()}.",
    )
    account, instrument, quantity, _ = list_positions(
        positions, tuple(block.quantity for block in positions.blocks)
    )
    place = np.full(positions.accounts, chosen.size)
    place[chosen] = np.arange(chosen.size)
    order = np.argsort(place[account], kind="stable")[: (place[account] < chosen.size).sum()]
    account, instrument, quantity = account[order], instrument[order], quantity[order]
    margin = np.asarray(getattr(run.requirement, of))
    without = what_if(run, account, instrument, -quantity)
    alone = build_positions(np.arange(account.size), instrument, quantity, accounts=account.size)
    with memory_errors():
        book = Book(run.book.instruments, alone)
        single = charged(run.rulebook, run.pnl, book, run.market, run.shocks)
    standalone = np.asarray(getattr(single, of))
    whole = np.zeros(positions.accounts)
    np.add.at(whole, account, standalone)
    return PositionMargins(
        account,
        instrument,
        quantity,
        standalone,
        margin[account] - np.asarray(getattr(without, of)),
        chosen,
        whole[chosen] - margin[chosen],
    )
