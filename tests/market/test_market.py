"""The market: defaults, total volatility, discounting, and shapes that are refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from kinds import market

from jaxmargin.errors import InvalidInputError
from jaxmargin.market import Market, QuotedVolatilities

PARTS = ("spot", "perpetual", "asset", "time", "forward", "rate", "surface")


def minimal(**changes):
    """A market of what must be given, with some of it replaced."""
    return Market(**({part: getattr(market(), part) for part in PARTS} | changes))


def test_what_is_not_given_has_no_effect():
    plain = minimal()
    np.testing.assert_array_equal(plain.funding, np.zeros(5))
    np.testing.assert_array_equal(plain.base, np.arange(5))
    np.testing.assert_array_equal(plain.fixed, np.zeros(4))
    assert float(plain.elapsed) == 0.0


def test_total_volatility_is_volatility_times_the_root_of_time():
    """At the middle strikes the quotes are 55 % times 1.2, 1.0, 0.9 and 1.3, see kinds.py."""
    today = market()
    result = today.total_volatility(jnp.arange(4), today.forward)
    years = np.array([0.5, 30.0, 200.0, 30.0]) / 365.0
    expected = 0.55 * np.array([1.2, 1.0, 0.9, 1.3]) * np.sqrt(years)
    np.testing.assert_allclose(result, expected, rtol=1e-14)


def test_the_scale_of_a_pillar_multiplies_its_volatilities():
    today = market()
    doubled = eqx.tree_at(lambda m: m.surface.scale, today, today.surface.scale.at[1].set(2.0))
    strike = jnp.array([58_000.0, 58_000.0])
    pillar = jnp.array([1, 2])
    ratio = doubled.total_volatility(pillar, strike) / today.total_volatility(pillar, strike)
    np.testing.assert_allclose(ratio, [2.0, 1.0], rtol=1e-15)


def test_what_has_expired_has_no_volatility_and_a_finite_derivative():
    def total(time):
        state = eqx.tree_at(lambda m: m.time, market(), time)
        return state.total_volatility(jnp.array([0]), jnp.array([60_000.0]))[0]

    expired = market().time.at[0].set(0.0)
    assert float(total(expired)) == 0.0
    np.testing.assert_array_equal(jax.grad(total)(expired), np.zeros(4))


def test_a_payment_is_discounted_at_its_pillars_rate():
    result = market().discount(jnp.array([2, 1, 0]))
    expected = np.exp([-0.02 * 200.0 / 365.0, -0.01 * 30.0 / 365.0, 0.0])
    np.testing.assert_allclose(result, expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"perpetual": jnp.ones(4)}, "one entry per asset"),
        ({"spot": jnp.ones(3)}, "one entry per asset"),
        ({"time": jnp.ones(5)}, "one entry per pillar"),
        ({"forward": jnp.ones(3)}, "one entry per pillar"),
        (
            {"surface": QuotedVolatilities(jnp.ones((3, 2)), jnp.ones((3, 2)), jnp.ones(3))},
            "one entry per pillar",
        ),
    ],
)
def test_parts_of_one_axis_with_different_lengths_are_refused(changes, message, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as it is for users
    with pytest.raises(InvalidInputError, match=message):
        minimal(**changes)
