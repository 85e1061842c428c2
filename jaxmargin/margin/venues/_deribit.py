"""Margin of an account in one coin by Deribit's portfolio margin engine (S:PM)."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require
from jaxmargin.margin.venues._deribit_vectors import (
    deribit_dampened_pnl,
    deribit_extended_pnl,
    deribit_inverse_pnl,
    deribit_moves,
)

__all__ = [
    "DeribitMargin",
    "DeribitParameters",
    "deribit_future_vectors",
    "deribit_margin",
    "deribit_offset_pnl",
    "deribit_roll_shock",
]

_COLUMNS = 3  # volatility down, same and up
_DECIMALS = 9  # to which the venue rounds the worst case


class DeribitParameters(eqx.Module):
    """Settings of the engine for one coin, under shortened names of the venue.

    Attributes:
        price_range: largest relative move of the standard table.
        extended_moves: relative moves of the extended table, above -1.
        extended_factor: `extended_table_factor`.
        extended_dampener: in USD.
        annualized_move_risk: roll risk per year, as a share of delta.
        least_annualized_move: smallest roll risk, as a share of delta.
        pnl_offset: share of a gain that counts.
        most_offset_pnl: `max_offsetable_pnl` in USD.
        delta_threshold: `delta_total_liq_shock_threshold` in USD.
        maintenance_factor: maintenance as a share of the risk matrix margin.
        buckets: steps of the standard table on each side of no move.
    """

    price_range: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    extended_moves: Float[Array, " extended"]
    extended_factor: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    extended_dampener: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    annualized_move_risk: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    least_annualized_move: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    pnl_offset: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    most_offset_pnl: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    delta_threshold: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    maintenance_factor: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    buckets: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if `buckets` is below 1."""
        require(
            self.buckets >= 1,
            f"DeribitParameters.buckets must be at least 1; got {self.buckets!r}.",
        )


class DeribitMargin(eqx.Module):
    """Margin of one account in one coin, in coins, loss positive.

    Attributes:
        standard: P&L of all positions in the standard table after offsets, gain positive; three
            columns of volatility per move, moves ascending.
        extended: P&L in the extended table, after offsets and dampener, gain positive.
        worst_case: largest loss of both tables, zero at least; not rounded.
        worst_scenario: where it is, counted through the standard and then the extended table.
        roll_shock: charge for the roll between expiries.
        risk_matrix: worst case, rounded, with the roll shock.
        initial: risk matrix margin, and the margins given.
        maintenance: a share of the risk matrix margin.
        delta_excess: USD by which the delta exceeds the threshold of the delta shock; where it is
            positive, a charge is missing in all margins here.
    """

    standard: Float[Array, " standard"]
    extended: Float[Array, " extended"]
    worst_case: Float[Array, ""]
    worst_scenario: Int[Array, ""]
    roll_shock: Float[Array, ""]
    risk_matrix: Float[Array, ""]
    initial: Float[Array, ""]
    maintenance: Float[Array, ""]
    delta_excess: Float[Array, ""]


def deribit_future_vectors(
    size: Float[Array, " position"], parameters: DeribitParameters
) -> tuple[Float[Array, "position standard"], Float[Array, "position extended"]]:
    """Standard and extended risk vectors of inverse futures and perpetuals, in coins.

    Args:
        size: in coins (USD contracts over the index), long positive.
        parameters: settings of the coin.
    """
    moves = deribit_moves(parameters.price_range, parameters.buckets)
    standard = jnp.repeat(deribit_inverse_pnl(size, moves), _COLUMNS, axis=-1)
    extended = deribit_extended_pnl(
        deribit_inverse_pnl(size, parameters.extended_moves),
        parameters.extended_moves,
        price_range=parameters.price_range,
        factor=parameters.extended_factor,
    )
    return standard, extended


def deribit_margin(
    standard: Float[Array, "position standard"],
    extended: Float[Array, "position extended"],
    *,
    delta: Float[Array, " position"],
    years: Float[Array, " position"],
    index: Float[Array, ""] | float,
    parameters: DeribitParameters,
    spot: Float[Array, ""] | float = 0.0,
    market_maker_protection: Float[Array, ""] | float = 0.0,
    open_orders: Float[Array, ""] | float = 0.0,
) -> DeribitMargin:
    r"""Initial and maintenance margin of an account in one coin.

    $$ R = \operatorname{round}_9(\text{worst case}) + \text{roll shock}, \quad
       \mathrm{IM} = R + \text{spot} + \text{mmp} + \text{open orders}, \quad
       \mathrm{MM} = k\, R. $$

    Established on two answers of the venue, both of futures: vectors, offset of the standard
    table, worst case, roll shock at its minimum, and the sums. Left out, since their formulas are
    not established: the delta shock, which is taken as zero up to its threshold (see
    `DeribitMargin.delta_excess`), the correlation contingency, taken as zero, and several
    currencies together. The gradient passes the rounding as if there were none; it switches
    where the worst scenario does.

    Args:
        standard: risk vectors of positions in the standard table, in coins, gain positive.
        extended: the same in the extended table, not dampened.
        delta: coins; of a future, its size.
        years: to expiry, ACT/365; zero for perpetuals.
        index: in USD.
        parameters: settings of the coin.
        spot: spot margin, in coins.
        market_maker_protection: margin of that protection, in coins.
        open_orders: margin of open orders, in coins.

    References:
        Deribit, API documentation, private/pme/simulate, 2024; support article 25944756247837.
    """
    index = jnp.asarray(index)
    offset = (parameters.pnl_offset, parameters.most_offset_pnl, index)
    total = deribit_offset_pnl(jnp.sum(standard, axis=0), *offset)
    tail = deribit_dampened_pnl(
        deribit_offset_pnl(jnp.sum(extended, axis=0), *offset),
        parameters.extended_moves,
        index=index,
        price_range=parameters.price_range,
        dampener=parameters.extended_dampener,
    )
    every = jnp.concatenate([total, tail])
    worst_scenario = jnp.argmin(every)
    worst_case = jnp.maximum(-every[worst_scenario], 0.0)
    rounding = jax.lax.stop_gradient(jnp.round(worst_case, _DECIMALS) - worst_case)
    roll_shock = deribit_roll_shock(
        delta, years, parameters.annualized_move_risk, parameters.least_annualized_move
    )
    risk_matrix = worst_case + rounding + roll_shock
    return DeribitMargin(
        standard=total,
        extended=tail,
        worst_case=worst_case,
        worst_scenario=worst_scenario,
        roll_shock=roll_shock,
        risk_matrix=risk_matrix,
        initial=risk_matrix + spot + market_maker_protection + open_orders,
        maintenance=parameters.maintenance_factor * risk_matrix,
        delta_excess=jnp.maximum(jnp.abs(jnp.sum(delta)) * index - parameters.delta_threshold, 0.0),
    )


def deribit_offset_pnl(
    pnl: Float[Array, "*shape"],
    share: Float[Array, ""] | float,
    most: Float[Array, ""] | float,
    index: Float[Array, ""] | float,
) -> Float[Array, "*shape"]:
    """P&L of which only a share of each gain counts, up to a cap; losses count in full.

    The share is established for the standard table. That the cap applies to what counts, at
    today's index, and that the share comes before the dampener, is assumed: no figure with either
    is known, and the worst case of one coin depends on neither.

    Args:
        pnl: in coins.
        share: of a gain that counts, in [0, 1].
        most: cap in USD.
        index: in USD.
    """
    return jnp.where(pnl > 0.0, jnp.minimum(share * pnl, most / index), pnl)


def deribit_roll_shock(
    delta: Float[Array, "*account position"],
    years: Float[Array, "*account position"],
    move_risk: Float[Array, "*account position"] | Float[Array, ""] | float,
    least_move: Float[Array, "*account position"] | Float[Array, ""] | float,
) -> Float[Array, "*account"]:
    r"""Charge for the roll between expiries: $\sum_i |\delta_i| \max(a, b\, t_i)$ coins.

    Positions do not offset each other. Established where the minimum $a$ decides; beyond,
    $b\,t$ is the simple reading and $e^{b t} - 1$ another that no figure excludes.

    Args:
        delta: coins; the charge is in the same unit.
        years: $t$ to expiry, zero for perpetuals.
        move_risk: $b$ per year.
        least_move: $a$.
    """
    return jnp.sum(jnp.abs(delta) * jnp.maximum(least_move, move_risk * years), axis=-1)
