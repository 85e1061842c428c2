"""Acerbi and Szekely's test of expected shortfall by ranks."""

import jax
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jaxmargin.backtest._inputs import Amounts
from jaxmargin.backtest._probability_transform import ScenarioPnl, scenario_ranks
from jaxmargin.backtest._result import require_level
from jaxmargin.backtest._simulated_tests import SimulatedResult, simulated_result
from jaxmargin.errors import require

__all__ = ["shortfall_ranks_test"]

_AT_ONCE = 1 << 23  # ranks held at a time


def shortfall_ranks_test(
    losses: Amounts,
    pnl: ScenarioPnl,
    key: Key[Array, ""],
    *,
    level: float,
    replications: int = 10_000,
) -> SimulatedResult:
    r"""$Z_3$: expected shortfalls estimated from realized ranks, against what they should be.

    $$ Z_3 = 1 - \frac1n \sum_t \frac{\widehat{\mathrm{ES}}\big( F_t^{-1}(U) \big)}
       {\mathrm{E}_V \big[ \widehat{\mathrm{ES}}\big( F_t^{-1}(V) \big) \big]}, \qquad
       \widehat{\mathrm{ES}}(Y) = - \frac{1}{k} \sum_{i \le k} Y_{(i)}, \quad
       k = \lfloor n \alpha \rfloor, $$

    with the ranks $U$ of the $n$ realized results among the scenarios of their days, the quantiles
    $F_t^{-1}$ of these scenarios, and $V$ independent and uniform. Negative where the tail is
    understated. The expectation is exact; the distribution is simulated by drawing ranks.

    Args:
        losses: realized, loss positive.
        pnl: scenarios of the same day, equally likely, gain positive.
        key: of the draws.
        level: confidence level $1 - \alpha$.
        replications: number of series drawn.

    Raises:
        InvalidInputError: `level` is outside (0, 1), fewer than one day is in the tail, there is
            no replication, shapes do not fit, a value is not finite, or the scenarios of a day
            have no expected loss in the tail.

    References:
        Acerbi, C. and Szekely, B. (2014), "Backtesting expected shortfall", MSCI: test 3.
    """
    require_level("shortfall_ranks_test", level)
    require(
        replications >= 1,
        f"shortfall_ranks_test: replications must be 1 at least; got {replications}.",
    )
    ranks = scenario_ranks("shortfall_ranks_test", losses, pnl)
    days, worst = ranks.shape[-1], int(ranks.shape[-1] * (1.0 - level) * (1.0 + 1e-12))
    require(
        worst >= 1,
        f"shortfall_ranks_test: days * (1 - level) must be 1 at least; got {days} days.",
    )
    ratio = _mean_ratios(np.asarray(pnl, np.float64), days, worst)
    observed = np.take_along_axis(ratio, _smallest(ranks, worst), axis=-1)
    drawn = _draw(key, replications, days, worst, ratio.shape[-1])
    simulated = np.mean(ratio[..., drawn], axis=-1)
    statistic = np.asarray(1.0 - np.mean(observed, axis=-1))
    return simulated_result(statistic, 1.0 - simulated, "low")


def _mean_ratios(
    pnl: Float[np.ndarray, "*portfolio day scenario"], days: int, worst: int
) -> Float[np.ndarray, "*portfolio rank"]:
    """Loss at each rank over the expected shortfall of `days` draws, averaged over the days."""
    scenarios = pnl.shape[-1]
    rank = np.arange(scenarios + 1)
    # the quantile of the middle of each of the scenarios + 1 equal parts that ranks make of (0, 1)
    place = np.floor((rank + 0.5) / (scenarios + 1.0) * scenarios).astype(np.int64)
    loss = -np.sort(pnl, axis=-1)[..., place]
    expected = loss @ _rank_weights(scenarios + 1, days, worst)
    require(
        bool(np.all(expected > 0.0)),
        "shortfall_ranks_test: the scenarios of every day must have an expected loss in the tail; "
        f"{np.count_nonzero(expected <= 0.0)} have none. Leave such days out.",
    )
    return np.mean(loss / expected[..., None], axis=-2)


def _rank_weights(ranks: int, days: int, worst: int) -> Float[np.ndarray, " rank"]:
    """Mean share of each rank among the `worst` smallest of `days` draws of equally likely ranks.

    Up to a probability p, that share is E[min(B, worst)] / worst with B binomial.
    """
    p = np.arange(ranks + 1) / ranks
    from scipy.stats import binom as law  # takes a second to import

    below = days * p * law.cdf(worst - 2, days - 1, p) + worst * law.sf(worst - 1, days, p)
    return np.diff(below) / worst


def _draw(
    key: Key[Array, ""], replications: int, days: int, worst: int, ranks: int
) -> Int[np.ndarray, "replication worst"]:
    """The smallest ranks of series that a right model draws."""
    at_once = int(np.clip(_AT_ONCE // days, 1, replications))
    chunks = [
        _smallest(np.asarray(jax.random.randint(each, (at_once, days), 0, ranks)), worst)
        for each in jax.random.split(key, -(-replications // at_once))
    ]
    return np.concatenate(chunks)[:replications]


def _smallest(
    ranks: Int[np.ndarray, "*portfolio day"], worst: int
) -> Int[np.ndarray, "*portfolio worst"]:
    return np.partition(ranks, worst - 1, axis=-1)[..., :worst].astype(np.int64)
