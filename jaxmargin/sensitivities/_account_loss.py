"""Loss of one account as a function of the moves of risk factors, for searches by autodiff."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.book import Book
from jaxmargin.errors import require
from jaxmargin.instruments import AbstractInstruments
from jaxmargin.market import Market
from jaxmargin.numerics import bucket_size, exact_matmul
from jaxmargin.scenarios import RiskFactors
from jaxmargin.valuation import pnl_by_value

__all__ = ["Holding", "account_holdings", "factor_loss"]


class Holding(eqx.Module):
    """What one account holds of one kind.

    Attributes:
        contracts: the contracts, padded by copies of the last one.
        quantity: contracts held; negative is short, zero for padding.
    """

    contracts: AbstractInstruments
    quantity: Float[Array, " instrument"]


def account_holdings(book: Book, account: int) -> tuple[Holding, ...]:
    """The contracts that one account holds, one entry per kind; on the host.

    Raises:
        InvalidInputError: the book has no such account.
    """
    accounts = book.positions.accounts
    require(
        0 <= account < accounts,
        f"account must lie in 0 .. {accounts - 1}, the accounts of the book; got {account}.",
    )
    instrument, quantity = book.positions.of(account)
    holdings, first = [], 0
    for batch in book.instruments:
        count = batch.multiplier.shape[0]
        mine = (instrument >= first) & (instrument < first + count)
        if mine.any():
            rows = instrument[mine] - first
            extra = bucket_size(rows.size) - rows.size
            rows = jnp.asarray(np.pad(rows, (0, extra), mode="edge"))
            contracts: AbstractInstruments = jax.tree.map(lambda leaf, rows=rows: leaf[rows], batch)
            holdings.append(Holding(contracts, jnp.asarray(np.pad(quantity[mine], (0, extra)))))
        first += count
    return tuple(holdings)


def factor_loss(
    holdings: tuple[Holding, ...],
    market: Market,
    factors: RiskFactors,
    moves: Float[Array, " factor"],
    time: Float[Array, ""],
) -> Float[Array, ""]:
    """Loss of the holdings, loss positive, when the factors make `moves` over `time` years."""
    shocks = factors.shocks(moves[:, None], time=0.0)
    shocks = eqx.tree_at(lambda s: s.time, shocks, time.astype(moves.dtype)[None])  # may be traced
    pnl = jnp.zeros((), moves.dtype)
    for holding in holdings:
        of_one = pnl_by_value(holding.contracts, market, shocks)[:, 0]
        pnl += exact_matmul(holding.quantity.astype(of_one.dtype), of_one).astype(moves.dtype)
    return -pnl
