"""One price from several sources, or none."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmargin.errors import InvalidInputError
from jaxmargin.market import MarkStatus, combine_marks

NONE = float("nan")


def marks(prices, ages=None, *, most_age=60.0, most_deviation=0.05, least_sources=2):
    """Prices of one asset, a source each."""
    price = jnp.array(prices)[:, None]
    age = jnp.zeros_like(price) if ages is None else jnp.array(ages)[:, None]
    found = combine_marks(
        price, age, most_age=jnp.array([most_age]), most_deviation=jnp.array([most_deviation]),
        least_sources=least_sources,
    )  # fmt: skip
    return float(found.price[0]), int(found.sources[0]), MarkStatus(int(found.status[0]))


def test_an_odd_number_of_sources_has_a_middle_one():
    assert marks([101.0, 100.0, 102.0]) == (101.0, 3, MarkStatus.GOOD)


def test_an_even_number_takes_the_mean_of_the_middle_two():
    assert marks([101.0, 100.0, 103.0, 102.0]) == (101.5, 4, MarkStatus.GOOD)


def test_a_venue_far_from_the_others_is_left_out():
    """2025-10-10: USDe at 0.65 on one venue, at about 0.97 to 1.00 elsewhere."""
    assert marks([0.65, 0.97, 1.0]) == (0.985, 2, MarkStatus.GOOD)


def test_two_sources_that_disagree_leave_no_price():
    assert marks([0.65, 0.97]) == (0.0, 0, MarkStatus.APART)


def test_a_price_at_the_edge_of_the_deviation_is_used():
    assert marks([95.0, 100.0, 105.0], most_deviation=0.05) == (100.0, 3, MarkStatus.GOOD)
    assert marks([94.9, 100.0, 105.0], most_deviation=0.05) == (102.5, 2, MarkStatus.GOOD)


def test_old_prices_are_not_used():
    assert marks([90.0, 100.0, 101.0], [61.0, 60.0, 0.0]) == (100.5, 2, MarkStatus.GOOD)
    assert marks([90.0, 100.0, 101.0], [61.0, 61.0, 0.0]) == (0.0, 1, MarkStatus.TOO_FEW)


@pytest.mark.parametrize("bad", [NONE, np.inf, -np.inf, 0.0, -5.0])
def test_what_is_no_price_is_not_used(bad):
    assert marks([bad, 100.0, 101.0]) == (100.5, 2, MarkStatus.GOOD)
    assert marks([bad, 100.0]) == (0.0, 1, MarkStatus.TOO_FEW)


@pytest.mark.parametrize("age", [NONE, -1.0, np.inf])
def test_a_price_of_unknown_age_or_from_the_future_is_not_used(age):
    assert marks([50.0, 100.0, 101.0], [age, 0.0, 0.0]) == (100.5, 2, MarkStatus.GOOD)


def test_no_source_at_all_leaves_no_price():
    assert marks([NONE, NONE]) == (0.0, 0, MarkStatus.TOO_FEW)


def test_one_source_is_enough_if_so_decided():
    assert marks([100.0, NONE], least_sources=1) == (100.0, 1, MarkStatus.GOOD)


def test_many_assets_agree_with_numpy_one_by_one():
    random = np.random.default_rng(0)
    price = 100.0 * np.exp(random.normal(0.0, 0.05, (7, 300)))
    price[random.random(price.shape) < 0.3] = np.nan
    age = random.uniform(0.0, 100.0, price.shape)
    combine = jax.jit(combine_marks, static_argnames="least_sources")
    found = combine(
        jnp.asarray(price), jnp.asarray(age), most_age=jnp.full(300, 70.0),
        most_deviation=jnp.full(300, 0.04), least_sources=3,
    )  # fmt: skip
    seen = set()
    for asset in range(300):
        recent = price[np.isfinite(price[:, asset]) & (age[:, asset] <= 70.0), asset]
        middle = np.median(recent) if recent.size else 0.0
        near = recent[np.abs(recent / middle - 1.0) <= 0.04] if recent.size else recent
        expected = np.median(near) if near.size >= 3 else 0.0
        np.testing.assert_allclose(found.price[asset], expected, rtol=1e-14)
        assert int(found.sources[asset]) == near.size
        status = 0 if near.size >= 3 else (2 if recent.size >= 3 else 1)
        assert int(found.status[asset]) == status
        seen.add(status)
    assert seen == {0, 1, 2}


def test_a_number_of_sources_below_one_is_refused():
    with pytest.raises(InvalidInputError, match="least_sources must be at least 1; got 0"):
        marks([100.0], least_sources=0)
