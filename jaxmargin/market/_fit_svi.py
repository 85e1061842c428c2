"""Calibration of SVI: a smile of its own for every expiry."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmargin.market._calibration import (
    Quotes,
    SmileFit,
    judge,
    masked_quotes,
    negligible_error,
    typical_variance,
)
from jaxmargin.market._smiles import SVI
from jaxmargin.numerics import LeastSquares, minimize_squares

__all__ = ["fit_svi"]

_NUMBERS = 5
_STEPS = 100
_CENTERS = (-0.5, 0.0, 0.5)  # first guesses, in standard deviations of the log price
_NARROWEST = 1e-3  # width in the same unit: a smile has no corner
_STEEPEST = 2.0  # slope of total variance in log-strike: Lee (2004)


@jax.jit
def fit_svi(
    log_moneyness: Float[Array, "expiry quote"],
    total_variance: Float[Array, "expiry quote"],
    weight: Float[Array, "expiry quote"],
    mask: Bool[Array, "expiry quote"],
) -> tuple[SVI, SmileFit]:
    r"""SVI of each expiry that minimizes $\sum_i \omega_i^2 (\sqrt{w(k_i)} - \sqrt{w_i})^2$.

    Total variance is positive at every strike and its slopes stay within Lee's bound,
    $b (1 + |\rho|) < 2$; what lies between is for `find_arbitrage` to judge. Five numbers describe
    many smiles more than well enough, so that others may fit the same quotes as well: compare
    smiles, not parameters.

    Solved by Levenberg and Marquardt's method from three starts, all expiries at once.

    Args:
        log_moneyness: $k_i = \ln(K_i / F)$.
        total_variance: $w_i = \sigma_i^2 T$, positive.
        weight: $\omega_i$, not negative; see `quote_weight`. Weight zero is no quote.
        mask: whether there is a quote.

    References:
        Lee, R. (2004), "The moment formula for implied volatility at extreme strikes",
        Mathematical Finance 14, 469-480.
    """
    quotes = masked_quotes(log_moneyness, total_variance, weight, mask)
    smiles, converged = jax.vmap(_fit_one)(quotes)
    enough = jnp.sum(quotes.weight > 0.0, axis=1) >= _NUMBERS
    return judge(smiles, quotes, enough, converged)


def _fit_one(quotes: Quotes) -> tuple[SVI, Bool[Array, ""]]:
    """The smile of one expiry, and whether it converged."""
    variance = typical_variance(quotes)  # the unit of what is solved
    deviation = jnp.sqrt(variance)
    k, volatility = quotes.log_moneyness / deviation, jnp.sqrt(quotes.total_variance / variance)
    negligible = negligible_error(quotes) / deviation

    def smile_of(parameters: Float[Array, " parameter"]) -> SVI:
        return _smile(parameters, _STEEPEST / deviation)

    def residual(parameters: Float[Array, " parameter"]) -> Float[Array, " quote"]:
        return quotes.weight * (jnp.sqrt(smile_of(parameters).total_variance(k)) - volatility)

    def solve(center: Float[Array, ""]) -> LeastSquares:
        slope = jnp.log(0.1 * deviation)  # 0.2 in these units, a moderate smile
        start = jnp.stack([jnp.log(0.8), slope, slope, center, 0.0])
        return minimize_squares(residual, start, steps=_STEPS, negligible=negligible)

    fits = jax.vmap(solve)(jnp.asarray(_CENTERS, k.dtype))
    best = jnp.argmin(jnp.where(jnp.isfinite(fits.cost), fits.cost, jnp.inf))
    smile = smile_of(fits.parameters[best])
    smile = SVI(
        level=smile.level * variance,
        slope=smile.slope * deviation,
        correlation=smile.correlation,
        center=smile.center * deviation,
        width=smile.width * deviation,
    )
    return smile, fits.converged[best]


def _smile(parameters: Float[Array, " parameter"], steepest: Float[Array, ""]) -> SVI:
    r"""SVI from any five numbers: its least variance, slopes at both ends, center and width.

    With slopes $r = b (1 + \rho)$ and $l = b (1 - \rho)$ the least variance is
    $a + \sigma \sqrt{r l}$.
    """
    least, right, left, center, width = parameters
    right, left = steepest * jax.nn.sigmoid(right), steepest * jax.nn.sigmoid(left)
    width = _NARROWEST + jnp.exp(width)
    return SVI(
        level=jnp.exp(least) - width * jnp.sqrt(right * left),
        slope=0.5 * (right + left),
        correlation=(right - left) / (right + left),
        center=center,
        width=width,
    )
