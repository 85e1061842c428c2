"""Volatility surfaces: the volatility of a strike at an expiry."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require
from jaxmargin.numerics import interpolate_rows

__all__ = ["AbstractVolatilitySurface", "QuotedVolatilities"]


class AbstractVolatilitySurface(eqx.Module):
    """Implied volatility by pillar and strike.

    Attributes:
        scale: factor on every volatility of a pillar; 1 in a market as quoted. Volatility shocks
            act here, so a sensitivity to it is the parallel vega of an expiry.
    """

    scale: eqx.AbstractVar[Float[Array, " pillar"]]

    @abc.abstractmethod
    def volatility(
        self, pillar: Int[Array, " instrument"], strike: Float[Array, " instrument"]
    ) -> Float[Array, " instrument"]:
        """Annualized volatility of each `strike` at its `pillar`, `scale` included."""


class QuotedVolatilities(AbstractVolatilitySurface):
    """Volatilities as quoted, strike by strike.

    Between quotes the variance is linear in log-strike; beyond the lowest and the highest quoted
    strike the volatility is constant. A quoted strike gets its quote. A strike keeps its
    volatility when the forward moves (sticky strike).

    Attributes:
        strike: quoted strikes, ascending in each row and positive; rows are padded by repeating
            the last quote. As listed: in the strike's own currency.
        quote: volatility of each strike, annualized, positive.
        scale: see `AbstractVolatilitySurface`.
    """

    strike: Float[Array, "pillar node"]
    quote: Float[Array, "pillar node"]
    scale: Float[Array, " pillar"]

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the shapes differ."""
        require(
            self.strike.shape == self.quote.shape and self.scale.shape == self.strike.shape[:1],
            "QuotedVolatilities needs strike and quote [pillar, node] and scale [pillar]; got "
            f"{self.strike.shape}, {self.quote.shape} and {self.scale.shape}.",
        )

    def volatility(
        self, pillar: Int[Array, " instrument"], strike: Float[Array, " instrument"]
    ) -> Float[Array, " instrument"]:
        """See `AbstractVolatilitySurface.volatility`."""
        variance = interpolate_rows(
            jnp.log(strike), jnp.log(self.strike)[pillar], jnp.square(self.quote)[pillar]
        )
        return jnp.sqrt(variance) * self.scale[pillar]
