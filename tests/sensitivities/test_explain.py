"""The path from one margin to another: hand counts, steps alone, derivatives, bad input."""

import equinox as eqx
import jax
import jax.numpy as jnp
import kinds
import numpy as np
import pytest

import jaxmargin as jm
from jaxmargin.book import Book, build_positions
from jaxmargin.instruments import LinearFutures, LinearOptions, LinearPerpetuals, Spot
from jaxmargin.margin import RiskMeasureRulebook
from jaxmargin.market import QuotedVolatilities
from jaxmargin.risk import ExpectedShortfall, WorstCase
from jaxmargin.scenarios import GivenScenarios, SpotVolatilityGrid
from jaxmargin.sensitivities import MarginState, explain_margin

KEY = jax.random.key(0)
STEPS = ("positions", "time", "prices", "rates and funding", "volatility", "scenarios", "rule")


def held(instruments, quantity):
    """A book from a table of quantities [account, instrument]."""
    account, instrument = np.indices(quantity.shape).reshape(2, -1)
    accounts = quantity.shape[0]
    flat = quantity.reshape(-1)
    return Book(instruments, build_positions(account, instrument, flat, accounts=accounts))


def test_three_steps_of_a_coin_have_the_amounts_of_a_hand_count():
    """Worst of falls by 16 % or 20 %: 1 then 2 BTC at 60,000 then 50,000."""
    spot = Spot(jnp.array([kinds.BTC]), jnp.array([kinds.USD]), jnp.array([1.0]))

    def state(quantity, price, fall):
        market = kinds.market()
        market = eqx.tree_at(lambda m: m.spot, market, market.spot.at[kinds.BTC].set(price))
        source = SpotVolatilityGrid(
            jnp.array([-fall, fall]), jnp.zeros(1), jnp.array([1.0, 1.0, 0.0, 0.0, 0.0])
        )
        rulebook = RiskMeasureRulebook(source, KEY, WorstCase())
        return MarginState(rulebook, held((spot,), np.array([[quantity], [0.0]])), market)

    change = explain_margin(state(1.0, 60_000.0, 0.16), state(2.0, 50_000.0, 0.20))
    assert change.steps == STEPS
    np.testing.assert_allclose(change.start, [9_600.0, 0.0], rtol=1e-12)
    expected = [9_600.0, 0.0, 2 * 0.16 * -10_000.0, 0.0, 0.0, 2 * 0.04 * 50_000.0, 0.0]
    np.testing.assert_allclose(change.amount[0], expected, rtol=1e-10, atol=1e-9)
    np.testing.assert_array_equal(change.amount[1], 0.0)
    first_order = [np.nan, 0.0, -3_200.0, 0.0, 0.0, np.nan, np.nan]
    np.testing.assert_allclose(change.first_order, first_order, rtol=1e-10, atol=1e-9)


@pytest.fixture(scope="module")
def start():
    """Three accounts with futures, perpetuals and options, which every part of a market moves."""

    def paid(rows):
        return {"settlement": jnp.full(rows, kinds.USD), "multiplier": jnp.ones(rows)}

    instruments = (
        LinearFutures(pillar=jnp.array([1, 3]), **paid(2)),
        LinearPerpetuals(asset=jnp.array([kinds.BTC]), **paid(1)),
        LinearOptions(
            pillar=jnp.array([1, 2, 3]),
            strike=jnp.array([58_000.0, 66_000.0, 2_600.0]),
            sign=jnp.array([-1.0, 1.0, 1.0]),
            **paid(3),
        ),
    )
    quantity = np.random.default_rng(1).normal(0.0, 2.0, (3, 6))
    source = GivenScenarios(kinds.shocks(24))
    rulebook = RiskMeasureRulebook(source, KEY, ExpectedShortfall(0.9))
    return MarginState(rulebook, held(instruments, quantity), kinds.market())


def moved(state, step, size):
    """The state with one part changed by a share `size`."""
    m = state.market
    if step == "positions":
        blocks = [block.quantity * (1 + size) for block in state.book.positions.blocks]
        where = lambda s: [block.quantity for block in s.book.positions.blocks]  # noqa: E731
        return eqx.tree_at(where, state, blocks)
    parts = {
        "time": (lambda m: (m.time,), (m.time * (1 - size),)),
        "prices": (
            lambda m: (m.spot, m.perpetual, m.forward),
            (m.spot.at[:3].multiply(1 + size), m.perpetual * (1 - size), m.forward * (1 + size)),
        ),
        "rates and funding": (
            lambda m: (m.rate, m.funding),
            (m.rate + size, m.funding + size),
        ),
        "volatility": (lambda m: (m.surface.quote,), (m.surface.quote * (1 + size),)),
    }
    if step in parts:
        return eqx.tree_at(
            lambda s: s.market, state, eqx.tree_at(parts[step][0], m, parts[step][1])
        )
    rule = state.rulebook
    if step == "scenarios":
        source = GivenScenarios(kinds.shocks(24, seed=8))
        rule = RiskMeasureRulebook(source, KEY, rule.measure)
    else:
        rule = RiskMeasureRulebook(rule.source, KEY, WorstCase())
    return eqx.tree_at(lambda s: s.rulebook, state, rule)


@pytest.mark.parametrize("step", STEPS)
def test_what_changes_alone_moves_its_own_amount_alone(start, step):
    amount = np.asarray(explain_margin(start, moved(start, step, 0.01)).amount)
    own = STEPS.index(step)
    assert np.abs(amount[:, own]).max() > 1e-3
    np.testing.assert_allclose(np.delete(amount, own, axis=1), 0.0, atol=1e-9)


def test_amounts_add_up_to_the_difference_of_expected_shortfalls_sorted_by_hand(start):
    end = start
    for step in STEPS[:-1]:  # the same measure at both ends
        end = moved(end, step, 0.02)

    def shortfall(state):
        shocks = state.rulebook.source.given
        pnl = np.sort(np.asarray(jm.revalue(state.book, state.market, shocks)), axis=1)
        return np.maximum(-(pnl[:, :2].sum(axis=1) + 0.4 * pnl[:, 2]) / 2.4, 0.0)

    change = explain_margin(start, end)
    np.testing.assert_allclose(change.start, shortfall(start), rtol=1e-9)
    whole = shortfall(end) - shortfall(start)
    np.testing.assert_allclose(change.amount.sum(axis=1), whole, rtol=1e-9, atol=1e-9)


def test_the_first_order_of_a_small_move_is_the_move(start):
    end, size = start, 1e-6
    for step in STEPS[1:5]:
        end = moved(end, step, size)
    change = explain_margin(start, end)
    amount = np.asarray(change.amount).sum(axis=0)[1:5]
    np.testing.assert_allclose(change.first_order[1:5], amount, rtol=1e-3)
    assert np.isnan(np.asarray(change.first_order)[[0, 5, 6]]).all()


def test_more_quoted_strikes_on_the_same_smile_change_nothing(start):
    surface = start.market.surface
    middle = jnp.sqrt(surface.strike[:, 1:] * surface.strike[:, :-1])  # of log-strikes
    squares = jnp.square(surface.quote)
    quote = jnp.sqrt(0.5 * (squares[:, 1:] + squares[:, :-1]))  # variance is linear there
    order = jnp.argsort(jnp.concatenate([surface.strike, middle], axis=1), axis=1)

    def merged(one, other):
        return jnp.take_along_axis(jnp.concatenate([one, other], axis=1), order, axis=1)

    finer = QuotedVolatilities(
        merged(surface.strike, middle), merged(surface.quote, quote), surface.scale
    )
    end = eqx.tree_at(lambda s: s.market.surface, start, finer)
    change = explain_margin(start, end)
    np.testing.assert_allclose(change.amount, 0.0, atol=1e-8)
    np.testing.assert_allclose(change.first_order[1:5], 0.0, atol=1e-8)


def test_states_that_count_differently_are_refused(start):
    other = eqx.tree_at(lambda s: s.book, start, held(start.book.instruments, np.ones((2, 6))))
    with pytest.raises(jm.InvalidInputError, match=r"count alike.*'accounts': 2"):
        explain_margin(start, other)
