"""Margins split over positions."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from kinds import BTC, RULEBOOKS, USD, book, market, name
from reference import oracle

from jaxmargin.book import Book, DenseBlock, after_trades, build_positions
from jaxmargin.errors import InvalidInputError
from jaxmargin.instruments import LinearPerpetuals
from jaxmargin.margin import AbstractRulebook, RiskMeasureRulebook, start_run
from jaxmargin.risk import ExpectedShortfall, ValueAtRisk
from jaxmargin.scenarios import GivenScenarios, Shocks
from jaxmargin.sensitivities import (
    margin_to_positions,
    position_margins,
    position_slopes,
    what_if,
)

by_name = pytest.mark.parametrize("number", range(len(RULEBOOKS)), ids=map(name, RULEBOOKS))


@functools.cache
def run_of(number):
    """A run of six accounts with one of the rulebooks."""
    return start_run(RULEBOOKS[number], book(6), market())


@by_name
@pytest.mark.parametrize("of", ["initial", "maintenance"])
def test_contributions_add_up_to_the_margin(number, of):
    run = run_of(number)
    slopes = position_slopes(run, of=of)
    margin = np.asarray(getattr(run.requirement, of))
    np.testing.assert_array_equal(slopes.margin, margin)
    whole = np.bincount(slopes.account, slopes.contribution, minlength=6)
    np.testing.assert_allclose(whole, margin, rtol=1e-12)
    np.testing.assert_allclose(slopes.residual, 0.0, atol=1e-12 * margin.max())
    assert (margin > 0.0).all()


@by_name
def test_every_slope_is_a_central_difference_of_full_margins(number):
    run = run_of(number)
    slopes = margin_to_positions(run.rulebook, run.book, run.market)
    step = 1e-7 * np.abs(slopes.quantity)
    up, down = (
        np.asarray(what_if(run, slopes.account, slopes.instrument, sign * step).initial)
        for sign in (1.0, -1.0)
    )
    scale = np.abs(slopes.marginal).max()
    np.testing.assert_allclose(slopes.marginal, (up - down) / (2 * step), atol=1e-5 * scale)


@by_name
def test_standalone_and_incremental_margins_are_full_runs_bit_for_bit(number):
    run = run_of(number)
    margins = position_margins(run, np.array([4, 1]))
    np.testing.assert_array_equal(margins.chosen, [4, 1])
    assert list(dict.fromkeys(margins.account)) == [4, 1]
    for one, account in enumerate(margins.chosen):
        mine = margins.account == account
        instrument, _ = run.book.positions.of(int(account))
        np.testing.assert_array_equal(margins.instrument[mine], instrument)
        benefit = -float(run.requirement.initial[account])
        for place in np.flatnonzero(mine)[:3]:
            what, held = margins.instrument[[place]], margins.quantity[[place]]
            sold = after_trades(run.book.positions, np.array([account]), what, -held)
            rest = run.rulebook.requirement(Book(run.book.instruments, sold), market())
            change = run.requirement.initial[account] - rest.initial[account]
            assert margins.incremental[place] == change
            alone = build_positions(np.array([0]), what, held, accounts=1)
            single = run.rulebook.requirement(Book(run.book.instruments, alone), market())
            assert margins.standalone[place] == single.initial[0]
        benefit += margins.standalone[mine].sum()
        assert margins.diversification_benefit[one] == pytest.approx(benefit, rel=1e-12)
        assert margins.diversification_benefit[one] > 0.0


def test_an_account_that_always_gains_has_no_margin_and_no_slopes():
    still = market()
    zero = jnp.zeros((5, 4))
    gains = Shocks(zero.at[BTC].set(0.01), jnp.zeros(4), jnp.ones(4), jnp.ones(()))
    rulebook = RiskMeasureRulebook(
        GivenScenarios(gains), jax.random.key(0), ExpectedShortfall(0.75)
    )
    contract = LinearPerpetuals(jnp.array([BTC]), jnp.array([USD]), jnp.ones(1))
    positions = build_positions(np.arange(2), np.zeros(2, int), np.array([1.0, -1.0]), accounts=2)
    slopes = margin_to_positions(rulebook, Book((contract,), positions), still)
    np.testing.assert_array_equal(slopes.marginal[0], 0.0)
    assert slopes.margin[0] == 0.0 and slopes.margin[1] > 0.0
    assert slopes.marginal[1] == pytest.approx(-slopes.margin[1], rel=1e-12)


def test_dense_accounts_are_split_too():
    batches = book(1).instruments * 6  # so many that 165 positions make a dense row
    rows = np.flatnonzero(np.concatenate([np.asarray(b.multiplier) for b in batches]))
    random = np.random.default_rng(2)
    instrument = np.concatenate([random.choice(rows, 165, replace=False), rows[:2]])
    account = np.concatenate([np.ones(165, int), [0, 0]])
    quantity = random.normal(size=167)
    positions = build_positions(account, instrument, quantity, accounts=2)
    assert any(isinstance(block, DenseBlock) for block in positions.blocks)
    slopes = margin_to_positions(RULEBOOKS[0], Book(batches, positions), market())
    np.testing.assert_allclose(slopes.residual, 0.0, atol=1e-12 * slopes.margin.max())
    held = dict(zip(zip(account, instrument, strict=True), quantity, strict=True))
    found = zip(slopes.account, slopes.instrument, strict=True)
    assert {pair: held[pair] for pair in found} == held
    np.testing.assert_array_equal(
        slopes.quantity, [held[p] for p in zip(slopes.account, slopes.instrument, strict=True)]
    )


class SquaredShortfall(AbstractRulebook):
    """Margin that grows with the square of the position: not homogeneous of degree one."""

    plain: RiskMeasureRulebook

    def shocks(self, market):
        return self.plain.shocks(market)

    def charge(self, pnl, book, market, shocks, *, progress=None):
        result = self.plain.charge(pnl, book, market, shocks, progress=progress)
        margin = 1e-4 * jnp.square(result.initial)
        return eqx.tree_at(lambda r: (r.initial, r.maintenance), result, (margin, margin))


def test_what_a_margin_that_is_not_homogeneous_leaves_is_named():
    """Of a square, Euler's sum is twice the margin."""
    slopes = margin_to_positions(SquaredShortfall(RULEBOOKS[0]), book(6), market())
    np.testing.assert_allclose(slopes.residual, -slopes.margin, rtol=1e-10)
    plain = margin_to_positions(RULEBOOKS[0], book(6), market())
    factor = 2e-4 * plain.margin[plain.account]
    np.testing.assert_allclose(slopes.marginal, factor * plain.marginal, rtol=1e-9)


@pytest.mark.parametrize("level", [0.975, 0.99])
def test_slopes_meet_the_closed_form_of_normal_returns(level):
    """Closed form in es_var_analytic.json; 65,536 scenarios, within three standard errors.

    A slope is a mean of returns in the tail, of a deviation of at most that of the returns.
    """
    case = oracle("backtest/es_var_analytic.json")["elliptical_euler_case"]
    expected, size = case[str(level)], 1e-3  # small moves, so that no price turns negative
    uniform = scipy.stats.qmc.Sobol(3, seed=5).random(65_536).T
    normal = jnp.asarray(scipy.stats.norm.ppf(uniform))
    root = jnp.linalg.cholesky(jnp.array(case["Sigma"]))
    returns = size * (root @ normal + jnp.array(case["mu"])[:, None])
    state = market()
    spot = jnp.zeros((5, 65_536)).at[:3].set(jnp.log1p(returns))
    state = eqx.tree_at(lambda m: m.base, state, jnp.arange(5))
    source = GivenScenarios(Shocks(spot, jnp.zeros(65_536), jnp.ones(65_536), jnp.ones(())))
    contracts = LinearPerpetuals(
        jnp.arange(3), jnp.full(3, USD), 1.0 / (size * state.perpetual[:3])
    )
    positions = build_positions(np.zeros(3, int), np.arange(3), np.array(case["x"]), accounts=1)
    for measure, key in ((ExpectedShortfall(level), "ES"), (ValueAtRisk(level), "VaR")):
        rulebook = RiskMeasureRulebook(source, jax.random.key(0), measure)
        slopes = margin_to_positions(rulebook, Book((contracts,), positions), state)
        assert slopes.margin[0] == pytest.approx(expected[key], rel=0.005)
        if key == "ES":  # that of one order statistic is one scenario, not a mean
            deviation = np.sqrt(np.diag(case["Sigma"]) / ((1.0 - level) * 65_536))
            distance = np.abs(slopes.marginal - expected["dES_dx"])
            assert (distance < 3.0 * deviation).all()
            part = np.abs(slopes.contribution - expected["euler_contrib_ES"])
            assert (part < 3.0 * deviation * np.abs(case["x"])).all()


def test_unknown_accounts_are_refused():
    with pytest.raises(InvalidInputError, match=r"accounts must lie in 0 \.\. 5; got \[6\]"):
        position_margins(run_of(0), np.array([1, 6]))
