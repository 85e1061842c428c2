"""Smile dynamics: the volatility of a strike after forwards have moved or time has passed."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require
from jaxmargin.market._surfaces import AbstractVolatilitySurface

__all__ = ["AbstractSmileDynamics", "StickyDelta", "StickyMoneyness", "StickyStrike"]

_FAR = 30.0  # log-moneyness that no listed strike reaches; keeps exponentials in range


class AbstractSmileDynamics(eqx.Module):
    """What becomes of the smile when the market moves.

    All agree while forwards and times are those at which the surface was built. The `scale` of
    the surface, on which volatility shocks act, multiplies the volatilities of them all.
    """

    @abc.abstractmethod
    def volatility(
        self,
        surface: AbstractVolatilitySurface,
        pillar: Int[Array, " instrument"],
        strike: Float[Array, " instrument"],
        forward: Float[Array, " instrument"],
        time: Float[Array, " instrument"],
    ) -> Float[Array, " instrument"]:
        """Annualized volatility of each `strike`, `scale` included.

        Args:
            surface: volatilities as they were before the move.
            pillar: underlying and expiry of each strike.
            strike: strike, in the unit of `forward`.
            forward: forward price of each pillar now.
            time: years to expiry now; zero is expired.
        """


class StickyStrike(AbstractSmileDynamics):
    """A strike keeps its volatility."""

    def volatility(
        self,
        surface: AbstractVolatilitySurface,
        pillar: Int[Array, " instrument"],
        strike: Float[Array, " instrument"],
        forward: Float[Array, " instrument"],
        time: Float[Array, " instrument"],
    ) -> Float[Array, " instrument"]:
        """See `AbstractSmileDynamics.volatility`."""
        del forward, time
        return surface.volatility(pillar, strike)


class StickyMoneyness(AbstractSmileDynamics):
    r"""A ratio of strike to forward keeps its volatility: $\sigma'(K) = \sigma(K F / F')$.

    Attributes:
        forward: $F$, the forward of each pillar when the surface was built.
    """

    forward: Float[Array, " pillar"]

    def volatility(
        self,
        surface: AbstractVolatilitySurface,
        pillar: Int[Array, " instrument"],
        strike: Float[Array, " instrument"],
        forward: Float[Array, " instrument"],
        time: Float[Array, " instrument"],
    ) -> Float[Array, " instrument"]:
        """See `AbstractSmileDynamics.volatility`."""
        del time
        return surface.volatility(pillar, strike * (self.forward[pillar] / forward))


class StickyDelta(AbstractSmileDynamics):
    r"""A forward delta $N(d_1)$ keeps its volatility, up to the surface's scale $\lambda$.

    The strike $K = F e^k$ whose volatility $K' = F' e^{k'}$ inherits has the same $d_1$. With
    $w(k) = \sigma(k)^2 T$ before the move and $q = \lambda \sqrt{T'/T}$, that is

    $$ k = \frac{k'}{q} + \frac{w(k)}{2} (1 - q), \qquad \sigma'(K') = \lambda\,\sigma(k), $$

    solved by iteration from $k = k'/q$: each pass leaves $|w'(k) (1 - q) / 2|$ of the error, and
    $|w'| < 2$ on any surface without arbitrage. With no change of time and scale, $q = 1$ and it
    is `StickyMoneyness`.

    Attributes:
        forward: $F$, the forward of each pillar when the surface was built.
        time: $T$, its years to expiry then.
        iterations: passes. After 4, with $q$ in (0.5, 2) on SVI smiles of Deribit's options in
            early 2026, volatilities are exact to 1e-5 of themselves at 99 % of the strikes and
            to 6e-4 at all.
    """

    forward: Float[Array, " pillar"]
    time: Float[Array, " pillar"]
    iterations: int = eqx.field(static=True, default=4)

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if `iterations` is below 1."""
        require(
            self.iterations >= 1,
            f"StickyDelta.iterations must be at least 1; got {self.iterations!r}.",
        )

    def volatility(
        self,
        surface: AbstractVolatilitySurface,
        pillar: Int[Array, " instrument"],
        strike: Float[Array, " instrument"],
        forward: Float[Array, " instrument"],
        time: Float[Array, " instrument"],
    ) -> Float[Array, " instrument"]:
        """See `AbstractSmileDynamics.volatility`."""
        before, scale = self.time[pillar], surface.scale[pillar]
        alive = (time > 0.0) & (before > 0.0)  # at expiry no volatility matters
        before = jnp.where(alive, before, 1.0)
        q = jnp.where(alive, scale * jnp.sqrt(jnp.where(alive, time, 1.0) / before), 1.0)

        def volatility_at(k: Float[Array, " instrument"]) -> Float[Array, " instrument"]:
            k = jnp.clip(k, -_FAR, _FAR)
            return surface.volatility(pillar, self.forward[pillar] * jnp.exp(k))

        start = jnp.log(strike / forward) / q
        k = start
        for _ in range(self.iterations):
            variance = jnp.square(volatility_at(k) / scale) * before
            k = start + 0.5 * variance * (1.0 - q)
        return volatility_at(k)
