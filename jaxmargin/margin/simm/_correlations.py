"""Correlations of risk factors in a bucket, and of buckets."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmargin.margin.simm._codes import RESIDUAL_BUCKETS, RiskType
from jaxmargin.margin.simm._parameters import SimmCorrelations
from jaxmargin.margin.simm._sensitivities import SimmSensitivities

__all__ = ["bucket_correlations", "factor_correlations", "is_residual"]

_BUCKETS = 17  # most that a risk class has


def factor_correlations(
    sensitivities: SimmSensitivities, correlations: SimmCorrelations
) -> Float[Array, "factor factor"]:
    """Correlation of each two factors of one bucket; one on the diagonal, zero across buckets."""
    s, kind = sensitivities, sensitivities.kind
    rates = _rates(s, correlations)
    calculation, volatile = s.weight // 2, s.weight % 2
    spot = kind == RiskType.FX
    fx = correlations.fx[
        jnp.where(spot, calculation, 0)[:, None],
        jnp.where(spot, volatile, 0)[:, None],
        jnp.where(spot, volatile, 0)[None, :],
    ]
    same, different = (table[kind, s.code[s.bucket]] for table in _by_bucket(correlations))
    others = jnp.where(_equal(s.issuer), same[:, None], different[:, None])
    found = jnp.where((kind <= RiskType.INFLATION_VEGA)[:, None], rates, others)
    found = jnp.where(spot[:, None], fx, found)
    found = jnp.where(_equal(s.bucket), found, 0.0)
    return jnp.where(jnp.eye(kind.size, dtype=bool), 1.0, found)


def bucket_correlations(
    sensitivities: SimmSensitivities, correlations: SimmCorrelations
) -> Float[Array, "bucket bucket"]:
    """Correlation of each two buckets of one product class, risk class and measure.

    Zero on the diagonal, and with the residual bucket.
    """
    s, c = sensitivities, correlations
    by_class = jnp.stack(
        [
            jnp.full((_BUCKETS, _BUCKETS), c.currencies),
            _padded(c.credit_qualifying_buckets),
            jnp.full((_BUCKETS, _BUCKETS), c.credit_non_qualifying_buckets),
            _padded(c.equity_buckets),
            c.commodity_buckets,
            jnp.zeros((_BUCKETS, _BUCKETS)),
        ]
    )
    found = by_class[s.risk_class[:, None], s.code[:, None], s.code[None, :]]
    together = _equal(s.product) & _equal(s.risk_class) & _equal(s.measure)
    apart = ~jnp.eye(s.code.size, dtype=bool)
    residual = is_residual(s)
    return jnp.where(together & apart & ~(residual[:, None] | residual[None, :]), found, 0.0)


def is_residual(sensitivities: SimmSensitivities) -> Bool[Array, " bucket"]:
    """Which buckets are residual."""
    residual = jnp.asarray(RESIDUAL_BUCKETS)
    return sensitivities.code == residual[sensitivities.risk_class]


def _rates(s: SimmSensitivities, c: SimmCorrelations) -> Float[Array, "factor factor"]:
    inflation = (s.kind == RiskType.INFLATION) | (s.kind == RiskType.INFLATION_VEGA)
    basis = s.kind == RiskType.BASIS
    curves = c.tenors[s.tenor[:, None], s.tenor[None, :]]
    curves = curves * jnp.where(_equal(s.curve), 1.0, c.curves)
    found = jnp.where(inflation[:, None] | inflation[None, :], c.inflation, curves)
    return jnp.where(basis[:, None] | basis[None, :], c.basis, found)


def _by_bucket(
    c: SimmCorrelations,
) -> tuple[Float[Array, "kind bucket"], Float[Array, "kind bucket"]]:
    """Correlations of the same issuer and of different ones, by risk type and bucket."""

    def both(pair: Float[Array, "2"], residual: Float[Array, ""], place: int) -> list[Array]:
        return [jnp.full(_BUCKETS, pair[number]).at[place].set(residual) for number in (0, 1)]

    none = [jnp.zeros(_BUCKETS)] * 2
    qualifying = both(c.credit_qualifying, c.credit_qualifying_residual, RESIDUAL_BUCKETS[1])
    others = both(c.credit_non_qualifying, c.credit_non_qualifying_residual, RESIDUAL_BUCKETS[2])
    equity = [jnp.zeros(_BUCKETS).at[: c.equity.size].set(c.equity)] * 2
    rows = [
        *[none] * 5,
        qualifying,
        qualifying,
        [jnp.full(_BUCKETS, c.base_correlation)] * 2,
        others,
        others,
        equity,
        equity,
        [c.commodity] * 2,
        [c.commodity] * 2,
        none,
        [jnp.full(_BUCKETS, c.fx_vega)] * 2,
    ]
    same, different = (jnp.stack([row[number] for row in rows]) for number in (0, 1))
    return same, different


def _padded(matrix: Float[Array, "size size"]) -> Float[Array, "17 17"]:
    return jnp.zeros((_BUCKETS, _BUCKETS)).at[: matrix.shape[0], : matrix.shape[0]].set(matrix)


def _equal(code: Array) -> Bool[Array, "here here"]:
    return code[:, None] == code[None, :]
