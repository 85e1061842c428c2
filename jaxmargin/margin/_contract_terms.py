"""What a venue's rule asks of a contract: its coin, expiry, size, price and value."""

import enum

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxmargin.book import Book
from jaxmargin.errors import require
from jaxmargin.instruments import (
    AbstractInstruments,
    AbstractOptions,
    AmericanOptions,
    InverseFutures,
    InverseOptions,
    InversePerpetuals,
    LinearFutures,
    LinearOptions,
    LinearPerpetuals,
    QuantoFutures,
    QuantoPerpetuals,
    Spot,
)
from jaxmargin.market import Market

__all__ = [
    "ContractKind",
    "ContractTerms",
    "contract_deltas",
    "contract_terms",
    "kind_of",
    "require_kinds",
]


class ContractKind(enum.IntEnum):
    """What a contract is to a margin rule, as `ContractTerms.kind` holds it.

    Attributes:
        SPOT: the coin itself; counts with its whole value.
        PERPETUAL: a contract without expiry.
        FUTURE: a contract with expiry and without strike.
        OPTION: a European or American option.
        EXOTIC: a digital or barrier option.
    """

    SPOT = 0
    PERPETUAL = 1
    FUTURE = 2
    OPTION = 3
    EXOTIC = 4


class ContractTerms(eqx.Module):
    """Terms of contracts, one entry per row of a book, or of an account's slots.

    Attributes:
        kind: a `ContractKind`.
        asset: the underlying, as a row of `Market.spot`.
        base: the asset that it follows, see `Market.base`; itself for most.
        pillar: expiry, as a row of `Market.forward`; -1 for none.
        years: from now to expiry; 0 for none.
        settlement: asset in which it is paid, as a row of `Market.spot`.
        strike: in the numeraire; 0 for none.
        sign: 1 for a call, -1 for a put, 0 for no option.
        coins: units of the underlying that one contract stands for; 0 for padding.
        price: price of one unit of the underlying that the contract refers to, in the numeraire:
            spot, perpetual or forward.
        value: value of one contract, in the numeraire; 0 for futures and perpetuals, whose gains
            and losses are settled.
    """

    kind: Int[Array, "*shape"]
    asset: Int[Array, "*shape"]
    base: Int[Array, "*shape"]
    pillar: Int[Array, "*shape"]
    years: Float[Array, "*shape"]
    settlement: Int[Array, "*shape"]
    strike: Float[Array, "*shape"]
    sign: Float[Array, "*shape"]
    coins: Float[Array, "*shape"]
    price: Float[Array, "*shape"]
    value: Float[Array, "*shape"]

    def is_kind(self, *kinds: ContractKind) -> Array:
        """Whether each contract is of one of `kinds`."""
        found = self.kind == kinds[0]
        for kind in kinds[1:]:
            found = found | (self.kind == kind)
        return found


def kind_of(batch: AbstractInstruments) -> ContractKind:
    """What a batch of contracts is to a margin rule."""
    if isinstance(batch, Spot):
        return ContractKind.SPOT
    if isinstance(batch, LinearPerpetuals | InversePerpetuals | QuantoPerpetuals):
        return ContractKind.PERPETUAL
    if isinstance(batch, LinearFutures | InverseFutures | QuantoFutures):
        return ContractKind.FUTURE
    if isinstance(batch, LinearOptions | InverseOptions | AmericanOptions):
        return ContractKind.OPTION
    return ContractKind.EXOTIC


def contract_terms(book: Book, market: Market) -> ContractTerms:
    """Terms of every row of `book` as the market stands; differentiable by the market."""
    if not book.instruments:
        none, number = jnp.zeros(1, int), jnp.zeros(1, market.spot.dtype)
        return ContractTerms(none, none, none, none - 1, number, none, *(number,) * 5)
    parts = [_terms(batch, market) for batch in book.instruments]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)


@jax.jit
def _terms(batch: AbstractInstruments, market: Market) -> ContractTerms:
    kind, zero = kind_of(batch), jnp.zeros_like(batch.multiplier)
    pillar = getattr(batch, "pillar", None)
    if pillar is None:
        asset = batch.asset  # pyright: ignore[reportAttributeAccessIssue]
        price = (market.spot if kind is ContractKind.SPOT else market.perpetual)[asset]
        pillar, years = jnp.full_like(asset, -1), zero
    else:
        asset, price = market.asset[pillar], market.forward[pillar]
        years = market.time[pillar]
    settled = market.spot[batch.settlement]
    if isinstance(batch, InverseFutures | InversePerpetuals):
        coins = batch.multiplier / price
    elif isinstance(batch, QuantoFutures | QuantoPerpetuals):
        coins = batch.multiplier * settled
    else:
        coins = batch.multiplier
    option = isinstance(batch, AbstractOptions)
    quoted = isinstance(batch, LinearOptions | AmericanOptions)  # strike in the settlement asset
    daily = kind in (ContractKind.PERPETUAL, ContractKind.FUTURE)
    return ContractTerms(
        kind=jnp.full_like(asset, int(kind)),
        asset=asset,
        base=market.base[asset],
        pillar=pillar,
        years=years,
        settlement=batch.settlement,
        strike=(batch.strike * settled if quoted else batch.strike) if option else zero,
        sign=batch.sign if option else zero,
        coins=coins,
        price=price,
        value=zero if daily else batch.multiplier * batch.value(market) * settled,
    )


@jax.jit
def contract_deltas(book: Book, market: Market) -> Float[Array, " instrument"]:
    """Coins of the underlying that each contract's P&L moves like, by a move of its price alone.

    Its spot, forwards and perpetual move, what it settles in does not, and volatilities of strikes
    do what the market's dynamics say. What is fixed of a settlement price does not move.
    """
    assets = market.spot.shape[0]

    def units(batch: AbstractInstruments, move: Float[Array, ""]) -> Float[Array, " instrument"]:
        # pillars point at moved copies of the spots, so that settlement assets stay where they are
        moved = eqx.tree_at(
            lambda m: (m.spot, m.asset, m.perpetual, m.forward),
            market,
            (
                jnp.concatenate([market.spot, market.spot * (1.0 + move)]),
                market.asset + assets,
                market.perpetual * (1.0 + move),
                market.forward * (1.0 + (1.0 - market.fixed) * move),
            ),
        )
        return batch.multiplier * batch.value(moved)

    terms, parts, first = contract_terms(book, market), [], 0
    zero, one = jnp.zeros((), market.spot.dtype), jnp.ones((), market.spot.dtype)
    for batch in book.instruments:
        rows = slice(first, first + batch.multiplier.shape[0])
        first = rows.stop
        if isinstance(batch, Spot):
            parts.append(terms.coins[rows])
            continue
        _, slope = jax.jvp(lambda move, batch=batch: units(batch, move), (zero,), (one,))
        settled = market.spot[batch.settlement]
        parts.append(slope * settled / market.spot[terms.asset[rows]])
    return jnp.concatenate(parts) if parts else zero[None]


def require_kinds(
    book: Book, accepts: frozenset[ContractKind], name: str, *, verb: str, instead: str
) -> None:
    """Refuse a book with contracts of other kinds than a rule knows; padding does not count.

    Args:
        book: what is held.
        accepts: kinds that the rule knows.
        name: of the rule.
        verb: what it does with contracts.
        instead: what to do but for taking the contracts out.

    Raises:
        InvalidInputError: the book has others.
    """
    refused = [
        f"{np.count_nonzero(np.asarray(batch.multiplier))} {type(batch).__name__}"
        for batch in book.instruments
        if kind_of(batch) not in accepts
    ]
    kinds = ", ".join(kind.name.lower() for kind in sorted(accepts))
    require(
        not refused,
        f"{name} {verb} contracts of the kinds {kinds}; the book has {', '.join(refused)}. Take "
        f"them out of the book, or {instead}.",
    )
