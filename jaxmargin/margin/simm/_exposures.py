"""Net sensitivities of risk factors, weighted for delta, vega and curvature."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxmargin.margin.simm._codes import SENSITIVITY_MEASURE, TENOR_DAYS, RiskType
from jaxmargin.margin.simm._parameters import SimmParameters
from jaxmargin.margin.simm._sensitivities import SimmSensitivities
from jaxmargin.margin.simm._tables import (
    concentration_thresholds,
    risk_weights,
    vega_scales,
    volatilities,
)

__all__ = ["curvature_exposures", "weighted_exposures"]

_TWO_WEEKS = 14.0
_NO_CURVATURE = 11  # equity's bucket 12, indices of volatility, counted from zero


def weighted_exposures(
    sensitivities: SimmSensitivities, parameters: SimmParameters
) -> tuple[Float[Array, " factor"], Float[Array, " factor"], Float[Array, " bucket"]]:
    """Weighted sensitivity of each factor, its concentration, and that of each currency's rates.

    Cross-currency basis neither counts for concentration nor is scaled by it.
    """
    s = sensitivities
    net = jax.ops.segment_sum(s.amount, s.row_factor, s.kind.size)
    net = net * volatilities(s.kind, s.weight, parameters) * vega_scales(s.kind, parameters)
    basis = s.kind == RiskType.BASIS
    counted = jnp.where(basis, 0.0, net)
    grouped = jax.ops.segment_sum(counted, s.group, s.kind.size)[s.group]
    limit = concentration_thresholds(s.kind, s.threshold, parameters)
    concentration = jnp.where(basis, 1.0, _concentration(grouped, limit))
    weighted = risk_weights(s.kind, s.weight, parameters) * net * concentration
    # a currency's factors share one place in the thresholds; of other buckets nobody asks
    kind, place = (_highest(code, s) for code in (s.kind, s.threshold))
    by_currency = _concentration(
        jax.ops.segment_sum(counted, s.bucket, s.code.size),
        concentration_thresholds(kind, place, parameters),
    )
    return weighted, concentration, by_currency


def curvature_exposures(
    sensitivities: SimmSensitivities, parameters: SimmParameters
) -> Float[Array, " factor"]:
    """Curvature exposure of each factor that is a volatility; zero for all others."""
    s = sensitivities
    days = jnp.asarray(TENOR_DAYS)[s.row_tenor]
    # what 14 days are to ten, volatility_days are to the holding period
    scale = 0.5 * jnp.minimum(1.0, _TWO_WEEKS / days) * parameters.volatility_days / _TWO_WEEKS
    net = jax.ops.segment_sum(s.amount * scale, s.row_factor, s.kind.size)
    vega = jnp.asarray(SENSITIVITY_MEASURE)[s.kind] == 1
    index = (s.kind == RiskType.EQUITY_VEGA) & (s.code[s.bucket] == _NO_CURVATURE)
    return jnp.where(vega & ~index, net * volatilities(s.kind, s.weight, parameters), 0.0)


def _concentration(
    net: Float[Array, " here"], limit: Float[Array, " here"]
) -> Float[Array, " here"]:
    share = jnp.abs(net) / limit
    high = share > 1.0
    return jnp.where(high, jnp.sqrt(jnp.where(high, share, 1.0)), 1.0)


def _highest(code: Int[Array, " factor"], s: SimmSensitivities) -> Int[Array, " bucket"]:
    return jnp.maximum(jax.ops.segment_max(code, s.bucket, s.code.size), 0)
