"""What all calibrations of smiles share: quotes, and the judgment of a fit."""

import enum
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.market._smiles import AbstractSmiles
from jaxmargin.numerics import normal_pdf

__all__ = ["FitStatus", "SmileFit", "quote_weight"]

_PRECISION = 1e-5  # of a volatility: 0.001 points if it is 100 %

_Smiles = TypeVar("_Smiles", bound=AbstractSmiles)


class FitStatus(enum.IntEnum):
    """What became of one expiry; its parameters are NaN unless it is `CONVERGED`.

    Attributes:
        CONVERGED: the last ten steps improved the root mean square of the errors by less than
            0.5 %, or by less than 1e-5 of the volatilities.
        TOO_FEW_QUOTES: fewer quotes than parameters.
        INVALID: a quote, or its weight, is not finite or has the wrong sign.
        NOT_CONVERGED: the steps did not suffice.
    """

    CONVERGED = 0
    TOO_FEW_QUOTES = 1
    INVALID = 2
    NOT_CONVERGED = 3


class SmileFit(NamedTuple):
    r"""How well smiles fit, one row per expiry.

    Attributes:
        status: `FitStatus`, as integers.
        residual: model less quote in total volatility $\sigma \sqrt T$; zero where there is no
            quote, NaN where there is no fit.
        error: weighted root mean square of `residual`.
    """

    status: Int[Array, " expiry"]
    residual: Float[Array, "expiry quote"]
    error: Float[Array, " expiry"]


class Quotes(NamedTuple):
    """Quotes with weight zero, and numbers that do no harm, where there is none."""

    log_moneyness: Float[Array, "*expiry quote"]
    total_variance: Float[Array, "*expiry quote"]
    weight: Float[Array, "*expiry quote"]
    valid: Bool[Array, "*expiry"]


def quote_weight(
    log_moneyness: Float[Array, "*shape"], total_variance: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    r"""$n(d_1)$, the vega over $F \sqrt T$: with it a fit weighs errors in price.

    Divide it by $\sqrt T$ to weigh errors in annualized volatility by vega.
    """
    total_volatility = jnp.sqrt(total_variance)
    return normal_pdf(0.5 * total_volatility - log_moneyness / total_volatility)


def masked_quotes(
    log_moneyness: Float[Array, "expiry quote"],
    total_variance: Float[Array, "expiry quote"],
    weight: Float[Array, "expiry quote"],
    mask: Bool[Array, "expiry quote"],
) -> Quotes:
    """The quotes of `mask`, and whether all of an expiry are usable numbers."""
    good = jnp.isfinite(log_moneyness) & jnp.isfinite(total_variance) & (total_variance > 0.0)
    good &= jnp.isfinite(weight) & (weight >= 0.0)
    used = mask & good
    return Quotes(
        jnp.where(used, log_moneyness, 0.0),
        jnp.where(used, total_variance, 1.0),
        jnp.where(used, weight, 0.0),
        jnp.all(good | ~mask, axis=1),
    )


def typical_variance(quotes: Quotes) -> Float[Array, "*expiry"]:
    """Weighted mean of the total variances; 1 if there is none."""
    squared = jnp.square(quotes.weight)
    total = jnp.sum(squared, axis=-1)
    mean = jnp.sum(squared * quotes.total_variance, axis=-1) / jnp.where(total > 0.0, total, 1.0)
    return jnp.where(total > 0.0, mean, 1.0)


def negligible_error(quotes: Quotes) -> Float[Array, ""]:
    """Root of the weighted sum of squares if all volatilities are off by 1e-5 of themselves."""
    return _PRECISION * jnp.sqrt(jnp.sum(jnp.square(quotes.weight) * quotes.total_variance))


def judge(
    smiles: _Smiles,
    quotes: Quotes,
    enough: Bool[Array, " expiry"],
    converged: Bool[Array, " expiry"],
) -> tuple[_Smiles, SmileFit]:
    """The smiles with gaps where the fit failed, and how well the others fit."""
    status = jnp.where(converged, FitStatus.CONVERGED, FitStatus.NOT_CONVERGED)
    status = jnp.where(enough, status, FitStatus.TOO_FEW_QUOTES)
    status = jnp.where(quotes.valid, status, FitStatus.INVALID).astype(jnp.int32)
    found = status == FitStatus.CONVERGED
    residual = jnp.sqrt(total_variance_rows(smiles, quotes)) - jnp.sqrt(quotes.total_variance)
    residual = jnp.where(quotes.weight > 0.0, residual, 0.0)
    squared = jnp.square(quotes.weight)
    total = jnp.sum(squared, axis=1)
    mean = jnp.sum(squared * jnp.square(residual), axis=1) / jnp.where(total > 0.0, total, 1.0)
    fit = SmileFit(
        status=status,
        residual=jnp.where(found[:, None], residual, jnp.nan),
        error=jnp.where(found, jnp.sqrt(mean), jnp.nan),
    )
    return jax.tree.map(lambda leaf: jnp.where(found, leaf, jnp.nan), smiles), fit


def total_variance_rows(smiles: AbstractSmiles, quotes: Quotes) -> Float[Array, "expiry quote"]:
    """Total variance of each expiry's smile at its quotes."""
    return jax.vmap(lambda smile, k: smile.total_variance(k))(smiles, quotes.log_moneyness)
