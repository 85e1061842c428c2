"""Book and collateral in the same scenarios: wrong-way risk."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Key

from jaxmargin.book import Book, DenseBlock, PositionBlock, Positions
from jaxmargin.collateral._checks import require_finite_pnl, require_not_negative
from jaxmargin.collateral._holdings import Holdings
from jaxmargin.errors import require
from jaxmargin.market import Market
from jaxmargin.risk import AbstractRiskMeasure
from jaxmargin.scenarios import Shocks, scenario_axes, shock_market
from jaxmargin.valuation import Progress, contract_pnl, stream_accounts

__all__ = ["JointShortfall", "collateral_pnl", "joint_shortfall"]


class JointShortfall(eqx.Module):
    r"""A risk measure $\rho$ of what the book and its collateral lose, alone and together.

    Loss positive, in the numeraire. With the book's P&L $B_s$ and the collateral's $C_s$ in
    scenario $s$,

    | attribute | is |
    |---|---|
    | `book` | $\rho(B)$ |
    | `collateral` | $\rho(C)$ |
    | `joint` | $\rho(B_s + C_s)$: both in the same scenario |
    | `independent` | mean of $\rho(B_s + C_{\pi(s)})$ over random permutations $\pi$ |

    Attributes:
        book: of the positions alone.
        collateral: of the collateral alone, after the cost of selling it.
        joint: of both together.
        independent: of both if neither knew of the other.
        spread: standard deviation of $\rho(B_s + C_{\pi(s)})$ between permutations: how far apart
            `joint` and `independent` are by chance where there is no dependence. NaN with fewer
            than two.
        resources: what selling the collateral brings today.
    """

    book: Float[Array, " account"]
    collateral: Float[Array, " account"]
    joint: Float[Array, " account"]
    independent: Float[Array, " account"]
    spread: Float[Array, " account"]
    resources: Float[Array, " account"]

    @property
    def wrong_way_charge(self) -> Float[Array, " account"]:
        """`joint - independent`: positive where collateral falls when the book loses.

        Negative where it rises then (right way); who charges but does not credit takes the
        positive part. Chance alone makes it as large as `spread`.
        """
        return self.joint - self.independent

    @property
    def separate(self) -> Float[Array, " account"]:
        """`book + collateral`: never below `joint`, for a coherent measure."""
        return self.book + self.collateral

    @property
    def shortfall(self) -> Float[Array, " account"]:
        """What is missing if both lose what `joint` says and the collateral is sold; else zero."""
        return jnp.maximum(self.joint - self.resources, 0.0)


def collateral_pnl(
    market: Market, shocks: Shocks, liquidation_cost: Float[Array, " asset"]
) -> Float[Array, "asset scenario"]:
    r"""P&L of one unit of each asset as collateral, $(1 - \kappa)(S' - S)$; gain positive.

    Dampened like the book's, see `Shocks.damping`.
    """
    spot = jax.vmap(
        lambda shock: shock_market(market, shock).spot,
        in_axes=(scenario_axes(shocks),),
        out_axes=-1,
    )(shocks)
    pnl = (1.0 - liquidation_cost)[:, None] * (spot - market.spot[:, None])
    return pnl if shocks.damping is None else pnl * shocks.damping[None, :]


def joint_shortfall(
    book: Book,
    holdings: Holdings,
    market: Market,
    shocks: Shocks,
    measure: AbstractRiskMeasure,
    *,
    liquidation_cost: Float[Array, " asset"],
    key: Key[Array, ""],
    pairings: int = 32,
    progress: Progress | None = None,
) -> JointShortfall:
    r"""Revalue collateral in the scenarios of the book, and measure what their dependence costs.

    A haircut covers the collateral's own risk, a margin the book's. Both may be sound and their
    sum still too small for the day on which both fail, which `joint` shows. A permutation of the
    scenarios keeps the distributions of both and ends their dependence. With equal weights all
    permutations, the scenarios' own order too, are alike if there is no dependence: so
    `wrong_way_charge` is zero on average then, at any number of scenarios. (The measure of the
    distribution of all $n^2$ pairs would not do: in a finite sample a tail mean is smaller on
    average than of the whole distribution, and so is `joint`.) With unequal weights a pair weighs
    the product of both, which keeps the distributions on average alone. History that repeats
    within days (volatility clusters) counts as dependence.

    Takes twice the memory of the contract P&L, and the time of `pairings + 3` measures.

    Args:
        book: what the accounts hold, in the order of `holdings`.
        holdings: what they post; `Holdings.only` leaves out what is not eligible.
        market: today's.
        shocks: scenarios, the same for both.
        measure: $\rho$, such as `ExpectedShortfall(0.99)`.
        liquidation_cost: $\kappa$, lost on selling each asset, as a share of its price; in [0, 1].
        key: of the permutations.
        pairings: number of permutations. `independent` has the standard error
            `spread / sqrt(pairings)`.
        progress: see `stream_accounts`.

    Raises:
        InvalidInputError: `pairings` is below 1, the numbers of accounts or assets differ, a
            quantity or weight is negative or not finite, a cost is not in [0, 1], or a P&L is not
            finite.
        MemoryError: see `stream_accounts`.

    References:
        Permutation tests: Lehmann, E. and Romano, J. (2005), "Testing Statistical Hypotheses",
        section 15.2.
    """
    accounts, assets = holdings.quantity.shape
    require(pairings >= 1, f"joint_shortfall: pairings must be at least 1; got {pairings!r}.")
    require(
        (accounts, assets) == (book.positions.accounts, market.spot.shape[0]),
        f"joint_shortfall: holdings has {accounts} accounts and {assets} assets, but the book "
        f"{book.positions.accounts} and the market {market.spot.shape[0]}. Give a row to every "
        "account and a column to every asset.",
    )
    for name, numbers in (
        ("holdings.quantity", holdings.quantity),
        ("liquidation_cost", liquidation_cost),
        ("1 - liquidation_cost", 1.0 - liquidation_cost),
        ("shocks.weight", shocks.weight),
    ):
        require_not_negative("joint_shortfall", name, numbers)
    contracts = contract_pnl(book, market, shocks)
    units = collateral_pnl(market, shocks, liquidation_cost)
    require_finite_pnl("joint_shortfall", "contracts", contracts)
    require_finite_pnl("joint_shortfall", "assets", units)
    # book and collateral side by side, so that one pass brings both P&Ls of an account
    table = jnp.concatenate(
        [
            jnp.pad(contracts, ((0, 0), (0, contracts.shape[1]))),
            jnp.pad(units, ((0, 0), (units.shape[1], 0))),
        ]
    )
    work = _Together(measure, shocks.weight, _permutations(shocks.weight, key, pairings))
    both = _with_collateral(book.positions, holdings, contracts.shape[0])
    found = stream_accounts(work, table, both, progress=progress)
    net = (1.0 - liquidation_cost) * market.spot
    return JointShortfall(*found, resources=jnp.sum(holdings.value(net), axis=-1))


class _Together(eqx.Module):
    """The measure of both parts of the P&L: alone, together, and together at random."""

    measure: AbstractRiskMeasure
    weight: Float[Array, " scenario"]
    permutations: Int[Array, "pairing scenario"]

    def __call__(self, pnl: Float[Array, "account both"]) -> tuple[Float[Array, " account"], ...]:
        book, collateral = jnp.split(pnl, 2, axis=-1)
        pairings, scenarios = self.permutations.shape

        def measured(parts: tuple[Array, Array, Array, Array]) -> Float[Array, " account"]:
            of_book, of_collateral, permutation, weight = parts
            shuffled = collateral[:, permutation]
            return self.measure(of_book * book + of_collateral * shuffled, weight)

        # the book, the collateral, both, and both at random: one loop, so that one measure compiles
        whole = jnp.ones(pairings + 3, pnl.dtype)
        same = jnp.broadcast_to(jnp.arange(scenarios), (3, scenarios))
        permutations = jnp.concatenate([same, self.permutations])
        weights = jnp.concatenate(
            [
                jnp.broadcast_to(self.weight, (3, scenarios)),
                self.weight[None, :] * self.weight[self.permutations],
            ]
        )
        parts = (whole.at[1].set(0.0), whole.at[0].set(0.0), permutations, weights)
        found = jax.lax.map(measured, parts)
        apart = found[3:]
        spread = jnp.std(jax.lax.stop_gradient(apart), axis=0, ddof=1)
        return found[0], found[1], found[2], jnp.mean(apart, axis=0), spread


def _permutations(
    weight: Float[Array, " scenario"], key: Key[Array, ""], count: int
) -> Int[Array, "pairing scenario"]:
    """Permutations of the scenarios that have weight; padding stays where it is."""
    scenarios = np.arange(weight.shape[0])
    real = scenarios if isinstance(weight, Tracer) else np.flatnonzero(np.asarray(weight) > 0.0)
    keys = jax.random.split(key, count)
    shuffled = jax.vmap(lambda one: jax.random.permutation(one, jnp.asarray(real)))(keys)
    return jnp.tile(jnp.asarray(scenarios), (count, 1)).at[:, real].set(shuffled)


def _with_collateral(positions: Positions, holdings: Holdings, first: int) -> Positions:
    """Collateral as positions in the assets, which are the rows from `first` on."""
    assets = holdings.quantity.shape[1]
    rows = sum(block.rows for block in positions.blocks)
    posted = jnp.zeros((rows, assets), holdings.quantity.dtype)
    posted = posted.at[positions.row].set(holdings.quantity)
    blocks, done = [], 0
    for block in positions.blocks:
        own = posted[done : done + block.rows]
        done += block.rows
        if isinstance(block, DenseBlock):
            known = block.quantity[:, :first]
            known = jnp.pad(known, ((0, 0), (0, first - known.shape[1])))
            blocks.append(DenseBlock(jnp.concatenate([known, own], axis=1)))
        else:
            asset = jnp.arange(first, first + assets, dtype=block.instrument.dtype)
            asset = jnp.broadcast_to(asset, (block.rows, assets))
            instrument = jnp.concatenate([block.instrument, asset], axis=1)
            blocks.append(PositionBlock(instrument, jnp.concatenate([block.quantity, own], axis=1)))
    return Positions(tuple(blocks), positions.row)
