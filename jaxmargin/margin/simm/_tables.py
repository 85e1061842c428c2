"""Weights, volatilities and thresholds of risk factors, looked up by their codes."""

from collections.abc import Sequence
from statistics import NormalDist

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxmargin.margin.simm._parameters import SimmParameters

__all__ = ["concentration_thresholds", "risk_weights", "vega_scales", "volatilities"]

_QUANTILE = NormalDist().inv_cdf(0.99)  # weights are moves at this level (paragraph 10)
_YEAR = 365.0
_MILLION = 1e6
_Codes = Int[Array, " here"]
_Values = Float[Array, " here"]


def risk_weights(kind: _Codes, place: _Codes, parameters: SimmParameters) -> _Values:
    """Risk weight of each factor."""
    w = parameters.weights
    return _look_up(
        kind,
        place,
        (
            w.rates,
            w.inflation,
            w.basis,
            w.rates_vega,
            w.rates_vega,
            w.credit_qualifying,
            jnp.full(13, w.credit_qualifying_vega),
            w.base_correlation,
            w.credit_non_qualifying,
            jnp.full(3, w.credit_non_qualifying_vega),
            w.equity,
            w.equity_vega,
            w.commodity,
            jnp.full(17, w.commodity_vega),
            w.fx,
            jnp.full(4, w.fx_vega),
        ),
    )


def volatilities(kind: _Codes, place: _Codes, parameters: SimmParameters) -> _Values:
    r"""Volatility in percent that weights imply, $RW \sqrt{365/d}\,/\,\Phi^{-1}(0.99)$.

    One where the sensitivity is not to a volatility, or is multiplied by one already.
    """
    w = parameters.weights
    scale = jnp.sqrt(_YEAR / parameters.volatility_days) / _QUANTILE
    one = jnp.ones(())
    implied = [one if size == 1 else jnp.ones(size) for size in (36, 1, 1, 1, 1, 13, 13, 1, 3, 3)]
    implied += [jnp.ones(13), w.equity * scale, jnp.ones(17), w.commodity * scale]
    implied += [jnp.ones(4), w.fx * scale]
    return _look_up(kind, place, implied)


def vega_scales(kind: _Codes, parameters: SimmParameters) -> _Values:
    """Historical volatility ratio of each factor where it scales vega, else one."""
    r = parameters.ratios
    one = jnp.ones(())
    scales = [one] * 11 + [r.equity, one, r.commodity, one, r.fx]
    return jnp.stack(scales)[kind]


def concentration_thresholds(kind: _Codes, place: _Codes, parameters: SimmParameters) -> _Values:
    """Concentration threshold of each factor in USD."""
    t = parameters.thresholds
    table = (
        t.rates,
        t.rates,
        t.rates,
        t.rates_vega,
        t.rates_vega,
        t.credit_qualifying,
        jnp.full(13, t.credit_qualifying_vega),
        jnp.full((), np.inf),  # base correlation does not concentrate
        t.credit_non_qualifying,
        jnp.full(3, t.credit_non_qualifying_vega),
        t.equity,
        t.equity_vega,
        t.commodity,
        t.commodity_vega,
        t.fx,
        t.fx_vega,
    )
    return _MILLION * _look_up(kind, place, table)


def _look_up(kind: _Codes, place: _Codes, tables: Sequence[Float[Array, "..."]]) -> _Values:
    """Values from one table for each kind, laid end to end."""
    sizes = [table.size for table in tables]
    start = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    flat = jnp.concatenate([table.reshape(-1) for table in tables])
    return flat[jnp.asarray(start)[kind] + place]
