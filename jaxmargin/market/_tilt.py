"""Tilts of the smile: moves of volatilities that differ from strike to strike."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

__all__ = ["SmileTilt", "tilted"]


class SmileTilt(eqx.Module):
    r"""A factor on the volatility of each strike, and a floor below it.

    With log-moneyness $k = \ln(K / F)$ at today's forward, whatever forwards do meanwhile, and the
    width $w$ of the pillar,

    $$ \sigma'(K) = \max\Big( \sigma(K) \max\big(1 + a\,\mathrm{clip}(k/w, -1, 1)
       + b \min(|k|/w, 1),\ 0\big),\ c \Big). $$

    Continuous; kinks at $k = 0$ (with wings), $|k| = w$ and at the floor.

    Attributes:
        forward: $F$, forward of each pillar today.
        width: $w$, log-moneyness at which the move is full and beyond which it stays; positive.
        skew: $a$, relative change of the volatility at $k = w$; its negative at $k = -w$.
        wings: $b$, relative change of the volatility at both $k = w$ and $k = -w$.
        floor: $c$, lowest volatility, annualized; zero for none.

    References:
        The linear and the absolute skew scenario of Derive's portfolio margin PM2 are $a$ and $b$
        alone: docs.derive.xyz, "pm2".
    """

    forward: Float[Array, " pillar"]
    width: Float[Array, " pillar"]
    skew: Float[Array, " pillar"]
    wings: Float[Array, " pillar"]
    floor: Float[Array, " pillar"]

    def apply(
        self,
        volatility: Float[Array, " instrument"],
        pillar: Int[Array, " instrument"],
        strike: Float[Array, " instrument"],
    ) -> Float[Array, " instrument"]:
        """The volatility of each strike, after the tilt and not below the floor."""
        moneyness = jnp.log(strike / self.forward[pillar])
        parts = (self.width[pillar], self.skew[pillar], self.wings[pillar], self.floor[pillar])
        return tilted(volatility, moneyness, *parts)


def tilted(
    volatility: Float[Array, "*shape"],
    moneyness: Float[Array, "*#shape"],
    width: Float[Array, "*shape"],
    skew: Float[Array, "*shape"],
    wings: Float[Array, "*shape"],
    floor: Float[Array, "*shape"],
) -> Float[Array, "*shape"]:
    """The formula of `SmileTilt`, for volatilities or total volatilities with a floor alike.

    Args:
        volatility: before the tilt.
        moneyness: log of strike over today's forward.
        width: see `SmileTilt`.
        skew: see `SmileTilt`.
        wings: see `SmileTilt`.
        floor: lowest result, in the unit of `volatility`.
    """
    distance = jnp.clip(moneyness / width, -1.0, 1.0)
    factor = 1.0 + skew * distance + wings * jnp.abs(distance)
    return jnp.maximum(volatility * jnp.maximum(factor, 0.0), floor)
