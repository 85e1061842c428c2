"""Smiles by formula: total variance as a function of log-moneyness."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.errors import require
from jaxmargin.market._surfaces import AbstractVolatilitySurface

__all__ = ["SSVI", "SVI", "AbstractSmiles", "SmileVolatilities"]


class AbstractSmiles(eqx.Module):
    """A batch of smiles of one form, one entry of each array per smile."""

    @abc.abstractmethod
    def total_variance(self, log_moneyness: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        r"""Implied variance times years at $k = \ln(K / F)$.

        For one smile at any number of $k$, or for as many smiles as `log_moneyness` has entries.
        """


class SVI(AbstractSmiles):
    r"""Raw "stochastic volatility inspired" smiles, each with five numbers of its own.

    $$ w(k) = a + b \big(\rho (k - m) + \sqrt{(k - m)^2 + \sigma^2}\big), $$

    positive if $a + b \sigma \sqrt{1 - \rho^2} > 0$. Far from $m$ it is linear, with slopes
    $b (\rho \pm 1)$.

    Attributes:
        level: $a$.
        slope: $b$, not negative.
        correlation: $\rho$, in (-1, 1).
        center: $m$.
        width: $\sigma$, positive.

    References:
        Gatheral, J. and Jacquier, A. (2014), "Arbitrage-free SVI volatility surfaces",
        Quantitative Finance 14, 59-71, equation 3.1.
    """

    level: Float[Array, "*smile"]
    slope: Float[Array, "*smile"]
    correlation: Float[Array, "*smile"]
    center: Float[Array, "*smile"]
    width: Float[Array, "*smile"]

    def total_variance(self, log_moneyness: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """See `AbstractSmiles.total_variance`."""
        distance = log_moneyness - self.center
        root = jnp.sqrt(jnp.square(distance) + jnp.square(self.width))
        return self.level + self.slope * (self.correlation * distance + root)


class SSVI(AbstractSmiles):
    r"""Surface SVI with power-law curvature: one number per expiry, three for all of an asset.

    $$ w(k) = \frac\theta2 \Big(1 + \rho \varphi k + \sqrt{(\varphi k + \rho)^2 + 1 - \rho^2}\Big),
       \qquad \varphi(\theta) = \frac{\eta}{\theta^\gamma (1 + \theta)^{1 - \gamma}}. $$

    With the same $\rho$, $\eta$ and $\gamma$ at all expiries of an asset there is no calendar
    arbitrage if $\theta$ does not fall with time; for butterflies see `butterfly_bound`.

    Attributes:
        variance: $\theta$, total variance at the money, positive.
        correlation: $\rho$, in (-1, 1).
        curvature: $\eta$, positive.
        power: $\gamma$, in (0, 1).

    References:
        Gatheral, J. and Jacquier, A. (2014), "Arbitrage-free SVI volatility surfaces",
        Quantitative Finance 14, 59-71: equations 4.1 and 4.5, theorems 4.1 and 4.2.
    """

    variance: Float[Array, "*smile"]
    correlation: Float[Array, "*smile"]
    curvature: Float[Array, "*smile"]
    power: Float[Array, "*smile"]

    def total_variance(self, log_moneyness: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """See `AbstractSmiles.total_variance`."""
        tilt = self._steepness() * log_moneyness
        root = jnp.sqrt(jnp.square(tilt + self.correlation) + 1.0 - jnp.square(self.correlation))
        return 0.5 * self.variance * (1.0 + self.correlation * tilt + root)

    def butterfly_bound(self) -> Float[Array, "*smile"]:
        r"""The larger of $\theta \varphi (1 + |\rho|) / 4$ and $\theta \varphi^2 (1 + |\rho|) / 4$.

        Below 1 no butterfly has a negative price at any strike. Above 1 some may, far out.
        """
        steepness = self._steepness()
        largest = jnp.maximum(steepness, jnp.square(steepness))
        return 0.25 * self.variance * largest * (1.0 + jnp.abs(self.correlation))

    def _steepness(self) -> Float[Array, "*smile"]:
        rest = (1.0 + self.variance) ** (1.0 - self.power)
        return self.curvature / (self.variance**self.power * rest)


class SmileVolatilities(AbstractVolatilitySurface):
    """Volatilities from one smile for each pillar.

    Beyond the strikes that a smile was fitted to it goes on as its formula says.

    Attributes:
        smiles: smile of each pillar; one that is missing has NaN, and NaN volatilities.
        forward: forward price of each pillar from which the smile counts moneyness.
        time: years to expiry that its total variance is for; a pillar with zero has volatility
            zero.
        scale: see `AbstractVolatilitySurface`.
    """

    smiles: AbstractSmiles
    forward: Float[Array, " pillar"]
    time: Float[Array, " pillar"]
    scale: Float[Array, " pillar"]

    def __check_init__(self) -> None:
        """Raises `InvalidInputError` if the shapes differ."""
        shapes = {leaf.shape for leaf in jax.tree.leaves(self.smiles)}
        shapes |= {self.forward.shape, self.time.shape, self.scale.shape}
        require(
            len(shapes) == 1,
            f"SmileVolatilities needs one entry per pillar in every field; got shapes {shapes}.",
        )

    def volatility(
        self, pillar: Int[Array, " instrument"], strike: Float[Array, " instrument"]
    ) -> Float[Array, " instrument"]:
        """See `AbstractVolatilitySurface.volatility`."""
        smile: AbstractSmiles = jax.tree.map(lambda leaf: leaf[pillar], self.smiles)
        variance = smile.total_variance(jnp.log(strike / self.forward[pillar]))
        time = self.time[pillar]
        some = (variance != 0.0) & (time > 0.0)  # the derivative of sqrt at zero is infinite
        annual = jnp.where(some, variance, 1.0) / jnp.where(some, time, 1.0)
        return jnp.where(some, jnp.sqrt(annual), 0.0) * self.scale[pillar]
