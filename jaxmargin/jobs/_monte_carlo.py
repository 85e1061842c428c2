"""From settings to Monte Carlo sources: covariance, correlation, draws, distribution."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxmargin.io import History
from jaxmargin.jobs._scenario_checks import stressed_days
from jaxmargin.scenarios import (
    AbstractDraws,
    AbstractScenarioSource,
    Antithetic,
    CopulaMonteCarlo,
    Covariance,
    FactorHistory,
    GaussianMonteCarlo,
    JumpMonteCarlo,
    PseudoRandom,
    Sobol,
    StudentMonteCarlo,
    TailMixture,
    break_correlation,
    ewma_covariance,
    fit_degrees,
    fit_jumps,
    fit_marginals,
    fit_student_degrees,
    ledoit_wolf_covariance,
    mix_covariances,
    rank_correlation,
    repair_correlation,
    sample_covariance,
    shift_correlation,
)

__all__ = ["build_monte_carlo", "estimate_covariance"]

_Facts = dict[str, Any]


def build_monte_carlo(
    settings: Mapping[str, Any],
    horizon: int,
    past: FactorHistory,
    names: Sequence[str],
    history: History,
    correlations: pd.DataFrame | None,
) -> tuple[AbstractScenarioSource, _Facts]:
    """The source of a kind that draws from a distribution, and what was estimated for it.

    Raises:
        InvalidInputError: the history or the settings do not allow an estimate.
    """
    kind, count, draws = settings["kind"], settings["scenarios"], _draws(settings, past)
    shared = {"scenarios": count, "horizon_days": horizon, "draws": draws}
    if kind == "jumps":
        fit = fit_jumps(past.moves, threshold=settings["jump_threshold"])
        days = history.closes.index[1:][np.asarray(fit.is_jump)]
        facts = {
            "jumps_per_day": fit.model.per_day,
            "jump_days": [day.date().isoformat() for day in days],
        }
        return JumpMonteCarlo(past.factors, fit.model, **shared), facts
    if kind == "copula":
        covariance, facts = _copula_correlation(settings, past, names, correlations)
        degrees = settings["degrees"] or fit_degrees(past.moves, np.asarray(covariance.correlation))
        source = CopulaMonteCarlo(
            past.factors, covariance.correlation, fit_marginals(past.moves, degrees), **shared
        )
        return source, facts | {"degrees": degrees}
    covariance, facts = estimate_covariance(settings, past, names, history, correlations)
    components = settings["components"]
    if components is not None:
        facts["explained"] = float(covariance.explained(components))
    if kind == "gaussian":
        return GaussianMonteCarlo(past.factors, covariance, components=components, **shared), facts
    degrees = settings["degrees"] or fit_student_degrees(past.moves, covariance)
    source = StudentMonteCarlo(
        past.factors, covariance, degrees=degrees, components=components, **shared
    )
    return source, facts | {"degrees": degrees}


def estimate_covariance(
    settings: Mapping[str, Any],
    past: FactorHistory,
    names: Sequence[str],
    history: History,
    correlations: pd.DataFrame | None,
) -> tuple[Covariance, _Facts]:
    """Covariance of one-day moves as the settings ask for it, and facts about it."""
    facts: _Facts = {"covariance": settings["covariance"]}

    def estimate(moves: Any) -> Covariance:
        if settings["covariance"] == "ewma":
            return ewma_covariance(moves, settings["decay"])
        if settings["covariance"] == "ledoit-wolf":
            shrunk, intensity = ledoit_wolf_covariance(moves)
            facts.setdefault("shrinkage", []).append(intensity)
            return shrunk
        return sample_covariance(moves)

    covariance = estimate(past.moves)
    chosen = stressed_days(settings, history)
    if chosen is not None:
        stressed = estimate(jnp.asarray(np.asarray(past.moves)[chosen]))
        covariance = mix_covariances(covariance, stressed, settings["stress_weight"])
        facts["stressed_days"] = int(chosen.sum())
    return _with_correlations(settings, covariance, names, correlations, facts)


def _copula_correlation(
    settings: Mapping[str, Any],
    past: FactorHistory,
    names: Sequence[str],
    correlations: pd.DataFrame | None,
) -> tuple[Covariance, _Facts]:
    matrix, distance = repair_correlation(
        rank_correlation(past.moves), limit=settings["repair_limit"]
    )
    facts: _Facts = {"covariance": "kendall"} | ({"repair_distance": distance} if distance else {})
    unit = Covariance(jnp.ones(len(names)), jnp.asarray(matrix))
    return _with_correlations(settings, unit, names, correlations, facts)


def _with_correlations(
    settings: Mapping[str, Any],
    covariance: Covariance,
    names: Sequence[str],
    correlations: pd.DataFrame | None,
    facts: _Facts,
) -> tuple[Covariance, _Facts]:
    """Given correlations in place of estimated ones, then shifts and breaks."""
    if correlations is not None:
        matrix = np.array(covariance.correlation, np.float64)
        row = {name: i for i, name in enumerate(names)}
        for first, second, value in correlations[["first", "second", "correlation"]].to_numpy():
            matrix[row[first], row[second]] = matrix[row[second], row[first]] = value
        matrix, distance = repair_correlation(matrix, limit=settings["repair_limit"])
        covariance = Covariance(covariance.volatility, jnp.asarray(matrix))
        facts["repair_distance"] = distance
    if settings["correlation_shift"]:
        covariance, distance = shift_correlation(covariance, settings["correlation_shift"])
        facts["shift_distance"] = distance
    if settings["correlation_blocks"]:
        covariance, distance = break_correlation(
            covariance,
            _blocks(settings["correlation_blocks"], names),
            between=settings["correlation_between"],
        )
        facts["break_distance"] = distance
    return covariance, facts


def _blocks(groups: Sequence[Sequence[str]], names: Sequence[str]) -> list[int]:
    """Block of each factor: of the group that names it or its asset; the rest is one block."""
    block_of = {entry: number for number, group in enumerate(groups) for entry in group}
    rest = len(groups)
    return [block_of.get(name, block_of.get(name.split(" ")[0], rest)) for name in names]


def _draws(settings: Mapping[str, Any], past: FactorHistory) -> AbstractDraws:
    sampling = settings["sampling"]
    if sampling == "tail-mixture":
        # a book that is long every price by the same amount: its tails are where all prices go
        long = jnp.sum(jnp.abs(past.factors.spot), axis=0)
        return TailMixture(long, distance=settings["tail_distance"])
    kinds = {"pseudo-random": PseudoRandom, "antithetic": Antithetic, "sobol": Sobol}
    return kinds[sampling]()
