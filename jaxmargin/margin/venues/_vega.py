"""Risk factors of Vega: expected shortfall of a lognormal price."""

from math import erfc, exp, sqrt
from statistics import NormalDist
from typing import NamedTuple

from jaxmargin.errors import require

__all__ = ["LognormalTail", "VegaRiskFactors", "lognormal_tail", "vega_risk_factors"]


class LognormalTail(NamedTuple):
    """Value at risk and expected shortfall, loss positive: negative where the price pays."""

    value_at_risk: float
    expected_shortfall: float


class VegaRiskFactors(NamedTuple):
    """Margin of one unit of a long and of a short position, as a share of its mark value."""

    long: float
    short: float


def lognormal_tail(mu: float, sigma: float, alpha: float, *, short: bool) -> LognormalTail:
    r"""Tail of holding, or owing, a price $X$ with $\ln X$ normal.

    With $q$ the normal quantile, a long position has $\mathrm{VaR} = -e^{\mu + \sigma q(\alpha)}$
    and $\mathrm{ES} = -\frac1\alpha e^{\mu + \sigma^2/2}\, \Phi(q(\alpha) - \sigma)$; a short one
    $e^{\mu + \sigma q(1 - \alpha)}$ and
    $\frac1\alpha e^{\mu + \sigma^2/2}\, \Phi(\sigma + q(\alpha))$.

    Args:
        mu: mean of $\ln X$.
        sigma: standard deviation of $\ln X$; positive.
        alpha: share of outcomes in the tail, in (0, 1).
        short: whether the price is owed.

    Raises:
        InvalidInputError: if sigma is not positive or alpha is outside (0, 1).

    References:
        Vega Protocol, quant, riskmeasures.
    """
    require(0.0 < alpha < 1.0, f"alpha must lie in (0, 1); got {alpha!r}. Write 1 % as 0.01.")
    require(sigma > 0.0, f"sigma must be positive; got {sigma!r}.")
    quantile = NormalDist().inv_cdf(alpha)  # the upper one is its mirror: 1 - alpha would round
    mean = exp(mu + 0.5 * sigma**2) / alpha
    if short:
        return LognormalTail(exp(mu - sigma * quantile), mean * _normal_cdf(quantile + sigma))
    return LognormalTail(-exp(mu + sigma * quantile), -mean * _normal_cdf(quantile - sigma))


def vega_risk_factors(
    *, mu: float, sigma: float, risk_aversion: float, horizon_years: float
) -> VegaRiskFactors:
    r"""Risk factors of a future whose price is a geometric Brownian motion.

    The log return over the horizon $\tau$ has mean $(\mu - \sigma^2/2)\tau$ and standard deviation
    $\sigma \sqrt\tau$; the factors are $\mathrm{ES}_\mathrm{short} - 1$ and
    $\mathrm{ES}_\mathrm{long} + 1$. Maintenance margin is mark price times volume times the
    factor. Left out: slippage, and the multipliers for search, initial and release levels.

    Args:
        mu: annual drift.
        sigma: annualized volatility; positive.
        risk_aversion: share of outcomes in the tail, in (0, 1).
        horizon_years: $\tau$; positive.

    Raises:
        InvalidInputError: if sigma or the horizon is not positive, or risk aversion is outside
            (0, 1).

    References:
        Vega Protocol, quant, riskmodelbs.
    """
    require(horizon_years > 0.0, f"horizon_years must be positive; got {horizon_years!r}.")
    require(sigma > 0.0, f"sigma must be positive; got {sigma!r}.")
    mean, deviation = (mu - 0.5 * sigma**2) * horizon_years, sigma * sqrt(horizon_years)
    long = lognormal_tail(mean, deviation, risk_aversion, short=False)
    short = lognormal_tail(mean, deviation, risk_aversion, short=True)
    return VegaRiskFactors(long=long.expected_shortfall + 1.0, short=short.expected_shortfall - 1.0)


def _normal_cdf(x: float) -> float:
    return 0.5 * erfc(-x / sqrt(2.0))
