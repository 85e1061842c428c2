import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_jacobians_are_central_differences
from kinds import kinds_of
from scipy.optimize import brentq

from jaxmargin.errors import InvalidInputError
from jaxmargin.market import (
    SVI,
    AbstractSmileDynamics,
    QuotedVolatilities,
    SmileVolatilities,
    StickyDelta,
    StickyMoneyness,
    StickyStrike,
)

FORWARD, TIME = jnp.array([100.0, 105.0]), jnp.array([0.1, 0.75])
SMILES = SVI(
    level=jnp.array([0.01, 0.1]),
    slope=jnp.array([0.08, 0.2]),
    correlation=jnp.array([-0.3, -0.2]),
    center=jnp.array([0.02, -0.05]),
    width=jnp.array([0.1, 0.3]),
)
SVI_SURFACE = SmileVolatilities(SMILES, FORWARD, TIME, jnp.ones(2))
QUOTED = QuotedVolatilities(
    jnp.array([[80.0, 100.0, 120.0], [80.0, 105.0, 140.0]]),
    jnp.array([[0.8, 0.6, 0.7], [0.75, 0.6, 0.62]]),
    jnp.ones(2),
)
PILLAR = jnp.array([0, 0, 1, 1])
STRIKE = jnp.array([90.0, 112.0, 80.0, 130.0])
DYNAMICS = [StickyStrike(), StickyMoneyness(FORWARD), StickyDelta(FORWARD, TIME)]

by_kind = pytest.mark.parametrize("dynamics", DYNAMICS, ids=lambda d: type(d).__name__)
by_surface = pytest.mark.parametrize("surface", [SVI_SURFACE, QUOTED], ids=["SVI", "quoted"])


def scaled(surface, scale):
    fields = {**vars(surface), "scale": jnp.asarray(scale)}
    return type(surface)(**fields)


def test_every_kind_of_dynamics_is_tested_here():
    assert kinds_of(AbstractSmileDynamics) == {type(d) for d in DYNAMICS}


@by_kind
@by_surface
def test_without_a_move_the_smile_is_as_quoted(dynamics, surface):
    surface = scaled(surface, [1.0, 1.0])
    found = dynamics.volatility(surface, PILLAR, STRIKE, FORWARD[PILLAR], TIME[PILLAR])
    np.testing.assert_allclose(found, surface.volatility(PILLAR, STRIKE), rtol=1e-13)


def test_sticky_strike_looks_at_the_strike_alone():
    moved = StickyStrike().volatility(QUOTED, PILLAR, STRIKE, 2.0 * FORWARD[PILLAR], TIME[PILLAR])
    np.testing.assert_array_equal(moved, QUOTED.volatility(PILLAR, STRIKE))


@pytest.mark.parametrize("dynamics", DYNAMICS[1:], ids=["moneyness", "delta"])
@by_surface
def test_after_a_move_of_the_forward_alone_the_smile_has_moved_along(dynamics, surface):
    factor = jnp.array([0.7, 1.3])[PILLAR]
    found = dynamics.volatility(
        surface, PILLAR, STRIKE * factor, FORWARD[PILLAR] * factor, TIME[PILLAR]
    )
    np.testing.assert_allclose(found, surface.volatility(PILLAR, STRIKE), rtol=1e-12)


@by_surface
@pytest.mark.parametrize("scale", [0.7, 1.6])
def test_sticky_delta_finds_the_strike_that_had_the_same_delta(surface, scale):
    surface = scaled(surface, [scale, scale])
    forward, time = FORWARD[PILLAR] * 0.8, TIME[PILLAR] * 0.6
    found = StickyDelta(FORWARD, TIME, iterations=12).volatility(
        surface, PILLAR, STRIKE, forward, time
    )

    def before(row, strike):
        one = surface.volatility(PILLAR[row : row + 1], jnp.asarray([strike]))
        return float(one[0]) / scale

    def d1(strike, forward, volatility, time):
        v = volatility * np.sqrt(time)
        return np.log(forward / strike) / v + 0.5 * v

    for row in range(4):
        old = (float(FORWARD[PILLAR[row]]), float(TIME[PILLAR[row]]))
        new = (float(STRIKE[row]), float(forward[row]))

        def gap(strike, row=row, old=old, new=new):
            volatility = before(row, strike)
            after = d1(*new, scale * volatility, float(time[row]))
            return d1(strike, old[0], volatility, old[1]) - after

        strike = brentq(gap, 5.0, 2000.0, xtol=1e-12, rtol=1e-14)
        np.testing.assert_allclose(found[row], scale * before(row, strike), rtol=1e-10)


def test_four_iterations_of_sticky_delta_are_enough_for_a_day_of_crash():
    surface = scaled(SVI_SURFACE, [1.8, 1.8])
    arguments = (surface, PILLAR, STRIKE, FORWARD[PILLAR] * 0.7, TIME[PILLAR] * 0.9)
    found, exact = (
        StickyDelta(FORWARD, TIME, iterations=n).volatility(*arguments) for n in (4, 40)
    )
    np.testing.assert_allclose(found, exact, rtol=1e-5)


@by_kind
@by_surface
@pytest.mark.parametrize("time", [0.0, 1e-12])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_no_time_and_huge_moves_give_finite_volatilities_and_slopes(dynamics, surface, time, dtype):
    dynamics, surface = jax.tree.map(lambda leaf: leaf.astype(dtype), (dynamics, surface))
    forward = FORWARD[PILLAR].astype(dtype) * jnp.array([1e-3, 1e3, 1.0, 1.0], dtype)
    arguments = (STRIKE.astype(dtype), forward, jnp.full(4, time, dtype))
    found, pull = jax.vjp(lambda *x: dynamics.volatility(surface, PILLAR, *x), *arguments)
    assert np.all(np.isfinite(found))
    assert all(np.all(np.isfinite(x)) for x in pull(jnp.ones_like(found)))


@by_kind
@by_surface
def test_gradients_agree_with_central_differences(dynamics, surface):
    assert_jacobians_are_central_differences(
        lambda scale, *move: dynamics.volatility(scaled(surface, scale), PILLAR, *move),
        jnp.array([1.1, 0.8]),
        STRIKE,
        FORWARD[PILLAR] * 0.93,
        TIME[PILLAR] * 0.9,
    )


def test_no_iterations_are_refused():
    with pytest.raises(InvalidInputError, match="iterations must be at least 1; got 0"):
        StickyDelta(FORWARD, TIME, iterations=0)
