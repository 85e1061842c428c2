"""Margins by settings of the rule and by the scenarios, against full runs."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import BTC, ETH, INSTRUMENTS, SOURCES, market, name, shocks, tilted_shocks

from jaxmargin.book import Book, build_positions
from jaxmargin.instruments import InverseOptions, LinearOptions, LinearPerpetuals
from jaxmargin.margin import RiskMeasureRulebook
from jaxmargin.risk import ExpectedShortfall, HarrellDavis, ValueAtRisk, WorstCase
from jaxmargin.scenarios import GaussianMonteCarlo, GivenScenarios, Sobol, TailMixture
from jaxmargin.sensitivities import list_slopes, margin_to_parameters

KINDS = (LinearPerpetuals, LinearOptions, InverseOptions)
BATCHES = tuple(batch for batch in INSTRUMENTS if isinstance(batch, KINDS))
by_source = pytest.mark.parametrize("source", SOURCES, ids=name)


def held(accounts=3):
    """Accounts that hold some of each kind."""
    random = np.random.default_rng(4)
    rows = sum(batch.multiplier.shape[0] for batch in BATCHES)
    account = np.repeat(np.arange(accounts), 6)
    chosen = [random.choice(rows, 6, replace=False) for _ in range(accounts)]
    quantity = random.normal(size=account.size)
    return Book(
        BATCHES, build_positions(account, np.concatenate(chosen), quantity, accounts=accounts)
    )


BOOK = held()
# loadings, which are structure; what no margin depends on; times, which decide what expires
SKIPPED = (".overlap", ".time", "factors.width", "factors.spot", "factors.funding", "factors.basis")
SKIPPED += ("factors.volatility", "factors.skew")


def rule(source, measure=None):
    """A level at which the edge of the tail is no whole number of scenarios."""
    return RiskMeasureRulebook(source, jax.random.key(3), measure or ExpectedShortfall(0.93))


@eqx.filter_jit
def program(rulebook):
    """All margins together; compiled, since each kind of rule is run many times."""
    return rulebook.requirement(BOOK, market()).initial.sum()


def total(rulebook):
    return float(program(rulebook))


def difference(rulebook, where, step):
    """Central difference by one array moved along `step`."""
    value = where(rulebook)
    up, down = (total(eqx.tree_at(where, rulebook, value + sign * step)) for sign in (1, -1))
    return (up - down) / 2.0


@by_source
def test_directions_of_every_array_of_every_source_are_central_differences(source):
    """One random direction of each array: entries one by one are tested below."""
    rulebook = rule(source)
    slopes = margin_to_parameters(rulebook, BOOK, market())
    numbers = jax.tree_util.tree_leaves_with_path(rulebook)
    random, changed = np.random.default_rng(7), 0
    for leaf, (slope, (path, value)) in enumerate(
        zip(jax.tree.leaves(slopes.rulebook), numbers, strict=True)
    ):
        words = jax.tree_util.keystr(path)
        if not eqx.is_inexact_array(value) or words.endswith(SKIPPED):
            continue
        draws = getattr(source, "draws", None)
        if isinstance(draws, TailMixture) and words.endswith(("correlation", "exposure")):
            continue  # bumps turn the direction of its draws, which derivatives hold; see below
        step = 1e-6 * jnp.asarray(random.normal(size=value.shape)) * jnp.maximum(abs(value), 1e-3)
        if words.endswith("correlation"):
            step = 0.5 * (step + step.T) * (1.0 - jnp.eye(step.shape[0]))

        def where(tree, leaf=leaf):
            return jax.tree.leaves(tree)[leaf]

        expected = difference(rulebook, where, step)
        scale = float(jnp.sum(jnp.abs(slope * step))) + 1e-9  # of rounding: margins are some 1e5
        close = pytest.approx(expected, abs=2e-4 * scale + 1e-10)
        assert float(jnp.sum(slope * step)) == close, words
        changed += 1
    assert changed >= 1


@pytest.mark.parametrize("components", [None, 3])
def test_every_correlation_is_a_central_difference_with_common_random_numbers(components):
    source = next(s for s in SOURCES if isinstance(s, GaussianMonteCarlo) and s.components is None)
    source = GaussianMonteCarlo(
        source.factors, source.covariance, 64, components=components, draws=Sobol()
    )
    rulebook = rule(source)
    slopes = margin_to_parameters(rulebook, BOOK, market()).rulebook.source.covariance.correlation
    factors = slopes.shape[0]
    scale = float(jnp.abs(slopes).max())
    for i in range(2 if components else 4):
        for j in range(i + 1, factors):
            step = jnp.zeros((factors, factors)).at[i, j].set(1e-6).at[j, i].set(1e-6)
            expected = difference(rulebook, lambda r: r.source.covariance.correlation, step) / 1e-6
            assert float(slopes[i, j] + slopes[j, i]) == pytest.approx(expected, abs=1e-4 * scale)


@pytest.mark.parametrize("made", [shocks, tilted_shocks])
def test_every_move_and_weight_of_the_scenarios_is_a_central_difference(made):
    rulebook = rule(GivenScenarios(made(10)))
    slopes = margin_to_parameters(rulebook, BOOK, market())
    for part in ("spot", "volatility", "weight"):

        def where(r, part=part):
            return getattr(r.source.given, part)

        value, slope = where(rulebook), getattr(slopes.shocks, part)[..., :10]
        np.testing.assert_array_equal(slope, where(slopes.rulebook))
        scale = float(jnp.abs(slope).max())
        for place in list(np.ndindex(value.shape))[:: 3 if value.ndim > 1 else 1]:
            step = jnp.zeros_like(value).at[place].set(1e-6)
            expected = difference(rulebook, where, step) / 1e-6
            assert float(slope[place]) == pytest.approx(expected, abs=1e-5 * scale), (part, place)


def test_sizes_horizon_and_level_are_central_differences():
    source = GivenScenarios(shocks(40))
    rulebook = rule(source)
    slopes = margin_to_parameters(rulebook, BOOK, market())

    def scaled(part, factor):
        where = lambda r: getattr(r.source.given, part)  # noqa: E731
        return eqx.tree_at(where, rulebook, factor * where(rulebook))

    for part in ("spot", "volatility", "basis"):
        up, down = (total(scaled(part, 1.0 + sign * 1e-6)) for sign in (1, -1))
        assert float(slopes.size[part]) == pytest.approx((up - down) / 2e-6, rel=1e-5)
    levels = [total(rule(source, ExpectedShortfall(0.93 + sign * 1e-5))) for sign in (1, -1)]
    assert float(slopes.level) == pytest.approx((levels[0] - levels[1]) / 2e-5, rel=1e-4)

    def at(days):
        given = shocks(40, days=days)
        parts = ("spot", "perpetual", "funding", "basis", "volatility", "rate")
        moves = [getattr(given, part) * days**0.5 for part in parts]
        given = eqx.tree_at(lambda s: [getattr(s, part) for part in parts], given, moves)
        return total(rule(GivenScenarios(given)))

    expected = (at(1.0 + 1e-6) - at(1.0 - 1e-6)) / 2e-6
    assert float(slopes.horizon_days) == pytest.approx(expected, rel=1e-4)
    assert float(slopes.maintenance_ratio) == pytest.approx(total(rulebook), rel=1e-12)


def test_what_a_measure_has_no_derivative_by_is_nan_and_what_it_ignores_is_zero():
    source = GivenScenarios(shocks(10))
    for measure in (ValueAtRisk(0.9), WorstCase()):
        slopes = margin_to_parameters(rule(source, measure), BOOK, market())
        np.testing.assert_array_equal(slopes.shocks.weight, 0.0)
        assert np.isnan(slopes.level)
    slopes = margin_to_parameters(rule(source, HarrellDavis(0.9)), BOOK, market())
    assert np.isnan(slopes.shocks.weight).all() and np.isnan(slopes.level)
    assert np.isfinite(slopes.shocks.spot).all()


def test_slopes_have_names_and_weights_choose_accounts():
    rulebook = rule(GivenScenarios(shocks(10)))
    slopes = margin_to_parameters(rulebook, BOOK, market())
    names = list_slopes(slopes.rulebook)
    assert names["source.given.spot"].shape == (5, 10)
    parts = [
        margin_to_parameters(rulebook, BOOK, market(), weight=jnp.eye(3)[account])
        for account in range(3)
    ]
    whole = sum(part.shocks.spot for part in parts)
    np.testing.assert_allclose(whole, slopes.shocks.spot, rtol=1e-9, atol=1e-6)
    assert float(abs(slopes.shocks.spot[BTC]).max()) > 0.0 < float(abs(whole[ETH]).max())
