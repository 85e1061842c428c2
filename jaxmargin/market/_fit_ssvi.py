"""Calibration of SSVI: one surface for all expiries of an asset."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmargin.market._calibration import (
    Quotes,
    SmileFit,
    judge,
    masked_quotes,
    negligible_error,
    total_variance_rows,
    typical_variance,
)
from jaxmargin.market._smiles import SSVI
from jaxmargin.numerics import minimize_squares

__all__ = ["fit_ssvi"]

_STEPS = 60
_SHARED = 3  # numbers that all expiries share


@jax.jit
def fit_ssvi(
    log_moneyness: Float[Array, "expiry quote"],
    total_variance: Float[Array, "expiry quote"],
    weight: Float[Array, "expiry quote"],
    mask: Bool[Array, "expiry quote"],
) -> tuple[SSVI, SmileFit]:
    r"""SSVI of one asset, the best for all its expiries together.

    Minimizes $\sum_{e,i} \omega_{ei}^2 (\sqrt{w_e(k_{ei})} - \sqrt{w_{ei}})^2$ over expiries $e$.
    $\theta$ never falls from an expiry to the next, so that there is no calendar arbitrage; for
    butterflies see `SSVI.butterfly_bound`. The shared numbers make it stiffer than SVI: it fits
    less well, and rather a calm market than a crash.

    Solved by Levenberg and Marquardt's method, all expiries together.

    Args:
        log_moneyness: $k_{ei} = \ln(K_{ei} / F_e)$, expiries in order of time.
        total_variance: $w_{ei} = \sigma_{ei}^2 T_e$, positive.
        weight: $\omega_{ei}$, not negative; `quote_weight` over $\sqrt{T_e}$ lets errors in
            volatility count alike at all expiries. Weight zero is no quote.
        mask: whether there is a quote. An expiry without quotes gets no smile.
    """
    quotes = masked_quotes(log_moneyness, total_variance, weight, mask)
    expiries = quotes.weight.shape[0]
    quoted = jnp.any(quotes.weight > 0.0, axis=1)
    step = _first_steps(quotes, quoted)

    def smiles_of(parameters: Float[Array, " parameter"]) -> SSVI:
        correlation, curvature, power = (
            jnp.broadcast_to(x, (expiries,)) for x in parameters[expiries:]
        )
        return SSVI(
            variance=jnp.cumsum(step * jnp.exp(parameters[:expiries])),
            correlation=jnp.tanh(correlation),
            curvature=jnp.exp(curvature),
            power=jax.nn.sigmoid(power),
        )

    def residual(parameters: Float[Array, " parameter"]) -> Float[Array, " residual"]:
        model = total_variance_rows(smiles_of(parameters), quotes)
        return (quotes.weight * (jnp.sqrt(model) - jnp.sqrt(quotes.total_variance))).reshape(-1)

    start = jnp.zeros(expiries + _SHARED, step.dtype)
    fit = minimize_squares(residual, start, steps=_STEPS, negligible=negligible_error(quotes))
    enough = jnp.sum(quotes.weight > 0.0) >= jnp.sum(quoted) + _SHARED
    converged = jnp.broadcast_to(fit.converged, (expiries,))
    return judge(smiles_of(fit.parameters), quotes, quoted & enough, converged)


def _first_steps(quotes: Quotes, quoted: Bool[Array, " expiry"]) -> Float[Array, " expiry"]:
    """First guess of the rise of the variance at the money from expiry to expiry, positive."""
    typical = jax.lax.cummax(jnp.where(quoted, typical_variance(quotes), 0.0))
    rise = jnp.diff(typical, prepend=jnp.zeros_like(typical[:1]))
    # At least a thousandth: a factor cannot make more of nothing.
    return jnp.maximum(rise, 1e-3 * typical) + jnp.finfo(typical.dtype).tiny
