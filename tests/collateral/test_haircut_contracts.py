"""What holds for every kind of haircuts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_jacobians_are_central_differences
from kinds import HAIRCUTS, market, name

by_name = pytest.mark.parametrize("haircuts", HAIRCUTS, ids=name)
PRICE = market().spot


def quantities(seed=0):
    """Of four accounts: nothing, and amounts from a hundredth of a unit to a thousand."""
    drawn = 10.0 ** np.random.default_rng(seed).uniform(-2.0, 3.0, (4, 5))
    drawn[0] = 0.0
    return jnp.asarray(drawn)


@jax.jit
def fraction(haircuts, quantity):
    return haircuts.haircut(quantity)


@jax.jit
def value(haircuts, quantity, price):
    return haircuts.value(quantity, price)


@by_name
def test_haircuts_lie_between_zero_and_one(haircuts):
    found = np.asarray(fraction(haircuts, quantities()))
    assert found.shape == (4, 5) and found.min() >= 0.0 and found.max() <= 1.0


@by_name
def test_value_lies_between_zero_and_the_market_value(haircuts):
    found = value(haircuts, quantities(), PRICE)
    assert bool((found >= 0.0).all() and (found <= quantities() * PRICE[None, :]).all())
    assert float(found.max()) > 0.0


@by_name
def test_more_of_an_asset_is_never_worth_less(haircuts):
    sizes = jnp.asarray(np.sort(10.0 ** np.random.default_rng(1).uniform(-2.0, 3.0, (200, 5)), 0))
    found = np.asarray(value(haircuts, sizes, PRICE))
    rounding = 4.0 * np.finfo(float).eps * np.asarray(sizes * PRICE[None, :])
    assert (np.diff(found, axis=0) >= -rounding[1:]).all()


@by_name
def test_two_halves_are_worth_no_less_than_the_whole(haircuts):
    """So value is concave in size, and linear pieces serve an optimizer."""
    first, second = quantities(2), quantities(3)
    whole = value(haircuts, first + second, PRICE)
    assert bool(
        (
            value(haircuts, first, PRICE) + value(haircuts, second, PRICE) >= whole * (1 - 1e-14)
        ).all()
    )


@by_name
def test_value_is_proportional_to_the_price_and_zero_without_one(haircuts):
    once = value(haircuts, quantities(), PRICE)
    np.testing.assert_allclose(value(haircuts, quantities(), 3.0 * PRICE), 3.0 * once, rtol=1e-15)
    np.testing.assert_array_equal(value(haircuts, quantities(), 0.0 * PRICE), 0.0)


@by_name
def test_nothing_posted_has_the_haircut_of_the_first_unit(haircuts):
    tiny = jnp.full((1, 5), 1e-9)
    np.testing.assert_allclose(fraction(haircuts, 0.0 * tiny), fraction(haircuts, tiny), atol=1e-15)


@by_name
def test_derivatives_of_value_are_central_differences(haircuts):
    assert_jacobians_are_central_differences(
        lambda quantity, price: haircuts.value(quantity, price).sum(0), quantities()[1:2], PRICE,
        rtol=1e-6, atol=1e-5,
    )  # fmt: skip


@by_name
def test_one_row_of_settings_serves_every_account_alike(haircuts):
    alike = jnp.tile(quantities()[2:3], (4, 1))
    found = np.asarray(fraction(haircuts, alike))
    np.testing.assert_array_equal(found, np.tile(found[:1], (4, 1)))
