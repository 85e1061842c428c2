"""Quoted volatilities to a surface: as they are, or fitted."""

import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxmargin.errors import InvalidInputError
from jaxmargin.market import (
    SSVI,
    SVI,
    AbstractVolatilitySurface,
    FitStatus,
    Interpolation,
    QuotedVolatilities,
    SmileFit,
    SmileVolatilities,
    fit_ssvi,
    fit_svi,
    quote_weight,
)

__all__ = ["build_surface"]


def build_surface(
    pillars: pd.DataFrame, quotes: pd.DataFrame, surface: str
) -> AbstractVolatilitySurface:
    """The volatility surface of quotes.

    Args:
        pillars: asset, expiry, forward and years of every pillar, by asset and expiry.
        quotes: pillar (its row), strike and volatility of every quote, by pillar and strike.
        surface: linear or monotone-cubic (the quotes, with variance so in log-strike between
            them), svi (a smile for every expiry) or ssvi (one surface for every asset), fitted
            with weights of vega.

    Raises:
        InvalidInputError: a fit did not converge, or an expiry has too few quotes for it.
    """
    strike, volatility, quoted = _rows(pillars, quotes)
    scale = jnp.ones(len(pillars))
    if surface in ("linear", "monotone-cubic"):
        way = Interpolation.LINEAR if surface == "linear" else Interpolation.MONOTONE_CUBIC
        return QuotedVolatilities(
            strike=jnp.asarray(strike),
            quote=jnp.asarray(volatility),
            scale=scale,
            interpolation=way,
        )
    forward, years = (pillars[name].to_numpy(float) for name in ("forward", "years"))
    k = np.log(strike / forward[:, None])
    variance = np.where(quoted, volatility, 1.0) ** 2 * years[:, None]
    weight = np.asarray(quote_weight(jnp.asarray(k), jnp.asarray(variance)))
    weight = weight / np.sqrt(years)[:, None]
    smiles: SVI | SSVI
    if surface == "svi":
        smiles, fit = fit_svi(*(jnp.asarray(x) for x in (k, variance, weight, quoted)))
        _require_fit(pillars, quoted, fit)
    else:
        smiles = _ssvi_by_asset(pillars, (k, variance, weight, quoted))
    return SmileVolatilities(
        scale=scale, smiles=smiles, forward=jnp.asarray(forward), time=jnp.asarray(years)
    )


def _ssvi_by_asset(pillars: pd.DataFrame, quotes: tuple[np.ndarray, ...]) -> SSVI:
    names = ("variance", "correlation", "curvature", "power")
    found = {name: np.full(len(pillars), np.nan) for name in names}
    for _, own in pillars.groupby("asset").indices.items():
        smiles, fit = fit_ssvi(*(jnp.asarray(x[own]) for x in quotes))
        _require_fit(pillars.iloc[own], quotes[3][own], fit)
        for name in names:
            found[name][own] = np.asarray(getattr(smiles, name))
    return SSVI(**{name: jnp.asarray(values) for name, values in found.items()})


def _require_fit(pillars: pd.DataFrame, quoted: np.ndarray, fit: SmileFit) -> None:
    """Expiries without quotes have no smile and need none; all others must have one."""
    status = np.asarray(fit.status)
    failed = quoted.any(axis=1) & (status != FitStatus.CONVERGED)
    problems = []
    for place in np.flatnonzero(failed):
        reason = FitStatus(int(status[place])).name.lower().replace("_", " ")
        asset, expiry = pillars["asset"].iloc[place], pillars["expiry"].iloc[place]
        problems.append(
            f"The smile of {asset} {expiry} cannot be fitted ({reason}). Give more quotes, or set "
            'surface = "linear" in [market].'
        )
    if problems:
        raise InvalidInputError(problems)


def _rows(pillars: pd.DataFrame, quotes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Strikes and volatilities by pillar, padded with the last, and which are quotes.

    A pillar without quotes has strike 1 and volatility NaN.
    """
    row = quotes["pillar"].to_numpy()
    held = np.bincount(row, minlength=len(pillars))
    nodes = max(int(held.max(initial=0)), 1)
    strike = np.ones((len(pillars), nodes))
    volatility = np.full((len(pillars), nodes), np.nan)
    slot = np.arange(len(quotes)) - np.concatenate([[0], np.cumsum(held)])[row]
    strike[row, slot] = quotes["strike"]
    volatility[row, slot] = quotes["volatility"]
    quoted = np.arange(nodes)[None, :] < held[:, None]
    last = np.minimum(np.arange(nodes)[None, :], np.maximum(held - 1, 0)[:, None])
    return (
        np.take_along_axis(strike, last, axis=1),
        np.take_along_axis(volatility, last, axis=1),
        quoted,
    )
