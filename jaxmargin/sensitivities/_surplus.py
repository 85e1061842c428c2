"""Equity less maintenance margin of accounts in moved markets."""

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.book import Book
from jaxmargin.errors import InvalidInputError, require
from jaxmargin.margin import AbstractRulebook
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks, pad_scenarios
from jaxmargin.sensitivities._ladder import moved_market
from jaxmargin.valuation import Progress, contract_pnl, memory_errors, revalue

__all__ = ["MovedAccounts", "surplus"]

_ROUNDING = 16.0  # of the amounts added up, in units of rounding


@dataclass(frozen=True)
class MovedAccounts:
    """Accounts, and how prices move.

    Attributes:
        rulebook: the rule.
        book: contracts and positions; accounts beyond those of `equity` are padding.
        equity: of each account today, in the numeraire.
        collateral: units of each asset that it consists of.
        direction: log move of each asset, as in `Shocks.spot`, per log move of the price.
    """

    rulebook: AbstractRulebook
    book: Book
    equity: Float[np.ndarray, " account"]
    collateral: Float[np.ndarray, "account asset"]
    direction: Float[np.ndarray, " asset"]


def surplus(
    accounts: MovedAccounts,
    market: Market,
    ratio: Float[np.ndarray, " node"],
    *,
    progress: Progress | None = None,
) -> Float[np.ndarray, "account node"]:
    """Equity less maintenance margin with the price at each `ratio` of today's; in doubles.

    Zero where the two are equal but for rounding, as for options that are paid in full under a rule
    that asks for their value. NaN where prices have moved and the rule refuses the account there,
    such as one whose delta has passed a threshold.

    Raises:
        InvalidInputError: a P&L is not finite, the rule refuses an account today, or see
            `AbstractRulebook.requirement`.
        MemoryError: see `AbstractRulebook.requirement`.
    """
    dtype, count = market.spot.dtype, accounts.equity.size
    moves = accounts.direction[:, None] * np.log(ratio)[None, :]
    shocks = Shocks(
        spot=jnp.asarray(moves, dtype),
        time=jnp.zeros(ratio.size, dtype),
        weight=jnp.ones(ratio.size, dtype),
        overlap=jnp.ones((), dtype),
    )
    with memory_errors():
        pnl = np.asarray(revalue(accounts.book, market, pad_scenarios(shocks)), np.float64)
    bad = np.flatnonzero(~np.isfinite(pnl).all(axis=1))
    require(
        bad.size == 0,
        f"The P&L of {bad.size} of {count} accounts is not finite as the price moves, the first "
        f"in row {bad[:1].tolist()}. Check its market data, or give a narrower range of moves.",
    )
    base, spot = np.asarray(market.base), np.asarray(market.spot, np.float64)
    follows = base != np.arange(base.size)
    change = spot[:, None] * np.expm1(moves + np.where(follows[:, None], moves[base], 0.0))
    start, gained, kept = accounts.equity[:, None], pnl[:count, : ratio.size], accounts.collateral
    found = start + gained + kept @ change
    alike = _ROUNDING * float(jnp.finfo(dtype).eps)
    terms = np.abs(start) + np.abs(gained) + np.abs(kept) @ np.abs(change)
    for node in range(ratio.size):
        state = moved_market(market, np.expm1(moves[:, node]))
        maintenance = _maintenance(accounts, state, moved=bool(moves[:, node].any()))[:count]
        rest = found[:, node] - maintenance
        found[:, node] = np.where(np.abs(rest) <= alike * (terms[:, node] + maintenance), 0.0, rest)
        if progress is not None:
            progress(node + 1, ratio.size)
    return found


def _maintenance(
    accounts: MovedAccounts, state: Market, *, moved: bool
) -> Float[np.ndarray, " row"]:
    """Maintenance margins in a market; NaN for accounts that the rule refuses once it `moved`."""
    try:
        required = accounts.rulebook.requirement(accounts.book, state).maintenance
    except InvalidInputError:
        if not (moved and _priced(accounts, state)):
            raise
        with memory_errors():
            required = np.asarray(_traced(accounts.rulebook, accounts.book, state))
        if np.isinf(required).any() or not np.isnan(required).any():  # something else is wrong
            raise
    return np.asarray(required, np.float64)


def _priced(accounts: MovedAccounts, state: Market) -> bool:
    """Whether a contract's P&L is finite in all scenarios, so that a NaN is a refusal."""
    shocks = accounts.rulebook.shocks(state)
    pnl = np.asarray(contract_pnl(accounts.book, state, shocks))
    return bool(np.isfinite(pnl[:, np.asarray(shocks.weight) > 0.0]).all())


@eqx.filter_jit
def _traced(rulebook: AbstractRulebook, book: Book, market: Market) -> Float[Array, " row"]:
    """Maintenance margins with NaN where a rule refuses, as it cannot raise while traced."""
    return rulebook.requirement(book, market).maintenance
