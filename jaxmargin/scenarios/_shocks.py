"""Shocks: how a scenario changes the market."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jaxmargin.errors import require
from jaxmargin.market import Market, SmileTilt
from jaxmargin.numerics import bucket_size

__all__ = ["Shocks", "TiltShocks", "pad_scenarios", "scenario_axes", "shock_market"]


class TiltShocks(eqx.Module):
    """Moves of volatilities that differ between strikes; see `SmileTilt` for the formula.

    Attributes:
        width: log-moneyness at which the move is full; positive.
        skew: relative change of the volatility at `width`, and its negative at minus `width`.
        wings: relative change of the volatility on both sides.
        floor: lowest volatility, annualized.
    """

    width: Float[Array, "pillar scenario"]
    skew: Float[Array, "pillar scenario"]
    wings: Float[Array, "pillar scenario"]
    floor: Float[Array, "pillar scenario"]


class Shocks(eqx.Module):
    """A set of scenarios, each a joint move of every part of the market.

    All moves are logarithmic or additive, so that zero leaves the market unchanged. A part that
    no scenario moves may be None, which saves its memory.

    Attributes:
        spot: log change of each asset's price, or of its ratio to the asset that it follows (see
            `Market.base`): a depeg. Forwards and perpetuals move along with the price.
        time: years that pass; what expires within them settles at the shocked spot.
        weight: relative weight of each scenario, not negative; one each if equally likely, zero
            for padding.
        overlap: neighboring scenarios that share observations (the horizon in days of
            overlapping returns), or that count as one; 1 if scenarios are independent. Widens
            standard errors.
        perpetual: log change of the perpetual's price against its asset's.
        funding: change of each asset's annual funding rate.
        basis: log change of each forward against its asset's price, beyond the roll-down of the
            carry.
        volatility: log change of the volatilities of each pillar.
        rate: change of the discount rate of each pillar (0.01 is one percentage point).
        tilt: moves that differ between strikes; None for none.
        damping: share of the P&L that counts in each scenario, as venues dampen far tails; None
            if all of it counts.
    """

    spot: Float[Array, "asset scenario"]
    time: Float[Array, " scenario"]
    weight: Float[Array, " scenario"]
    overlap: Float[Array, ""]
    perpetual: Float[Array, "asset scenario"] | None = None
    funding: Float[Array, "asset scenario"] | None = None
    basis: Float[Array, "pillar scenario"] | None = None
    volatility: Float[Array, "pillar scenario"] | None = None
    rate: Float[Array, "pillar scenario"] | None = None
    tilt: TiltShocks | None = None
    damping: Float[Array, " scenario"] | None = None

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the numbers of scenarios differ."""
        counts = sorted({leaf.shape[-1] for leaf in jax.tree.leaves(self) if jnp.ndim(leaf)})
        require(
            len(counts) == 1,
            f"Shocks needs the same number of scenarios in every part; got {counts}.",
        )


def scenario_axes(shocks: Shocks) -> Shocks:
    """The `vmap` axes of `shocks`: the last of every leaf with a scenario axis."""
    return jax.tree.map(lambda leaf: -1 if leaf.ndim else None, shocks)


def pad_scenarios(shocks: Shocks) -> Shocks:
    """`shocks` with scenarios of weight zero and no move added, up to a bucket size."""
    count = shocks.weight.shape[0]
    extra = bucket_size(count) - count

    def pad(leaf: Float[Array, "*shape"]) -> Float[Array, "*padded"]:
        widths = [(0, 0)] * (leaf.ndim - 1) + [(0, extra)]
        if isinstance(leaf, Tracer):
            return jnp.pad(leaf, widths) if leaf.ndim else leaf
        # on the host another number of scenarios compiles nothing
        return jax.device_put(np.pad(np.asarray(leaf), widths)) if leaf.ndim else leaf

    padded = jax.tree.map(pad, shocks)
    if shocks.tilt is None:
        return padded
    beyond = jnp.arange(count + extra) >= count  # a width of zero would divide by zero
    width = jnp.where(beyond[None, :], 1.0, padded.tilt.width)
    return eqx.tree_at(lambda s: s.tilt.width, padded, width)


def shock_market(market: Market, shock: Shocks) -> Market:
    r"""The market after one scenario: `shock` is one column of `Shocks`, as `vmap` passes it.

    With spot return $r$, basis move $b$, time to expiry $T$, elapsed time $h$ and the share $f$ of
    the settlement price that is fixed already, a forward becomes

    $$ F' = F \Big( f + (1 - f) \exp\big(r + b - \tfrac{h}{T} \ln(F / S)\big) \Big)
       \text{ if } h < T, \quad F' = f F + (1 - f) S' \text{ otherwise,} $$

    so that its carry rolls down in proportion to time, and what expires settles at the shocked
    spot. Perpetuals keep their distance to the spot, up to their own move. What strikes'
    volatilities become when forwards move is the market's `dynamics`.
    """
    follows = market.base != jnp.arange(market.base.shape[0])
    price_return = shock.spot + jnp.where(follows, shock.spot[market.base], 0.0)
    spot = market.spot * jnp.exp(price_return)
    alive = shock.time < market.time
    time = jnp.where(alive, market.time - shock.time, 0.0)
    elapsed = jnp.where(alive, shock.time / jnp.where(alive, market.time, 1.0), 1.0)
    carry = jnp.log(market.forward / market.spot[market.asset])
    growth = jnp.exp(_moved(price_return[market.asset], shock.basis) - elapsed * carry)
    scale = market.surface.scale
    if shock.volatility is not None:
        scale = scale * jnp.exp(shock.volatility)
    growth = jnp.where(alive, growth, spot[market.asset] / market.forward)
    shocked = eqx.tree_at(
        lambda m: (
            m.spot,
            m.perpetual,
            m.funding,
            m.time,
            m.forward,
            m.rate,
            m.surface.scale,
            m.elapsed,
        ),
        market,
        (
            spot,
            market.perpetual * jnp.exp(_moved(price_return, shock.perpetual)),
            _moved(market.funding, shock.funding),
            time,
            market.forward * (growth + market.fixed * (1.0 - growth)),
            _moved(market.rate, shock.rate),
            scale,
            market.elapsed + shock.time,
        ),
    )
    if shock.tilt is None:
        return shocked
    tilt = SmileTilt(
        forward=market.forward,
        width=shock.tilt.width,
        skew=shock.tilt.skew,
        wings=shock.tilt.wings,
        floor=shock.tilt.floor,
    )
    return eqx.tree_at(lambda m: m.tilt, shocked, tilt, is_leaf=lambda leaf: leaf is None)


def _moved(
    before: Float[Array, " part"], move: Float[Array, " part"] | None
) -> Float[Array, " part"]:
    return before if move is None else before + move
