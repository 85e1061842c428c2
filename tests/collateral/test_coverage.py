"""What collateral covers, against hand counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_jacobians_are_central_differences
from kinds import BTC, ETH, HAIRCUTS, USD, USDC, market

from jaxmargin.collateral import (
    ConcentrationLimits,
    FixedHaircuts,
    Holdings,
    LimitBasis,
    coverage,
    wrong_way,
)
from jaxmargin.errors import InvalidInputError
from jaxmargin.market import MarkStatus, combine_marks

FIXED = FixedHaircuts(jnp.array([[0.1, 0.2, 0.2, 0.02, 0.0]]))
PRICE = market().spot  # 60,000, 2,500, 2,480, 0.9998, 1


def posted(*rows):
    """Holdings from one dict of asset to quantity per account."""
    quantity = np.zeros((len(rows), 5))
    for account, row in enumerate(rows):
        for asset, number in row.items():
            quantity[account, asset] = number
    return Holdings(jnp.asarray(quantity))


def test_value_shortfall_excess_and_ratio_by_hand():
    """1 BTC at 10 % is 54,000, 10 ETH at 20 % are 20,000."""
    held = posted({BTC: 1.0, ETH: 10.0}, {ETH: 10.0}, {USD: 5.0}, {})
    found = coverage(held, PRICE, jnp.array([50_000.0, 50_000.0, 0.0, 0.0]), FIXED)
    np.testing.assert_allclose(found.market_value, [85_000.0, 25_000.0, 5.0, 0.0], rtol=1e-14)
    np.testing.assert_allclose(found.after_haircuts, [74_000.0, 20_000.0, 5.0, 0.0], rtol=1e-14)
    np.testing.assert_array_equal(found.after_limits, found.after_haircuts)
    np.testing.assert_allclose(found.shortfall, [0.0, 30_000.0, 0.0, 0.0], rtol=1e-14)
    np.testing.assert_allclose(found.excess, [24_000.0, 0.0, 5.0, 0.0], rtol=1e-14)
    np.testing.assert_allclose(found.ratio, [1.48, 0.4, np.inf, np.inf], rtol=1e-14)


def test_limits_come_after_haircuts():
    limits = ConcentrationLimits(
        jnp.zeros((1, 5), bool).at[0, BTC].set(True), jnp.array([[0.5]]), (LimitBasis.REQUIREMENT,)
    )
    held = posted({BTC: 1.0, ETH: 10.0})
    found = coverage(held, PRICE, jnp.array([50_000.0]), FIXED, limits=limits)
    np.testing.assert_allclose(found.after_haircuts, [74_000.0])
    np.testing.assert_allclose(found.counted[0], [25_000.0, 20_000.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose((found.after_limits[0], found.shortfall[0]), (45_000.0, 5_000.0))


def test_what_is_not_eligible_is_in_the_market_value_alone():
    eligible = jnp.ones((1, 5), bool).at[0, BTC].set(False)
    held = posted({BTC: 1.0, ETH: 10.0})
    found = coverage(held, PRICE, jnp.array([50_000.0]), FIXED, eligible=eligible)
    np.testing.assert_allclose(found.market_value, [85_000.0])
    np.testing.assert_allclose(found.after_haircuts, [20_000.0])


def test_what_is_not_eligible_uses_up_no_tier():
    eligible = jnp.ones((1, 5), bool).at[0, ETH].set(False)
    one, both = posted({BTC: 15.0}), posted({BTC: 15.0, ETH: 100.0})
    needed = jnp.array([1.0])
    np.testing.assert_array_equal(
        coverage(both, PRICE, needed, HAIRCUTS[1], eligible=eligible).after_haircuts,
        coverage(one, PRICE, needed, HAIRCUTS[1]).after_haircuts,
    )


def test_own_issued_collateral_has_no_value():
    """USDC is issued by group 0, which is the first account; the second owes on group 1's token."""
    issuer = jnp.array([-1, -1, 1, 0, -1])
    exposed = jnp.array([[True, False], [False, True], [False, False]])
    excluded = wrong_way(issuer, exposed)
    np.testing.assert_array_equal(
        excluded,
        [[False, False, False, True, False], [False, False, True, False, False], [False] * 5],
    )
    held = posted(*[{BTC: 1.0, 2: 1.0, USDC: 100.0}] * 3)
    found = coverage(held, PRICE, jnp.ones(3), FIXED, eligible=~excluded)
    np.testing.assert_allclose(
        found.after_haircuts, [54_000.0 + 1_984.0, 54_000.0 + 97.9804, 54_000.0 + 2_081.9804]
    )


def test_an_asset_without_a_good_mark_covers_nothing():
    price = jnp.stack([PRICE, PRICE * jnp.array([1.0, 1.0, 1.0, 0.65, 1.0])])
    marks = combine_marks(
        price, jnp.zeros((2, 5)), most_age=jnp.ones(5), most_deviation=jnp.full(5, 0.02),
        least_sources=2,
    )  # fmt: skip
    np.testing.assert_array_equal(marks.status, [0, 0, 0, MarkStatus.APART, 0])
    found = coverage(posted({BTC: 1.0, USDC: 100.0}), marks.price, jnp.ones(1), FIXED)
    np.testing.assert_allclose(found.after_haircuts, [54_000.0])


def test_derivatives_by_quantity_price_and_requirement_are_central_differences():
    limits = ConcentrationLimits(
        jnp.zeros((2, 5), bool).at[0, BTC].set(True).at[1, ETH].set(True),
        jnp.array([[0.3, 0.5]]),
        (LimitBasis.POSTED, LimitBasis.REQUIREMENT),
    )

    def amounts(quantity, price, requirement):
        found = coverage(Holdings(quantity), price, requirement, HAIRCUTS[1], limits=limits)
        return jnp.stack([found.after_limits, found.shortfall, found.ratio])

    quantity = jnp.array([[12.0, 3.0, 1.0, 700.0, 300_000.0]])
    assert_jacobians_are_central_differences(
        amounts, quantity, PRICE, jnp.array([900_000.0]), rtol=1e-5, atol=1e-4
    )


@pytest.mark.parametrize("number", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("which", ["quantity", "price", "requirement"])
def test_numbers_that_are_negative_or_not_finite_are_refused(which, number):
    held, price, required = posted({BTC: 1.0}).quantity, PRICE, jnp.ones(1)
    if which == "quantity":
        held = held.at[0, ETH].set(number)
    elif which == "price":
        price = price.at[ETH].set(number)
    else:
        required = jnp.array([number])
    with pytest.raises(InvalidInputError, match=f"{which} must be finite and not negative; 1 of"):
        coverage(Holdings(held), price, required, FIXED)


def test_accounts_without_a_requirement_of_their_own_are_refused():
    with pytest.raises(InvalidInputError, match="1 accounts post collateral, but 2 have"):
        coverage(posted({BTC: 1.0}), PRICE, jnp.ones(2), FIXED)


def test_it_compiles_as_one_program():
    held, required = posted({BTC: 1.0, ETH: 10.0}), jnp.array([50_000.0])
    whole = jax.jit(coverage)(held, PRICE, required, FIXED)
    np.testing.assert_allclose(whole.ratio, coverage(held, PRICE, required, FIXED).ratio)
