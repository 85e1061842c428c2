"""The expected-shortfall rulebook against sorted P&L."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import INSTRUMENTS, SOURCES, book, history, market, shocks

from jaxmargin.book import Book, build_positions
from jaxmargin.errors import InvalidInputError
from jaxmargin.margin import RiskMeasureRulebook
from jaxmargin.risk import ExpectedShortfall
from jaxmargin.scenarios import FactorHistory, GivenScenarios, HistoricalSimulation
from jaxmargin.valuation import revalue

KEY = jax.random.key(0)


def test_the_margin_is_the_mean_of_the_worst_losses():
    source = HistoricalSimulation(history(), horizon_days=2)
    result = RiskMeasureRulebook(source, KEY, ExpectedShortfall(0.95)).requirement(book(), market())
    pnl = np.asarray(revalue(book(), market(), source.shocks(market(), KEY)))
    assert pnl.shape == (20, 258)  # 12.9 scenarios in the tail
    losses = -np.sort(pnl, axis=1)
    shortfall = (losses[:, :12].sum(axis=1) + 0.9 * losses[:, 12]) / 12.9
    np.testing.assert_allclose(result.components["expected_shortfall"], shortfall, rtol=1e-10)
    np.testing.assert_allclose(result.initial, np.maximum(shortfall, 0.0), rtol=1e-10)
    np.testing.assert_allclose(result.maintenance, 0.8 * result.initial, rtol=1e-14)
    np.testing.assert_array_equal(result.worst_scenario, np.argmin(pnl, axis=1))
    np.testing.assert_allclose(result.tail_count, 12.9 / 2, rtol=1e-12)  # two-day overlap


def test_an_account_that_always_gains_needs_nothing_and_says_why():
    """Short perpetuals earn funding: 1,000 % a year on prices that do not move."""
    still = FactorHistory(history().factors, jnp.zeros((49, 8)))
    flat = HistoricalSimulation(still, horizon_days=1)
    rich = eqx.tree_at(lambda m: m.funding, market(), jnp.array([10.0, 10.0, 0.0, 0.0, 0.0]))
    perpetual = INSTRUMENTS[3]
    short = build_positions(np.array([0]), np.array([0]), np.array([-1.0]), accounts=1)
    result = RiskMeasureRulebook(flat, KEY, ExpectedShortfall(0.9)).requirement(
        Book((perpetual,), short), rich
    )
    gain = 10.0 / 365 * 60_000.0 * 1.0004
    np.testing.assert_allclose(result.components["expected_shortfall"], [-gain], rtol=1e-9)
    np.testing.assert_allclose(result.components["floor"], [gain], rtol=1e-9)
    assert float(result.initial[0]) == 0.0
    assert int(result.worst_scenario[0]) < 49  # a scenario, not the padding, which gains nothing


def test_the_standard_error_grows_with_the_root_of_the_overlap():
    """Manistre and Hancock over the sorted losses; two-day returns count as half as many."""
    source = HistoricalSimulation(history(), horizon_days=2)
    result = RiskMeasureRulebook(source, KEY, ExpectedShortfall(0.95)).requirement(book(), market())
    pnl = np.asarray(revalue(book(), market(), source.shocks(market(), KEY)))
    losses = -np.sort(pnl, axis=1)[:, :13]
    share = np.append(np.ones(12), 0.9) / 12.9
    shortfall, quantile = losses @ share, losses[:, 12]
    variance = (losses - shortfall[:, None]) ** 2 @ share
    expected = np.sqrt(2.0 * (variance + 0.95 * (shortfall - quantile) ** 2) / 12.9)
    np.testing.assert_allclose(result.standard_error, expected, rtol=1e-9)


@pytest.mark.parametrize("ratio", [0.0, -0.1, 1.1, 80.0])
def test_a_maintenance_ratio_out_of_range_is_refused(ratio):
    with pytest.raises(InvalidInputError, match=r"maintenance_ratio must lie in \(0, 1\]"):
        RiskMeasureRulebook(SOURCES[0], KEY, ExpectedShortfall(0.99), maintenance_ratio=ratio)
    with pytest.raises(InvalidInputError, match=r"level must lie in \(0, 1\)"):
        RiskMeasureRulebook(SOURCES[0], KEY, ExpectedShortfall(99.0))


def test_weights_that_are_no_numbers_are_refused():
    broken = eqx.tree_at(lambda s: s.weight, shocks(), jnp.full(12, jnp.nan))
    nothing = eqx.tree_at(lambda s: s.weight, shocks(), jnp.zeros(12))
    negative = eqx.tree_at(lambda s: s.weight, shocks(), jnp.ones(12).at[3].set(-0.1))
    for given in (broken, nothing, negative):
        rulebook = RiskMeasureRulebook(GivenScenarios(given), KEY, ExpectedShortfall(0.9))
        with pytest.raises(InvalidInputError, match="weights of the scenarios are not finite, or"):
            rulebook.requirement(book(), market())
