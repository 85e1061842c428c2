"""From the settings of a job to its scenario source, labels and provenance."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxmargin.errors import require
from jaxmargin.io import build_history
from jaxmargin.jobs._load import Inputs
from jaxmargin.jobs._monte_carlo import build_monte_carlo
from jaxmargin.market import Market
from jaxmargin.scenarios import (
    AbstractScenarioSource,
    AbstractVolatilityModel,
    DepegJumps,
    EwmaVolatility,
    FactorHistory,
    FilteredHistoricalSimulation,
    GarchStatus,
    GivenScenarios,
    HistoricalSimulation,
    Shocks,
    SkewScenarios,
    SpotVolatilityGrid,
    StationaryBootstrap,
    TenorScaledGrid,
    TiltShocks,
    VolatilityMode,
    fit_garch,
)

__all__ = ["Scenarios", "build_scenarios"]


@dataclass(frozen=True)
class Scenarios:
    """The scenarios of a job.

    Attributes:
        source: what makes them.
        key: random key for it.
        labels: name of each scenario.
        provenance: where they come from: kind, seed, window, factors, what was estimated.
        moves: for stress scenarios, the move of each asset and the rule behind it, else None.
        past: moves of the risk factors, if the source has a history, else None.
        names: names of the risk factors.
    """

    source: AbstractScenarioSource
    key: jax.Array
    labels: list[str]
    provenance: dict[str, Any]
    moves: pd.DataFrame | None = None
    past: FactorHistory | None = None
    names: tuple[str, ...] = ()


def build_scenarios(inputs: Inputs, market: Market) -> Scenarios:
    """The scenarios that a job asks for, on its market.

    Raises:
        InvalidInputError: the history or the settings do not allow an estimate.
    """
    settings, horizon = inputs.job.scenarios, inputs.job.rulebook["horizon_days"]
    kind = settings["kind"]
    provenance: dict[str, Any] = {"kind": kind, "seed": settings["seed"]}
    past, names, moves = None, (), None
    if kind == "stress":
        source, labels, moves = _stress(inputs)
        provenance["stresses"] = [scenario.name for scenario in inputs.stresses]
    elif kind == "file":
        assert inputs.given is not None  # read with the other inputs
        arrays, labels = inputs.given
        source = GivenScenarios(_shocks(arrays))
    elif kind in ("spot-volatility-grid", "tenor-scaled-grid"):
        source, labels = _grid(inputs)
    else:
        assert inputs.history is not None
        past, found = build_history(inputs.history, inputs.market, market, horizon_days=horizon)
        names = tuple(found)
        source, labels, facts = _from_history(inputs, past, names)
        days = inputs.history.closes.index
        provenance |= {
            "first_day": days[0].date().isoformat(),
            "last_day": days[-1].date().isoformat(),
            "factors": list(names),
            **facts,
        }
    provenance["horizon_days"] = None if kind in ("stress", "file") else horizon
    if settings["depegs"]:
        source, labels = _with_depegs(inputs, source, labels)
    return Scenarios(
        source=source,
        key=jax.random.key(settings["seed"]),
        labels=labels,
        provenance=provenance,
        moves=moves,
        past=past,
        names=names,
    )


def _from_history(
    inputs: Inputs, past: FactorHistory, names: tuple[str, ...]
) -> tuple[AbstractScenarioSource, list[str], dict[str, Any]]:
    settings, horizon = inputs.job.scenarios, inputs.job.rulebook["horizon_days"]
    kind = settings["kind"]
    assert inputs.history is not None
    days = inputs.history.closes.index
    if kind == "historical":
        source = HistoricalSimulation(past, settings["decay"], horizon_days=horizon)
        return source, [f"to {day.date().isoformat()}" for day in days[horizon:]], {}
    if kind == "filtered-historical":
        model, mean, facts = _volatility_model(settings, past, names)
        paths = settings["scenarios"]
        source = FilteredHistoricalSimulation(past, model, mean, paths, horizon)
        if paths is None:
            return source, [f"as on {day.date().isoformat()}" for day in days[1:]], facts
        return source, _numbered(paths), facts
    if kind == "stationary-bootstrap":
        paths = settings["scenarios"]
        source = StationaryBootstrap(past, paths, settings["mean_block_days"], horizon)
        return source, _numbered(paths), {}
    source, facts = build_monte_carlo(
        settings, horizon, past, names, inputs.history, inputs.correlations
    )
    return source, _numbered(settings["scenarios"]), facts


def _numbered(count: int) -> list[str]:
    return [f"scenario {number}" for number in range(1, count + 1)]


def _volatility_model(
    settings: Any, past: FactorHistory, names: tuple[str, ...]
) -> tuple[AbstractVolatilityModel, jax.Array | None, dict[str, Any]]:
    if settings["volatility_model"] == "ewma":
        model = EwmaVolatility(jnp.asarray(settings["decay"], past.moves.dtype))
        return model, None, {"volatility_model": "ewma", "decay": settings["decay"]}
    fit = fit_garch(past.moves)
    failed = [
        name
        for name, status in zip(names, np.asarray(fit.status), strict=True)
        if status == GarchStatus.NOT_CONVERGED
    ]
    require(
        not failed,
        f"[scenarios] volatility_model: no GARCH(1,1) fits {', '.join(failed)}. Use "
        'volatility_model = "ewma", or a longer history.',
    )
    parameters = {
        name: {
            "omega": float(fit.model.omega[i]),
            "alpha": float(fit.model.alpha[i]),
            "beta": float(fit.model.beta[i]),
            "status": GarchStatus(int(fit.status[i])).name.lower(),
        }
        for i, name in enumerate(names)
    }
    return fit.model, fit.mean, {"volatility_model": "garch", "parameters": parameters}


def _stress(inputs: Inputs) -> tuple[AbstractScenarioSource, list[str], pd.DataFrame]:
    assert inputs.stress_moves is not None  # built with the other inputs
    arrays, moves = inputs.stress_moves
    labels = [step.label for scenario in inputs.stresses for step in scenario.steps]
    return GivenScenarios(_shocks(arrays)), labels, moves


def _shocks(arrays: dict[str, np.ndarray]) -> Shocks:
    parts = {name: jnp.asarray(value) for name, value in arrays.items()}
    tilt = None
    if "width" in parts:
        tilt = TiltShocks(**{name: parts.pop(name) for name in ("width", "skew", "wings", "floor")})
    parts.setdefault("overlap", jnp.ones(()))
    return Shocks(**parts, tilt=tilt)


def _grid(inputs: Inputs) -> tuple[AbstractScenarioSource, list[str]]:
    settings, horizon = inputs.job.scenarios, float(inputs.job.rulebook["horizon_days"])
    coin = jnp.asarray((inputs.market.assets["kind"] == "coin").to_numpy(np.float64))
    moves = settings["spot_moves"]
    if settings["kind"] == "spot-volatility-grid":
        volatility = settings["volatility_moves"]
        source = SpotVolatilityGrid(
            jnp.asarray(moves), jnp.asarray(volatility), coin, horizon_days=horizon
        )
        return source, [f"spot {s:+.1%}, volatility {v:+.1%}" for s in moves for v in volatility]
    largest = max(abs(s) for s in moves)
    nodes = [
        (s, mode, 1.0)
        for s in moves
        for mode in ("up", "none", "down")
        if mode == "up" or abs(s) < largest or not settings["outer_up_only"]
    ]
    nodes += [
        (s, "up", min(settings["tail_damping"] * largest / abs(s), 1.0))
        for s in settings["tail_moves"]
    ]
    skew = None
    if settings["skew"]:
        nodes += [(0.0, "linear", 1.0), (0.0, "absolute", 1.0)]
        skew = SkewScenarios(
            **{
                name: settings[f"skew_{name}"]
                for name in (
                    "cap", "cap_slope", "smallest_width", "width_scale", "volatility",
                    "volatility_slope",
                )
            }
        )  # fmt: skip
    numbers = ("range_up", "range_down", "short_power", "long_power", "floor_days", "minimum_up")
    source = TenorScaledGrid(
        spot_move=jnp.asarray([spot for spot, _, _ in nodes]),
        damping=jnp.asarray([damping for _, _, damping in nodes]),
        sensitivity=coin,
        skew=skew,
        mode=tuple(VolatilityMode(mode) for _, mode, _ in nodes),
        horizon_days=horizon,
        **{name: settings[name] for name in numbers},
    )
    return source, [
        f"spot {spot:+.1%}, volatility {mode}" + (f", x {damping:.3g}" if damping < 1.0 else "")
        for spot, mode, damping in nodes
    ]


def _with_depegs(
    inputs: Inputs, source: AbstractScenarioSource, labels: list[str]
) -> tuple[AbstractScenarioSource, list[str]]:
    settings, assets = inputs.job.scenarios, list(inputs.market.assets["asset"])
    names, leader = settings["depegs"], settings["depeg_leader"]
    source = DepegJumps(
        source,
        tuple(assets.index(name) for name in names),
        jnp.asarray(settings["depeg_per_year"]),
        jnp.asarray(settings["depeg_size"]),
        leader=assets.index(leader) if leader in assets else 0,
        crash=settings["depeg_crash"],
        crash_multiple=settings["depeg_crash_multiple"],
    )
    return source, [*labels, *(f"{label}, with a depeg" for label in labels)]
