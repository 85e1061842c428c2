"""ISDA SIMM. Commercial use of ISDA SIMM needs a licence from ISDA."""

from statistics import NormalDist

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmargin.margin.simm._codes import (
    MEASURES,
    PRODUCT_CLASSES,
    RISK_CLASSES,
    RiskType,
)
from jaxmargin.margin.simm._correlations import (
    bucket_correlations,
    factor_correlations,
    is_residual,
)
from jaxmargin.margin.simm._exposures import curvature_exposures, weighted_exposures
from jaxmargin.margin.simm._parameters import SimmParameters
from jaxmargin.margin.simm._result import SimmMargin
from jaxmargin.margin.simm._sensitivities import SimmAddOns, SimmSensitivities
from jaxmargin.numerics import exact_einsum, exact_matmul

__all__ = ["margin_simm"]

_QUANTILE = NormalDist().inv_cdf(0.995)
_TAIL = _QUANTILE**2 - 1.0  # curvature's factor where every exposure is a gain (paragraph 11)
_SHAPE = (len(PRODUCT_CLASSES), len(RISK_CLASSES), len(MEASURES))
_CURVATURE = MEASURES.index("curvature")
_Factors = Float[Array, " factor"]
_Buckets = Float[Array, " bucket"]


def margin_simm(
    sensitivities: SimmSensitivities, add_ons: SimmAddOns, parameters: SimmParameters
) -> SimmMargin:
    r"""Initial margin of one account by ISDA SIMM; pure, for `jit` and `vmap` over accounts.

    Commercial use of ISDA SIMM needs a licence from ISDA. There is no risk class for crypto assets.

    In each product class, risk class and measure, with weighted net sensitivities
    $WS_k = RW_k\, s_k\, CR_k$, $CR_k = \max(1, \sqrt{|s_k| / T})$,

    $$ K_b = \sqrt{\textstyle\sum_{kl} \rho_{kl} f_{kl} WS_k WS_l}, \quad
       f_{kl} = \frac{\min(CR_k, CR_l)}{\max(CR_k, CR_l)}, \quad
       S_b = \max(\min(\textstyle\sum_k WS_k, K_b), -K_b), $$
    $$ M = \sqrt{\textstyle\sum_b K_b^2 + \sum_{b \ne c} \gamma_{bc}\, g_{bc} S_b S_c}
       + K_\mathrm{residual}. $$

    $f$ is one for rates, and $g$, the same ratio of currencies, is one for all else. Curvature has
    exposures $CVR_k = \sum \frac12 \min(1, 14/t)\, \sigma\, \mathrm{vega}$ (for one day a tenth of
    that), squared correlations, and

    $$ C = \max\big(\textstyle\sum CVR + \lambda \sqrt{\sum_b K_b^2 + \sum_{b \ne c}
       \gamma_{bc}^2 S_b S_c},\, 0\big), \quad
       \lambda = (\Phi^{-1}(0.995)^2 - 1)(1 + \theta) - \theta, \quad
       \theta = \min\big(\textstyle\sum CVR / \sum |CVR|,\, 0\big), $$

    the residual bucket apart. Measures add up to risk classes, which correlate by $\psi$ to product
    classes, which add up. Memory grows with the square of the number of risk factors.

    Not differentiable where a bucket's margin or net concentration is zero, at a threshold, where
    $|S_b| = K_b$ is reached, where a curvature margin reaches zero, and where $\theta$ does; one
    side's derivative is given.

    Args:
        sensitivities: rows of the account.
        add_ons: multipliers, notional and fixed amounts agreed.
        parameters: settings of the holding period.

    References:
        ISDA (2022), "ISDA SIMM Methodology, version 2.5", sections A, B and K.
    """
    s, c = sensitivities, parameters.correlations
    correlation = factor_correlations(s, c)
    across = bucket_correlations(s, c)
    linear = _linear(s, parameters, correlation, across)
    curvature = _curvature(s, parameters, correlation, across)
    components = linear.at[:, :, _CURVATURE].set(curvature)
    by_class = jnp.sum(components, axis=-1)
    by_product = _root(exact_einsum("pr,rs,ps->p", by_class, c.risk_classes, by_class))
    added = {
        "multipliers": jnp.sum((add_ons.multiplier - 1.0) * by_product),
        "notional": jnp.sum(add_ons.factor * add_ons.notional),
        "fixed": add_ons.fixed,
    }
    return SimmMargin(
        total=jnp.sum(by_product) + sum(added.values()),
        by_product=by_product,
        by_risk_class=by_class,
        components=components,
        add_ons=added,
    )


def _linear(
    s: SimmSensitivities,
    parameters: SimmParameters,
    correlation: Float[Array, "factor factor"],
    across: Float[Array, "bucket bucket"],
) -> Float[Array, "product risk_class measure"]:
    """Delta, vega and base correlation margin."""
    weighted, concentration, by_currency = weighted_exposures(s, parameters)
    rates = s.kind <= RiskType.INFLATION_VEGA
    correlation = correlation * jnp.where(rates[:, None], 1.0, _ratio(concentration))
    rates = s.risk_class == 0
    across = across * jnp.where(rates[:, None], _ratio(by_currency), 1.0)
    squared, bounded = _buckets(s, weighted, correlation)
    residual = is_residual(s)
    outer = jnp.where(residual, 0.0, squared + bounded * exact_matmul(across, bounded))
    apart = jnp.where(residual, _root(squared), 0.0)
    place = (s.product * _SHAPE[1] + s.risk_class) * _SHAPE[2] + s.measure
    sums = (_sum(part, place, _SHAPE[0] * _SHAPE[1] * _SHAPE[2]) for part in (outer, apart))
    outer, apart = sums
    return (_root(outer) + apart).reshape(_SHAPE)


def _curvature(
    s: SimmSensitivities,
    parameters: SimmParameters,
    correlation: Float[Array, "factor factor"],
    across: Float[Array, "bucket bucket"],
) -> Float[Array, "product risk_class"]:
    exposure = curvature_exposures(s, parameters)
    squared, bounded = _buckets(s, exposure, correlation**2)
    residual = is_residual(s)
    inner = jnp.where(residual, squared, squared + bounded * exact_matmul(across**2, bounded))
    # groups: product and risk class, first without and then of the residual bucket
    place = (s.product * _SHAPE[1] + s.risk_class) * 2 + residual
    size = _SHAPE[0] * _SHAPE[1] * 2
    net, gross = (_sum(part, place[s.bucket], size) for part in (exposure, jnp.abs(exposure)))
    theta = jnp.minimum(net / jnp.where(gross > 0.0, gross, 1.0), 0.0)
    factor = _TAIL * (1.0 + theta) - theta
    margin = jnp.maximum(net + factor * _root(_sum(inner, place, size)), 0.0)
    by_class = jnp.sum(margin.reshape(_SHAPE[0], _SHAPE[1], 2), axis=-1)
    return by_class.at[:, 0].divide(parameters.ratios.rates**2)


def _buckets(
    s: SimmSensitivities, weighted: _Factors, correlation: Float[Array, "factor factor"]
) -> tuple[_Buckets, _Buckets]:
    """Each bucket's squared margin, and its net exposure within plus and minus its margin."""
    size = s.code.size
    squared = _sum(weighted * exact_matmul(correlation, weighted), s.bucket, size)
    margin = _root(squared)
    return squared, jnp.clip(_sum(weighted, s.bucket, size), -margin, margin)


def _sum(values: Array, place: Array, size: int) -> Array:
    return jax.ops.segment_sum(values, place, size)


def _ratio(concentration: Float[Array, " here"]) -> Float[Array, "here here"]:
    one, other = concentration[:, None], concentration[None, :]
    return jnp.minimum(one, other) / jnp.maximum(one, other)


def _root(squared: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Square root; zero, with derivative zero, where rounding leaves nothing or less."""
    positive = squared > 0.0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1.0)), 0.0)
