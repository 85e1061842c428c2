"""Margin by the settings of its rule and by the scenarios."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmargin.book import Book
from jaxmargin.margin import (
    AbstractRulebook,
    MarginRun,
    RiskMeasureRulebook,
    charged,
    start_run,
)
from jaxmargin.market import Market
from jaxmargin.risk import ExpectedShortfall, ValueAtRisk, estimate_risk, tail_share
from jaxmargin.scenarios import Shocks
from jaxmargin.sensitivities._scenario_weights import weight_slopes
from jaxmargin.valuation import contract_pnl, memory_errors

__all__ = ["ParameterSlopes", "list_slopes", "margin_to_parameters", "parameter_slopes"]

_DAYS_PER_YEAR = 365.0


class ParameterSlopes(eqx.Module):
    r"""Derivatives of a weighted sum of initial margins, in the numeraire, loss positive.

    Attributes:
        rulebook: by every array of the rulebook: sizes of shocks, decay of volatilities, the
            covariance of a Monte Carlo source, past moves, what a rule multiplies with. Random
            numbers are held, and the direction in which `TailMixture` draws; each entry of a
            correlation matrix is moved alone, so that by a pair is the sum of two. What is no
            real number is as in the rulebook.
        shocks: by every number of the scenarios; by `weight` see `weight_slopes`; `overlap`,
            which moves standard errors alone, has zero.
        size: by the relative size of each part of the scenarios: 0.01 of `spot` is what 1 % larger
            log moves of all prices change.
        horizon_days: per day of horizon if moves grow with the root of time, and as time passes;
            NaN where no time passes. Exact for sources of one normal or t step, a rule of thumb
            for others.
        level: by the confidence level, $(\mathrm{ES} - \mathrm{VaR}) / (1 - \alpha)$ for expected
            shortfall; NaN for other measures: value at risk steps from loss to loss.
        maintenance_ratio: of the sum of maintenance margins; NaN where the rule has no such ratio.
    """

    rulebook: AbstractRulebook
    shocks: Shocks
    size: dict[str, Float[Array, ""]]
    horizon_days: Float[Array, ""]
    level: Float[Array, ""]
    maintenance_ratio: Float[Array, ""]


def margin_to_parameters(
    rulebook: AbstractRulebook,
    book: Book,
    market: Market,
    *,
    weight: Float[Array, " account"] | None = None,
) -> ParameterSlopes:
    """Derivatives of initial margins by settings and scenarios, in one backward pass.

    Integers and flags of a rulebook, such as a number of scenarios, have none. The order of
    scenarios in each tail is held, as in `margin_to_market`.

    Args:
        rulebook: the rule.
        book: contracts and positions.
        market: today's market.
        weight: of each account in the sum; one each if None.

    Raises:
        InvalidInputError, MemoryError: see `AbstractRulebook.requirement`.
    """
    return parameter_slopes(start_run(rulebook, book, market), weight=weight)


def parameter_slopes(
    run: MarginRun, *, weight: Float[Array, " account"] | None = None
) -> ParameterSlopes:
    """The same of a run that is at hand.

    Raises:
        MemoryError: see `AbstractRulebook.requirement`.
    """
    accounts = run.book.positions.accounts
    each = np.ones(accounts) if weight is None else np.asarray(weight, np.float64)
    with memory_errors():
        by_rule, by_shocks = _by_charge(run, jnp.asarray(each, run.pnl.dtype))
        by_weight = weight_slopes(run, each)
        by_shocks = eqx.tree_at(lambda s: s.weight, by_shocks, by_weight)
        numbers, rest = eqx.partition(run.rulebook, eqx.is_inexact_array)
        _, pull = jax.vjp(
            lambda n: eqx.filter(eqx.combine(n, rest).shocks(run.market), eqx.is_inexact_array),
            numbers,
        )
        (through_shocks,) = pull(by_shocks)
    by_rule = jax.tree.map(jnp.add, by_rule, through_shocks)
    size = {
        name: jnp.sum(getattr(by_shocks, name) * move)
        for name in ("spot", "perpetual", "funding", "basis", "volatility", "rate")
        if (move := getattr(run.shocks, name)) is not None
    }
    return ParameterSlopes(
        rulebook=eqx.combine(by_rule, run.rulebook),
        shocks=by_shocks,
        size=size,
        horizon_days=_horizon(run.shocks, by_shocks),
        level=_level(run, each),
        maintenance_ratio=_maintenance_ratio(run, each),
    )


def _by_charge(run: MarginRun, each: Float[Array, " account"]) -> tuple[Any, Any]:
    """By what the rule itself multiplies with, and by the scenarios except their weights."""
    numbers, rest = eqx.partition(run.rulebook, eqx.is_inexact_array)
    held = (run.shocks.weight, run.shocks.overlap)
    moves = eqx.tree_at(
        lambda s: (s.weight, s.overlap), run.shocks, (None, None), is_leaf=lambda x: x is None
    )

    def total(numbers: AbstractRulebook, moves: Shocks) -> Float[Array, ""]:
        rulebook: AbstractRulebook = eqx.combine(numbers, rest)
        shocks = eqx.tree_at(
            lambda s: (s.weight, s.overlap), moves, held, is_leaf=lambda x: x is None
        )
        pnl = contract_pnl(run.book, run.market, shocks)
        return jnp.sum(charged(rulebook, pnl, run.book, run.market, shocks).initial * each)

    by_rule, by_moves = jax.grad(total, (0, 1))(numbers, moves)
    zero = tuple(map(jnp.zeros_like, held))
    by_shocks = eqx.tree_at(
        lambda s: (s.weight, s.overlap), by_moves, zero, is_leaf=lambda x: x is None
    )
    return by_rule, by_shocks


def _horizon(shocks: Shocks, slopes: Shocks) -> Float[Array, ""]:
    """Moves grow by 1 / (2 h) of themselves per day, where h days pass."""
    days = shocks.time * _DAYS_PER_YEAR
    passes = days > 0.0
    growth = jnp.where(passes, 0.5 / jnp.where(passes, days, 1.0), 0.0)
    total = jnp.sum(jnp.where(passes, slopes.time, 0.0)) / _DAYS_PER_YEAR
    for name in ("spot", "perpetual", "funding", "basis", "volatility", "rate"):
        if (move := getattr(shocks, name)) is not None:
            total += jnp.sum(getattr(slopes, name) * move * growth[None, :])
    return jnp.where(jnp.any(passes), total, jnp.nan)


def _level(run: MarginRun, each: Float[np.ndarray, " account"]) -> Float[Array, ""]:
    rulebook = run.rulebook
    if not isinstance(rulebook, RiskMeasureRulebook):
        return jnp.asarray(jnp.nan)
    measure = rulebook.measure
    if not isinstance(measure, ExpectedShortfall):
        return jnp.asarray(jnp.nan)
    both = estimate_risk(
        (measure, ValueAtRisk(measure.level)),
        run.pnl,
        run.book.positions,
        run.shocks.weight,
        overlap=run.shocks.overlap,
    ).value
    slope = (both[:, 0] - both[:, 1]) / tail_share(measure.level)
    return jnp.sum(jnp.where(both[:, 0] > 0.0, slope, 0.0) * each)


def _maintenance_ratio(run: MarginRun, each: Float[np.ndarray, " account"]) -> Float[Array, ""]:
    if isinstance(run.rulebook, RiskMeasureRulebook):
        return jnp.sum(run.requirement.initial * each)
    return jnp.asarray(jnp.nan)


def list_slopes(slopes: AbstractRulebook) -> dict[str, Float[np.ndarray, "..."]]:
    """The arrays of `ParameterSlopes.rulebook` by name, such as `source.covariance.volatility`."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(slopes, eqx.is_inexact_array))
    return {jax.tree_util.keystr(path).removeprefix("."): np.asarray(leaf) for path, leaf in leaves}
