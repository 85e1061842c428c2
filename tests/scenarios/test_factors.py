"""Risk factors and histories of prices."""

import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, DAYS, ETH, STETH, USDC, closes, history, market

from jaxmargin.errors import InvalidInputError
from jaxmargin.scenarios import FactorHistory, RiskFactors, price_history


def test_each_factor_moves_its_part_and_nothing_else():
    moves = jnp.zeros((8, 3)).at[0, 0].set(-0.2).at[4, 1].set(0.3).at[5, 2].set(0.1)
    moves = moves.at[6, 1].set(-0.1).at[7, 2].set(0.04)
    made = history().factors.shocks(moves, time=0.5)
    np.testing.assert_array_equal(made.spot[BTC], [-0.2, 0.0, 0.0])
    assert float(jnp.abs(made.spot[1:]).max()) == 0.0
    np.testing.assert_array_equal(made.volatility, [[0.0, 0.3, 0.0]] * 3 + [[0.0] * 3])
    np.testing.assert_array_equal(made.tilt.skew, [[0.0, 0.0, 0.1]] * 3 + [[0.0] * 3])
    # an annual carry that falls by 0.1 takes 0.1 x 30 / 365 off the log of a 30-day forward
    np.testing.assert_allclose(made.basis[:, 1], -0.1 * DAYS / 365.0, rtol=1e-15)
    np.testing.assert_array_equal(made.funding[BTC], [0.0, 0.0, 0.04])
    np.testing.assert_array_equal(made.time, [0.5] * 3)


def test_weights_are_scaled_to_a_mean_of_one():
    made = history().factors.shocks(
        jnp.zeros((8, 3)), time=0.0, weight=jnp.array([1.0, 2.0, 5.0]), overlap=2.0
    )
    np.testing.assert_allclose(made.weight, [0.375, 0.75, 1.875], rtol=1e-15)
    assert float(made.overlap) == 2.0


def test_a_history_of_prices_has_one_factor_per_asset():
    past = price_history(closes(10)[:, 1:3], market(), (ETH, STETH))
    close = np.asarray(closes(10))
    ratio = close[:, STETH] / close[:, ETH]
    np.testing.assert_allclose(past.moves[:, 0], np.diff(np.log(close[:, ETH])), rtol=1e-12)
    np.testing.assert_allclose(past.moves[:, 1], np.diff(np.log(ratio)), rtol=1e-9, atol=1e-15)
    np.testing.assert_array_equal(past.factors.spot, np.eye(5)[:, 1:3])


@pytest.mark.parametrize(
    ("change", "assets", "message"),
    [
        (lambda c: c.at[3, 0].set(jnp.nan), (BTC,), "1 closes are not positive.*nan on day 3 of"),
        (lambda c: c.at[2:4, 0].set(-1.0), (BTC,), "2 closes are not positive.*-1.0 on day 2"),
        (jnp.ones_like, (BTC,), "history of asset 0 is constant"),
        (lambda c: c[:1], (BTC,), "at least two days; got 1"),
        (lambda c: c, (BTC, ETH), r"one column per asset; got 1 for \[0, 1\]"),
        (lambda c: c, (7,), r"has assets 0 to 4; got \[7\]"),
        (lambda c: c, (STETH,), "asset 2 follows asset 1, whose closes are missing"),
    ],
)
def test_a_history_that_cannot_be_used_is_refused(change, assets, message):
    with pytest.raises(InvalidInputError, match=message):
        price_history(change(closes(10)[:, :1]), market(), assets)


def test_parts_that_do_not_fit_are_refused():
    past = history(20)
    with pytest.raises(InvalidInputError, match="moves has 7 columns for 8 factors"):
        FactorHistory(past.factors, past.moves[:, :7])
    with pytest.raises(InvalidInputError, match="at least one day"):
        FactorHistory(past.factors, past.moves[:0])
    parts = {name: getattr(past.factors, name) for name in ("spot", "funding", "basis")}
    with pytest.raises(InvalidInputError, match="both skew and width"):
        RiskFactors(**parts, volatility=past.factors.volatility, skew=past.factors.skew)


def test_constant_assets_have_no_factor():
    assert price_history(closes(9)[:, :4], market(), (BTC, ETH, STETH, USDC)).moves.shape == (8, 4)
