"""Settings of SIMM; those of one holding period."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["SimmCorrelations", "SimmParameters", "SimmRatios", "SimmThresholds", "SimmWeights"]


class SimmWeights(eqx.Module):
    """Risk weights: loss for a unit of sensitivity. Buckets are in the order of their numbers.

    Attributes:
        rates: of interest rates, by volatility (regular, low, high) and tenor.
        inflation: of inflation rates.
        basis: of cross-currency basis.
        rates_vega: of vega of rates and inflation.
        credit_qualifying: by bucket, the residual one last.
        credit_qualifying_vega: of every bucket.
        base_correlation: of every index.
        credit_non_qualifying: by bucket, the residual one last.
        credit_non_qualifying_vega: of every bucket.
        equity: by bucket, the residual one last.
        equity_vega: by bucket, the residual one last.
        commodity: by bucket.
        commodity_vega: of every bucket.
        fx: by volatility of the calculation currency and of the currency (regular, high); it also
            gives the volatility of a pair.
        fx_vega: of every pair.
    """

    rates: Float[Array, "3 12"] = eqx.field(converter=jnp.asarray)
    inflation: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    basis: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    rates_vega: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    credit_qualifying: Float[Array, "13"] = eqx.field(converter=jnp.asarray)
    credit_qualifying_vega: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    base_correlation: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    credit_non_qualifying: Float[Array, "3"] = eqx.field(converter=jnp.asarray)
    credit_non_qualifying_vega: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    equity: Float[Array, "13"] = eqx.field(converter=jnp.asarray)
    equity_vega: Float[Array, "13"] = eqx.field(converter=jnp.asarray)
    commodity: Float[Array, "17"] = eqx.field(converter=jnp.asarray)
    commodity_vega: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    fx: Float[Array, "2 2"] = eqx.field(converter=jnp.asarray)
    fx_vega: Float[Array, ""] = eqx.field(converter=jnp.asarray)


class SimmRatios(eqx.Module):
    """Historical volatility over the one that the weights imply.

    Attributes:
        rates: scales curvature alone, by its square's inverse.
        equity: scales vega.
        commodity: scales vega.
        fx: scales vega.
    """

    rates: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    equity: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    commodity: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    fx: Float[Array, ""] = eqx.field(converter=jnp.asarray)


class SimmThresholds(eqx.Module):
    """Net sensitivities, in millions, above which concentration counts; infinite for never.

    Attributes:
        rates: by currency: high volatility, regular and well traded, regular and less well
            traded, low volatility.
        rates_vega: the same.
        credit_qualifying: by bucket, the residual one last.
        credit_qualifying_vega: of every bucket.
        credit_non_qualifying: by bucket, the residual one last.
        credit_non_qualifying_vega: of every bucket.
        equity: by bucket, the residual one last.
        equity_vega: by bucket, the residual one last.
        commodity: by bucket.
        commodity_vega: by bucket.
        fx: by currency: significantly material, frequently traded, others.
        fx_vega: by the two currencies of a pair.
    """

    rates: Float[Array, "4"] = eqx.field(converter=jnp.asarray)
    rates_vega: Float[Array, "4"] = eqx.field(converter=jnp.asarray)
    credit_qualifying: Float[Array, "13"] = eqx.field(converter=jnp.asarray)
    credit_qualifying_vega: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    credit_non_qualifying: Float[Array, "3"] = eqx.field(converter=jnp.asarray)
    credit_non_qualifying_vega: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    equity: Float[Array, "13"] = eqx.field(converter=jnp.asarray)
    equity_vega: Float[Array, "13"] = eqx.field(converter=jnp.asarray)
    commodity: Float[Array, "17"] = eqx.field(converter=jnp.asarray)
    commodity_vega: Float[Array, "17"] = eqx.field(converter=jnp.asarray)
    fx: Float[Array, "3"] = eqx.field(converter=jnp.asarray)
    fx_vega: Float[Array, "3 3"] = eqx.field(converter=jnp.asarray)


class SimmCorrelations(eqx.Module):
    """Correlations of risk factors in a bucket, of buckets, and of risk classes.

    Attributes:
        risk_classes: of risk classes in a product class, in the order of `RISK_CLASSES`.
        tenors: of tenors of a currency's rates, and of their volatilities.
        curves: factor for two curves of one currency.
        inflation: of inflation with rates, and of their volatilities.
        basis: of cross-currency basis with rates and inflation.
        currencies: of two currencies' rates.
        credit_qualifying: of the same issuer and seniority, and of different ones.
        credit_qualifying_residual: of any two in the residual bucket.
        credit_qualifying_buckets: of buckets.
        base_correlation: of two indices.
        credit_non_qualifying: of the same group of underlying names, and of different ones.
        credit_non_qualifying_residual: of any two in the residual bucket.
        credit_non_qualifying_buckets: of the two buckets.
        equity: in each bucket, the residual one last.
        equity_buckets: of buckets.
        commodity: in each bucket.
        commodity_buckets: of buckets.
        fx: by volatility of the calculation currency, then of the two (regular, high).
        fx_vega: of two pairs.
    """

    risk_classes: Float[Array, "6 6"] = eqx.field(converter=jnp.asarray)
    tenors: Float[Array, "12 12"] = eqx.field(converter=jnp.asarray)
    curves: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    inflation: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    basis: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    currencies: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    credit_qualifying: Float[Array, "2"] = eqx.field(converter=jnp.asarray)
    credit_qualifying_residual: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    credit_qualifying_buckets: Float[Array, "12 12"] = eqx.field(converter=jnp.asarray)
    base_correlation: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    credit_non_qualifying: Float[Array, "2"] = eqx.field(converter=jnp.asarray)
    credit_non_qualifying_residual: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    credit_non_qualifying_buckets: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    equity: Float[Array, "13"] = eqx.field(converter=jnp.asarray)
    equity_buckets: Float[Array, "12 12"] = eqx.field(converter=jnp.asarray)
    commodity: Float[Array, "17"] = eqx.field(converter=jnp.asarray)
    commodity_buckets: Float[Array, "17 17"] = eqx.field(converter=jnp.asarray)
    fx: Float[Array, "2 2 2"] = eqx.field(converter=jnp.asarray)
    fx_vega: Float[Array, ""] = eqx.field(converter=jnp.asarray)


class SimmParameters(eqx.Module):
    """Every figure of SIMM for one holding period.

    Attributes:
        volatility_days: days over which the weights of equity, commodity and FX are moves; they
            imply volatilities, and scale curvature: 14 for ten days, 1.4 for one.
        weights: risk weights.
        ratios: historical volatility ratios.
        thresholds: concentration thresholds.
        correlations: correlations.
    """

    volatility_days: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    weights: SimmWeights
    ratios: SimmRatios
    thresholds: SimmThresholds
    correlations: SimmCorrelations
