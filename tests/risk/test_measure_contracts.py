"""What holds for every risk measure."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import MEASURES, name

from jaxmargin.errors import InvalidInputError
from jaxmargin.risk import ExpectedShortfall, HarrellDavis, ValueAtRisk

by_name = pytest.mark.parametrize("measure", MEASURES, ids=name)
# Harrell-Davis depends on the number of scenarios by definition: more of them narrow its weights.
by_name_without_number = pytest.mark.parametrize(
    "measure", [m for m in MEASURES if not isinstance(m, HarrellDavis)], ids=name
)


def pnl(accounts=6, scenarios=57, seed=1):
    return jax.random.t(jax.random.key(seed), 4.0, (accounts, scenarios))


def ones(table):
    return jnp.ones(table.shape[-1], table.dtype)


@jax.jit
def value(measure, table, weight):
    return measure(table, weight)


@jax.jit
def weights_of(measure, table, weight):
    return measure.weights(table, weight)


@by_name
def test_weights_are_not_negative_and_sum_to_one(measure):
    weights = weights_of(measure, pnl(), ones(pnl()))
    assert bool((weights >= 0.0).all())
    np.testing.assert_allclose(weights.sum(-1), 1.0, rtol=1e-12)


@by_name
def test_the_measure_is_the_weighted_mean_of_losses(measure):
    weights = weights_of(measure, pnl(), ones(pnl()))
    np.testing.assert_allclose(
        value(measure, pnl(), ones(pnl())), -(weights * pnl()).sum(-1), rtol=1e-14
    )


@by_name
def test_cash_lowers_it_and_size_scales_it(measure):
    base, equal = value(measure, pnl(), ones(pnl())), ones(pnl())
    np.testing.assert_allclose(value(measure, pnl() + 3.0, equal), base - 3.0, rtol=1e-12)
    np.testing.assert_allclose(value(measure, 2.5 * pnl(), equal), 2.5 * base, rtol=1e-12)


@by_name
def test_more_profit_in_every_scenario_never_raises_it(measure):
    better = pnl() + jnp.abs(pnl(seed=2))
    assert bool(
        (value(measure, better, ones(pnl())) <= value(measure, pnl(), ones(pnl())) + 1e-12).all()
    )


@pytest.mark.parametrize(
    "measure", [m for m in MEASURES if not isinstance(m, ValueAtRisk | HarrellDavis)], ids=name
)
def test_two_books_together_need_no_more_than_apart(measure):
    """Value at risk, however estimated, is the exception: counterexample in test_levels.py."""
    for seed in range(5):
        first, second, equal = pnl(seed=seed), pnl(seed=seed + 10), ones(pnl())
        together = value(measure, first + second, equal)
        apart = value(measure, first, equal) + value(measure, second, equal)
        assert bool((together <= apart + 1e-12).all())


@by_name
def test_the_order_of_scenarios_is_irrelevant(measure):
    order = np.random.default_rng(0).permutation(57)
    np.testing.assert_allclose(
        value(measure, pnl()[:, order], ones(pnl())), value(measure, pnl(), ones(pnl())), rtol=1e-12
    )


@by_name_without_number
@pytest.mark.parametrize("times", [2, 3])
def test_every_scenario_twice_changes_nothing(measure, times):
    repeated = jnp.tile(pnl(), (1, times))
    np.testing.assert_allclose(
        value(measure, repeated, ones(repeated)), value(measure, pnl(), ones(pnl())), rtol=1e-12
    )


@by_name_without_number
def test_whole_weights_are_repeated_scenarios(measure):
    counts = np.random.default_rng(4).integers(0, 4, 57)
    repeated = jnp.asarray(np.repeat(np.asarray(pnl()), counts, axis=1))
    np.testing.assert_allclose(
        value(measure, pnl(), jnp.asarray(counts, jnp.float64)),
        value(measure, repeated, ones(repeated)),
        rtol=1e-12,
    )


@by_name
def test_the_scale_of_weights_is_irrelevant(measure):
    weight = jnp.asarray(np.random.default_rng(5).uniform(0.1, 2.0, 57))
    np.testing.assert_allclose(
        value(measure, pnl(), 1e-3 * weight), value(measure, pnl(), weight), rtol=1e-10
    )


@by_name
def test_the_gradient_is_minus_the_weights_and_equals_central_differences(measure):
    table = pnl(1, 30, 3)
    gradient = jax.grad(lambda p: value(measure, p, ones(p))[0])(table)
    np.testing.assert_allclose(gradient, -weights_of(measure, table, ones(table)), atol=1e-15)
    chex.assert_numerical_grads(
        lambda p: value(measure, jnp.asarray(p), jnp.ones(30))[0],
        (table,),
        order=1,
        atol=1e-5,
        rtol=1e-5,
    )


@by_name
def test_a_single_scenario_is_the_answer(measure):
    np.testing.assert_allclose(value(measure, jnp.array([[-7.0]]), jnp.ones(1)), [7.0])


@by_name
def test_equal_losses_at_the_edge_share_the_weight(measure):
    weights = weights_of(measure, jnp.array([[-1.0, -1.0, -1.0, -1.0]]), jnp.ones(4))
    np.testing.assert_allclose(weights, 0.25)


@by_name
def test_single_precision_chooses_the_same_tail(measure):
    table = pnl().astype(jnp.float32)
    single = weights_of(measure, table, jnp.ones(57, jnp.float32)) > 0.0
    double = weights_of(measure, table.astype(jnp.float64), jnp.ones(57)) > 0.0
    np.testing.assert_array_equal(single, double)


@pytest.mark.parametrize("kind", [ExpectedShortfall, ValueAtRisk, HarrellDavis])
@pytest.mark.parametrize("level", [0.0, 1.0, 97.5, -0.1, float("nan")])
def test_a_level_outside_zero_and_one_is_refused(kind, level):
    with pytest.raises(InvalidInputError, match=r"level must lie in \(0, 1\).*97\.5 % as 0\.975"):
        kind(level)
