import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import market as example_market
from kinds import shocks

from jaxmargin.market import (
    SVI,
    AbstractVolatilitySurface,
    Market,
    QuotedVolatilities,
    SmileVolatilities,
    find_arbitrage,
)
from jaxmargin.scenarios import scenario_axes, shock_market

GRID = jnp.linspace(-1.5, 1.5, 601)
# Vogt's smile at one year, and the same with other right wing and bottom: with and without
# butterfly arbitrage. Gatheral and Jacquier (2014), examples 3.1 and 5.1, as raw parameters.
VOGT = (-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)


def with_surface(surface: AbstractVolatilitySurface, time, asset=None) -> Market:
    pillars = len(time)
    hundred = jnp.full(pillars, 100.0)
    return Market(
        spot=jnp.array([100.0, 100.0]),
        perpetual=jnp.array([100.0, 100.0]),
        asset=jnp.zeros(pillars, jnp.int32) if asset is None else jnp.asarray(asset),
        time=jnp.asarray(time),
        forward=hundred,
        rate=jnp.zeros(pillars),
        surface=surface,
    )


def with_smiles(rows, time, asset=None) -> Market:
    smiles = SVI(*(jnp.asarray(column, jnp.float64) for column in zip(*rows, strict=True)))
    pillars = len(time)
    surface = SmileVolatilities(
        smiles, jnp.full(pillars, 100.0), jnp.asarray(time), jnp.ones(pillars)
    )
    return with_surface(surface, time, asset)


def raw_of_jump_wings(variance, skew, put, call, least):
    """Lemma 3.2 of Gatheral and Jacquier (2014), at one year."""
    root = np.sqrt(variance)
    b = root * (call + put) / 2
    rho = 1 - put * root / b
    beta = rho - 2 * skew * root / b
    alpha = np.sign(beta) * np.sqrt(1 / beta**2 - 1)
    m = (variance - least) / (
        b * (-rho + np.sign(alpha) * np.sqrt(1 + alpha**2) - alpha * np.sqrt(1 - rho**2))
    )
    sigma = alpha * m
    return least - b * sigma * np.sqrt(1 - rho**2), b, rho, m, sigma


def density_of(raw, k, step=1e-4):
    """The function g by finite differences of the formula in NumPy."""
    a, b, rho, m, sigma = raw

    def w(k):
        return a + b * (rho * (k - m) + np.sqrt((k - m) ** 2 + sigma**2))

    slope = (w(k + step) - w(k - step)) / (2 * step)
    bend = (w(k + step) - 2 * w(k) + w(k - step)) / step**2
    return (1 - k * slope / (2 * w(k))) ** 2 - slope**2 / 4 * (1 / w(k) + 0.25) + bend / 2


def test_vogts_smile_has_the_known_butterfly_arbitrage():
    found = find_arbitrage(with_smiles([VOGT], [1.0]), GRID)
    g = density_of(VOGT, np.asarray(GRID))
    np.testing.assert_allclose(found.density[0], g.min(), rtol=1e-5)
    assert found.density_at[0] == GRID[g.argmin()]
    assert found.density[0] < 0.0
    # Figure 1 of the paper: the density is negative for log-strikes around 0.8.
    assert 0.6 < found.density_at[0] < 1.0
    assert found.probability[0] < 0.0


def test_its_published_repair_has_none():
    raw = raw_of_jump_wings(0.01742625, -0.1752111, 0.6997381, 0.3493548, 0.01548182)
    found = find_arbitrage(with_smiles([raw], [1.0]), GRID)
    assert found.density[0] > 0.0
    assert found.probability[0] > -1e-12


def test_jump_wings_of_vogts_smile_convert_back():
    raw = raw_of_jump_wings(0.01742625, -0.1752111, 0.6997381, 1.316798, 0.0116249)
    np.testing.assert_allclose(raw, VOGT, rtol=2e-4)


def test_a_flat_surface_has_the_density_of_the_lognormal():
    flat = [(0.09, 0.0, 0.0, 0.0, 0.1), (0.16, 0.0, 0.0, 0.0, 0.1)]
    found = find_arbitrage(with_smiles(flat, [0.25, 0.5]), GRID)
    np.testing.assert_allclose(found.density, 1.0, rtol=1e-12)
    np.testing.assert_allclose(found.calendar, [np.inf, 0.07], rtol=1e-12)
    assert np.all(np.asarray(found.probability) >= -1e-14)


def test_a_fall_of_total_variance_is_found_where_it_is_worst():
    # Earlier: 0.04 + 0.1 |k| about; later: flat 0.09. They cross at |k| = 0.5; widest at the ends.
    rows = [(0.09, 0.0, 0.0, 0.0, 0.1), (0.04, 0.1, 0.0, 0.0, 1e-9)]
    found = find_arbitrage(with_smiles(rows, [1.0, 0.5]), GRID)
    np.testing.assert_allclose(found.calendar, [0.09 - 0.04 - 0.15, np.inf], rtol=1e-7)
    assert abs(float(found.calendar_at[0])) == 1.5


def test_expiries_are_compared_within_their_asset_and_while_they_live():
    flat = [(v, 0.0, 0.0, 0.0, 0.1) for v in (0.09, 0.30, 0.16, 0.5)]
    own = with_smiles(flat, [0.25, 0.3, 0.5, 0.0], asset=[0, 1, 0, 0])
    found = find_arbitrage(own, GRID)
    np.testing.assert_allclose(found.calendar, [np.inf, np.inf, 0.07, np.inf], rtol=1e-12)
    assert found.density[3] == np.inf and found.probability[3] == np.inf


def test_kinks_of_straight_lines_are_seen_by_the_price_of_butterflies():
    # A tent: variance rises to the middle quote and falls after it, a kink downwards.
    strikes = 100.0 * np.exp(np.array([[-0.2, 0.0, 0.2]]))
    surface = QuotedVolatilities(jnp.asarray(strikes), jnp.array([[0.5, 0.6, 0.5]]), jnp.ones(1))
    found = find_arbitrage(with_surface(surface, [0.1]), jnp.linspace(-0.3, 0.3, 61))
    assert found.probability[0] < 0.0
    np.testing.assert_allclose(found.probability_at[0], 0.0, atol=1e-9)


def test_a_smile_that_is_missing_is_reported_not_passed_over():
    found = find_arbitrage(with_smiles([(np.nan,) * 5, VOGT], [0.5, 1.0]), GRID)
    assert np.isnan(found.density[0]) and np.isnan(found.probability[0])
    assert np.isnan(found.calendar[1])


def test_shocked_markets_are_looked_at_all_at_once():
    market, moves = example_market(), shocks(scenarios=5)
    grid = jnp.linspace(-0.3, 0.3, 25)
    report = jax.jit(
        jax.vmap(
            lambda shock: find_arbitrage(shock_market(market, shock), grid),
            in_axes=(scenario_axes(moves),),
        )
    )(moves)
    assert report.density.shape == (5, 4)
    one = find_arbitrage(
        shock_market(market, jax.tree.map(lambda x: x[..., 3] if x.ndim else x, moves)), grid
    )
    np.testing.assert_allclose(report.density[3], one.density, rtol=1e-9)
    np.testing.assert_allclose(report.calendar[3], one.calendar, rtol=1e-9)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_single_precision_comes_to_the_same_verdict(dtype):
    own = jax.tree.map(
        lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x,
        with_smiles([VOGT], [1.0]),
    )
    found = find_arbitrage(own, jnp.linspace(-1.5, 1.5, 61, dtype=dtype))
    assert found.density.dtype == dtype
    np.testing.assert_allclose(
        found.density[0], density_of(VOGT, np.linspace(-1.5, 1.5, 61)).min(), rtol=1e-3
    )
