"""Volatility surfaces: the volatility of a strike at an expiry."""

import abc
import enum

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require
from jaxmargin.numerics import interpolate_rows, interpolate_rows_monotone, monotone_slopes

__all__ = ["AbstractVolatilitySurface", "Interpolation", "QuotedVolatilities"]


class AbstractVolatilitySurface(eqx.Module):
    """Implied volatility by pillar and strike, for the forwards at which it was built.

    What a strike's volatility becomes when forwards move is `AbstractSmileDynamics`.

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


class Interpolation(enum.Enum):
    """How variance runs between quotes, in log-strike.

    Attributes:
        LINEAR: straight lines.
        MONOTONE_CUBIC: smooth, and between two quotes never beyond either; see
            `numerics.monotone_slopes`.
    """

    LINEAR = "linear"
    MONOTONE_CUBIC = "monotone cubic"


class QuotedVolatilities(AbstractVolatilitySurface):
    """Volatilities as quoted, strike by strike.

    Between quotes the variance follows `interpolation`; beyond the lowest and the highest quoted
    strike the volatility is constant. A quoted strike gets its quote.

    Attributes:
        strike: quoted strikes, ascending in each row and positive; rows are padded by repeating
            the last quote. As listed: in the strike's own currency.
        quote: volatility of each strike, annualized, positive.
        scale: see `AbstractVolatilitySurface`.
        interpolation: between quotes, in log-strike.
    """

    strike: Float[Array, "pillar node"]
    quote: Float[Array, "pillar node"]
    scale: Float[Array, " pillar"]
    interpolation: Interpolation = eqx.field(static=True, default=Interpolation.LINEAR)

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
        x, nodes, values = jnp.log(strike), jnp.log(self.strike), jnp.square(self.quote)
        if self.interpolation is Interpolation.LINEAR:
            variance = interpolate_rows(x, nodes[pillar], values[pillar])
        else:
            slopes = monotone_slopes(nodes, values)
            variance = interpolate_rows_monotone(x, nodes[pillar], values[pillar], slopes[pillar])
        return jnp.sqrt(variance) * self.scale[pillar]
