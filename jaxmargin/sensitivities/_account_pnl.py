"""P&L of one account in every scenario, as a function of its quantities and of today's prices."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxmargin.book import Book
from jaxmargin.market import Market
from jaxmargin.scenarios import Shocks, shock_market
from jaxmargin.sensitivities._account_loss import Holding, account_holdings
from jaxmargin.valuation import pnl_by_value

__all__ = ["HeldContracts", "held_contracts", "scenario_pnl"]


class HeldContracts(eqx.Module):
    """What one account holds, on the host and on the device.

    A slot is a place in the holdings laid end to end, padding included.

    Attributes:
        holdings: of each kind held; see `Holding`.
        instrument: contract of each position, as a row of the book; by kind, then as they are
            held.
        slot: slot of each position.
    """

    holdings: tuple[Holding, ...]
    instrument: Int[np.ndarray, " position"]
    slot: Int[np.ndarray, " position"]


def held_contracts(book: Book, account: int) -> HeldContracts:
    """What `account` holds.

    Raises:
        InvalidInputError: the book has no such account.
    """
    holdings = account_holdings(book, account)
    instrument, _ = book.positions.of(account)
    ends = np.cumsum([batch.multiplier.shape[0] for batch in book.instruments])
    kind = np.searchsorted(ends, instrument, side="right")
    counts = np.unique(kind, return_counts=True)[1]
    sizes = np.array([holding.quantity.shape[0] for holding in holdings], np.int64)
    slots = [
        start + np.arange(count)
        for start, count in zip(np.cumsum(sizes) - sizes, counts, strict=True)
    ]
    by_kind = instrument[np.argsort(kind, kind="stable")]
    return HeldContracts(holdings, by_kind, np.concatenate([np.zeros(0, np.int64), *slots]))


def scenario_pnl(
    holdings: tuple[Holding, ...],
    market: Market,
    shocks: Shocks,
    quantity: Float[Array, " slot"],
    move: Float[Array, " asset"],
) -> Float[Array, " scenario"]:
    """P&L, gain positive, of `quantity` of the contracts, had today's prices moved before.

    The scenarios are those of `shocks`, from the moved market on. Smooth in `quantity`, in which
    it is linear, and in `move`, except where contracts expire within a scenario.

    Args:
        holdings: contracts; their own quantities are not read.
        market: today's market.
        shocks: the scenarios.
        quantity: contracts held in each slot; zero for padding.
        move: log move of today's price of each asset. What follows the asset, its forwards and
            its perpetual move along; the entry of an asset that follows another is of the ratio
            between them, as in `Shocks.spot`. No time passes.
    """
    still, one = jnp.zeros(1, move.dtype), jnp.ones(1, move.dtype)
    today = Shocks(spot=move[:, None], time=still, weight=one, overlap=one[0])
    column: Shocks = jax.tree.map(lambda leaf: leaf[..., 0] if leaf.ndim else leaf, today)
    moved = shock_market(market, column)
    pnl, first = jnp.zeros(shocks.weight.shape, market.spot.dtype), 0
    for holding in holdings:
        of_one = pnl_by_value(holding.contracts, moved, shocks)
        held = quantity[first : first + of_one.shape[0]].astype(of_one.dtype)
        pnl += jnp.matmul(held, of_one, precision=jax.lax.Precision.HIGHEST)
        first += of_one.shape[0]
    return pnl if shocks.damping is None else pnl * shocks.damping
