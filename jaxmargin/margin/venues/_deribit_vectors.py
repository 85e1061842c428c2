"""Risk vectors of Deribit's portfolio margin engine, in coins, gain positive."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.scenarios import tenor_scale

__all__ = [
    "deribit_dampened_pnl",
    "deribit_extended_pnl",
    "deribit_inverse_pnl",
    "deribit_moves",
    "deribit_shocked_volatility",
]

_Setting = Float[Array, ""] | float


def deribit_moves(price_range: _Setting, buckets: int) -> Float[Array, " move"]:
    """Moves of the standard table: `buckets` even steps to either side of no move, ascending.

    Args:
        price_range: largest relative move.
        buckets: steps on each side; 4 give 9 moves.
    """
    return price_range * jnp.arange(-buckets, buckets + 1) / buckets


def deribit_shocked_volatility(
    volatility: Float[Array, "*option"],
    days: Float[Array, "*option"],
    *,
    range_up: _Setting,
    range_down: _Setting,
    short_power: _Setting,
    long_power: _Setting,
    floor_days: _Setting,
    minimum_up: _Setting,
) -> Float[Array, "*option 3"]:
    r"""Volatility of options in the three columns of a table: down, same and up.

    With $x$ of `tenor_scale`: $\max(\sigma (1 - \text{down}\,x), 0)$, $\sigma$, and
    $\max(\sigma (1 + \text{up}\,x), \sigma_{\min})$. Sourced, not checked against a figure of the
    venue. The floor of days is not established: the caller chooses it.

    Args:
        volatility: annualized.
        days: to expiry.
        range_up: relative rise of a 30-day volatility.
        range_down: relative fall of a 30-day volatility.
        short_power: power of tenor up to 30 days.
        long_power: power of tenor beyond.
        floor_days: days below which the scaling does not grow, positive.
        minimum_up: lowest volatility after a rise.

    References:
        Deribit, API documentation, private/pme/simulate; the formula as docs.oreome.com has it.
    """
    scale = tenor_scale(days, short_power, long_power, floor_days)
    down = jnp.maximum(volatility * (1.0 - range_down * scale), 0.0)
    up = jnp.maximum(volatility * (1.0 + range_up * scale), minimum_up)
    return jnp.stack([down, volatility, up], axis=-1)


def deribit_inverse_pnl(
    size: Float[Array, "*position"], move: Float[Array, " scenario"]
) -> Float[Array, "*position scenario"]:
    r"""P&L of inverse futures and perpetuals: $q\, m / (1 + m)$ coins.

    The move counts from each contract's own mark, so that neither mark nor index matters.
    Established to 6e-17 on two answers of the venue.

    Args:
        size: $q$ in coins (USD contracts over the index), long positive.
        move: $m$, relative, above -1.

    References:
        Deribit, API documentation, private/pme/simulate, 2024.
    """
    return size[..., None] * _row(move / (1.0 + move), size.ndim)


def deribit_extended_pnl(
    pnl: Float[Array, "*position scenario"],
    move: Float[Array, " scenario"],
    *,
    price_range: _Setting,
    factor: _Setting,
) -> Float[Array, "*position scenario"]:
    r"""Entries of the extended table: P&L of moves beyond the range, scaled back to it.

    $\mathrm{pnl}\, f\, \frac{r}{|m|}\, \frac{1 + m}{1 + \operatorname{sign}(m)\, r}$. Established
    for inverse futures, of which every entry is that of the move by the whole range; the same
    for options, by the description alone.

    Args:
        pnl: in coins, with all of the move.
        move: $m$, beyond the range on either side, above -1.
        price_range: $r$.
        factor: $f$, the setting `extended_table_factor`.
    """
    scale = factor * price_range / jnp.abs(move) * (1.0 + move) / _edge(move, price_range)
    return pnl * _row(scale, pnl.ndim - 1)


def deribit_dampened_pnl(
    pnl: Float[Array, "*account scenario"],
    move: Float[Array, " scenario"],
    *,
    index: Float[Array, "*#account"],
    price_range: _Setting,
    dampener: _Setting,
) -> Float[Array, "*account scenario"]:
    r"""Entries of the extended table moved towards zero, the further the larger the move.

    By $\min\big( \frac{\max(|m| / r, 1) - 1}{(1 + \operatorname{sign}(m)\, r)\, S}\, a,\,
    |\mathrm{pnl}| \big)$ coins. Consistent with two answers of the venue, where it leaves nothing;
    its size is not checked where something is left.

    Args:
        pnl: in coins, of all positions in the coin.
        move: $m$, relative, above -1.
        index: $S$ in USD.
        price_range: $r$.
        dampener: $a$ in USD, the setting `extended_dampener`.
    """
    beyond = jnp.maximum(jnp.abs(move) / price_range, 1.0) - 1.0
    coins = beyond * dampener / _edge(move, price_range)
    allowed = _row(coins, pnl.ndim - 1) / jnp.asarray(index)[..., None]
    return jnp.sign(pnl) * jnp.maximum(jnp.abs(pnl) - allowed, 0.0)


def _edge(move: Array, price_range: _Setting) -> Array:
    """Price at the edge of the range on the side of the move, over the price of today."""
    return 1.0 + jnp.sign(move) * price_range


def _row(entries: Array, axes: int) -> Array:
    """One entry per scenario, behind `axes` axes."""
    return entries.reshape((1,) * axes + entries.shape)
