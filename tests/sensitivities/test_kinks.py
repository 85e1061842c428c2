"""Kinks of margins: ties counted by hand, and distances against NumPy's sort on either side."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiling import compiled
from kinds import BTC, ETH, INSTRUMENTS, STETH, USD, USDC, market, shocks
from scipy.stats.mstats import hdquantiles

from jaxmargin.book import Book, build_positions, pad_instruments
from jaxmargin.errors import InvalidInputError
from jaxmargin.instruments import LinearOptions, LinearPerpetuals, Spot
from jaxmargin.margin import AbstractRulebook, RiskMeasureRulebook, start_run
from jaxmargin.risk import ExpectedShortfall, HarrellDavis, ValueAtRisk, WorstCase
from jaxmargin.scenarios import GivenScenarios, Shocks, SpotVolatilityGrid
from jaxmargin.sensitivities import account_kinks, tail_edges

# Losses of 1 BTC and 1 ETH at 100 each: 50, 50, 40, -20, 0
BTC_MOVE, ETH_MOVE = [-0.5, 0.0, -0.4, 0.1, 0.0], [0.0, -0.5, 0.0, 0.1, 0.0]


def hand_made(measure, btc=BTC_MOVE, eth=ETH_MOVE, weight=None):
    """A run of an account with 1 BTC and 1 ETH, whose prices are 100, and of an empty one."""
    state = eqx.tree_at(lambda m: m.spot, market(), jnp.array([100.0, 100.0, 100.0, 1.0, 1.0]))
    moves = np.zeros((5, len(btc)))
    moves[BTC], moves[ETH] = np.log1p(btc), np.log1p(eth)
    some = jnp.ones(len(btc))
    scenarios = Shocks(jnp.asarray(moves), 0.0 * some, some if weight is None else weight, some[0])
    coins = Spot(jnp.array([BTC, ETH]), jnp.array([USD, USD]), jnp.ones(2))
    held = build_positions(np.zeros(2, int), np.arange(2), np.ones(2), accounts=2)
    rulebook = RiskMeasureRulebook(GivenScenarios(scenarios), jax.random.key(0), measure)
    return start_run(rulebook, Book((pad_instruments(coins),), held), state)


@pytest.mark.parametrize(
    ("measure", "left", "right"),
    [
        (WorstCase(), 0.0, 50.0),  # more BTC makes the first scenario the worst
        (ValueAtRisk(0.6), 50.0, 0.0),  # the second largest: more BTC makes it the second scenario
        (ExpectedShortfall(0.6), 25.0, 25.0),  # the mean of both, whichever is the larger
        (ExpectedShortfall(0.7), 0.5 * 50.0 / 1.5, 50.0 / 1.5),  # of one and a half
    ],
)
def test_derivatives_on_either_side_of_a_tie_are_those_counted_by_hand(measure, left, right):
    today = hand_made(measure)
    edges, kinks = tail_edges(today), account_kinks(today, account=0)
    assert int(edges.ties[0]) == 2 and list(edges.tied[0]) == [0, 1] + [-1] * 6
    assert (int(edges.scenario[0]), int(edges.worse[0]), int(edges.better[0])) == (0, -1, 2)
    assert np.isinf(edges.worse_gap[0]) and int(edges.runner_up[0]) == 2
    np.testing.assert_allclose([edges.loss[0], edges.gap[0]], [50.0, 10.0], rtol=1e-13)
    for found in (kinks.by_position, kinks.by_asset):  # a coin's P&L is in proportion to both
        np.testing.assert_allclose(found.left[:2], [left, left], rtol=1e-13)
        np.testing.assert_allclose(found.right[:2], [right, right], rtol=1e-13)
        np.testing.assert_array_equal(found.up[:2], 0.0)
        np.testing.assert_array_equal(found.down[:2], 0.0)
        np.testing.assert_array_equal(found.up_scenario[:2], 1)
    np.testing.assert_array_equal(kinks.instrument, [0, 1])


def test_distances_and_gaps_away_from_a_tie_are_those_counted_by_hand():
    """The second largest is 40 + 40 t with more BTC, others 50 + 50 t, 35, -20 - 10 t and 0."""
    btc, eth = [-0.5, -0.4, 0.0, 0.1, 0.0], [0.0, 0.0, -0.35, 0.1, 0.0]
    today = hand_made(ValueAtRisk(0.6), btc, eth)
    edges, kinks = tail_edges(today), account_kinks(today, account=0)
    assert (int(edges.scenario[0]), int(edges.worse[0]), int(edges.better[0])) == (1, 0, 2)
    np.testing.assert_allclose([edges.worse_gap[0], edges.better_gap[0]], [10.0, 5.0], rtol=1e-12)
    assert int(edges.ties[0]) == 1 and int(edges.runner_up[0]) == 2
    for found in (kinks.by_position, kinks.by_asset):
        np.testing.assert_allclose(found.up[:2], [np.inf, 1.0 / 7.0], rtol=1e-12)
        np.testing.assert_allclose(found.down[:2], [-0.125, -6.0], rtol=1e-12)
        np.testing.assert_array_equal(found.up_scenario[:2], [-1, 2])
        np.testing.assert_array_equal(found.down_scenario[:2], [2, 3])
        np.testing.assert_allclose(found.left[:2], [40.0, 0.0], atol=1e-12)
        np.testing.assert_allclose(found.right[:2], [40.0, 0.0], atol=1e-12)


def test_scenarios_that_move_alike_are_tied_but_make_no_kink():
    btc, eth = [-0.5, -0.5, 0.1], [-0.1, -0.1, 0.1]
    today = hand_made(ValueAtRisk(0.6), btc, eth)
    found = account_kinks(today, account=0).by_position
    assert int(tail_edges(today).ties[0]) == 2
    # 60 + 50 t meets -20 - 10 t at t = -80 / 60
    np.testing.assert_allclose([found.up[0], found.down[0]], [np.inf, -4.0 / 3.0], rtol=1e-12)
    np.testing.assert_array_equal(found.left, found.right)


def test_scenarios_without_weight_are_neither_edge_nor_runner_up():
    weight = jnp.array([1.0, 0.0, 1.0, 1.0, 1.0])
    today = hand_made(WorstCase(), weight=weight)
    edges, found = tail_edges(today), account_kinks(today, account=0).by_position
    assert (int(edges.scenario[0]), int(edges.ties[0]), int(edges.better[0])) == (0, 1, 2)
    # 50 + 50 t meets 40 + 40 t and 0 at -1, and never the tie that has no weight
    np.testing.assert_allclose([found.up[0], found.down[0]], [np.inf, -1.0], rtol=1e-12)


def test_a_smooth_mean_of_all_ranks_has_no_edge():
    today = hand_made(HarrellDavis(0.7))
    edges, kinks = tail_edges(today), account_kinks(today, account=0)
    assert np.isnan(edges.loss[0]) and int(edges.ties[0]) == 0
    assert int(edges.scenario[0]) == int(edges.runner_up[0]) == -1 and np.isinf(edges.gap[0])
    assert np.isinf(kinks.by_position.up).all() and np.isinf(kinks.by_asset.down).all()
    loss, velocity = (
        np.array([50.0, 50.0, 40.0, -20.0, 0.0]),
        np.array([50.0, 0.0, 40.0, -10.0, 0.0]),
    )
    ahead, here = (float(hdquantiles(loss + step * velocity, [0.7])[0]) for step in (1e-6, 0.0))
    slope = (ahead - here) / 1e-6
    np.testing.assert_allclose(kinks.by_position.right[0], slope, rtol=1e-6)


def test_an_account_without_positions_is_at_no_kink():
    """All its losses are zero and none moves."""
    today = hand_made(WorstCase())
    found = account_kinks(today, account=1)
    assert int(tail_edges(today).ties[1]) == 5
    assert found.by_position.up.shape == (0,)
    assert np.isinf(found.by_asset.up).all() and np.isinf(found.by_asset.down).all()
    np.testing.assert_array_equal(found.by_asset.right, 0.0)


# Spot in the first rows, perpetuals from row 8, options from row 16
HELD = [np.array([17, 0, 9, 1, 18]), np.array([1, 2, 8, 16, 20, 21])]
QUANTITY = [np.array([3.0, -2.0, 1.5, 0.7, -4.0]), np.array([1.0, -0.2, 2.0, -1.0, 2.0, 0.3])]
# with 40 scenarios, the scenario at the edge: the third largest of 2.4, the fourth, the first
PLACES = {ExpectedShortfall(0.94): 2, ValueAtRisk(0.9): 3, WorstCase(): 0}
by_measure = pytest.mark.parametrize("measure", PLACES, ids=lambda m: type(m).__name__)


@functools.cache
def run(measure, move=None):
    """Two accounts of five and six positions, after a log move of an asset's price."""
    state = market()
    if move is not None:
        asset, size = move
        growth = np.ones(5)
        growth[[asset, STETH] if asset == ETH else [asset]] = np.exp(size)
        fixed, of_pillar = np.asarray(state.fixed), growth[np.asarray(state.asset)]
        state = eqx.tree_at(
            lambda m: (m.spot, m.perpetual, m.forward),
            state,
            (
                state.spot * growth,
                state.perpetual * growth,
                state.forward * (fixed + (1.0 - fixed) * of_pillar),
            ),
        )
    chosen = (b for b in INSTRUMENTS if isinstance(b, Spot | LinearPerpetuals | LinearOptions))
    positions = build_positions(
        np.repeat([0, 1], [5, 6]), np.concatenate(HELD), np.concatenate(QUANTITY), accounts=2
    )
    book = Book(tuple(pad_instruments(batch) for batch in chosen), positions)
    rulebook = RiskMeasureRulebook(GivenScenarios(shocks(40)), jax.random.key(0), measure)
    return start_run(rulebook, book, state)


def losses(today, account, change=0.0, row=0):
    """Loss in each scenario after a change of one position, by NumPy."""
    table = np.asarray(today.pnl)
    return -(QUANTITY[account] @ table[HELD[account]] + change * table[row])


@by_measure
@pytest.mark.parametrize("account", [0, 1])
def test_edges_and_runners_up_are_those_of_a_sort(measure, account):
    today, place = run(measure), PLACES[measure]
    edges, loss = tail_edges(today), losses(run(measure), account)
    order = np.argsort(-loss)
    assert int(edges.scenario[account]) == order[place]
    assert int(edges.better[account]) == order[place + 1]
    assert int(edges.worse[account]) == (order[place - 1] if place else -1)
    gap = loss[order[place]] - loss[order[place + 1]]
    np.testing.assert_allclose(edges.better_gap[account], gap, rtol=1e-10)
    np.testing.assert_allclose(edges.loss[account], loss[order[place]], rtol=1e-12)


@by_measure
@pytest.mark.parametrize("account", [0, 1])
def test_the_edge_switches_at_the_distance_by_quantity_and_not_before(measure, account):
    today, place = run(measure), PLACES[measure]
    kinks, switched = account_kinks(today, account=account), 0
    found = kinks.by_position
    edge = np.argsort(-losses(today, account))[place]
    assert sorted(kinks.instrument) == sorted(HELD[account])
    for number, row in enumerate(kinks.instrument):
        for distance, other in (
            (float(found.up[number]), int(found.up_scenario[number])),
            (float(found.down[number]), int(found.down_scenario[number])),
        ):
            if not np.isfinite(distance):
                far = losses(today, account, np.copysign(1e6, distance), row)
                assert np.argsort(-far)[place] == edge
                continue
            for share in (0.01, 0.5, 1.0 - 1e-7):
                before = losses(today, account, share * distance, row)
                assert np.argsort(-before)[place] == edge
            after = losses(today, account, (1.0 + 1e-7) * distance, row)
            assert np.argsort(-after)[place] == other
            switched += 1
    assert switched >= 5


@by_measure
def test_derivatives_away_from_ties_are_differences_of_full_runs(measure):
    step, kinks = 1e-6, account_kinks(run(measure), account=0)
    np.testing.assert_allclose(kinks.by_asset.left, kinks.by_asset.right, rtol=1e-12)
    for asset in (BTC, ETH, USDC):
        up, down = (run(measure, (asset, sign * step)).requirement.initial for sign in (1.0, -1.0))
        slope = float(up[0] - down[0]) / (2.0 * step)
        np.testing.assert_allclose(kinks.by_asset.right[asset], slope, rtol=1e-5)
    initial = run(measure).requirement.initial[0]
    held = dict(zip(HELD[0], QUANTITY[0], strict=True))
    euler = sum(
        held[row] * float(slope)
        for row, slope in zip(kinks.instrument, kinks.by_position.right, strict=True)
    )
    np.testing.assert_allclose(euler, initial, rtol=1e-12)


@by_measure
@pytest.mark.parametrize("account", [0, 1])
def test_distances_by_price_are_where_tangents_of_the_losses_cross(measure, account):
    step, found = 1e-5, account_kinks(run(measure), account=account).by_asset
    loss = losses(run(measure), account)
    edge = np.argsort(-loss)[PLACES[measure]]
    for asset in (BTC, ETH):
        up, down = (losses(run(measure, (asset, sign * step)), account) for sign in (1.0, -1.0))
        slope = (up - down) / (2.0 * step)
        others = np.arange(40) != edge
        crossing = (loss - loss[edge])[others] / (slope[edge] - slope)[others]
        np.testing.assert_allclose(found.up[asset], crossing[crossing > 0].min(), rtol=1e-4)
        np.testing.assert_allclose(found.down[asset], crossing[crossing < 0].max(), rtol=1e-4)


@pytest.mark.parametrize(("quantity", "node"), [(1.0, (0, 0)), (-1.0, (4, 2))])
def test_the_worst_case_of_a_grid_shows_its_active_node(quantity, node):
    """A long call loses most at the lowest price and volatility, a short one at the highest."""
    grid = SpotVolatilityGrid(
        spot_move=jnp.array([-0.16, -0.08, 0.0, 0.08, 0.16]),
        volatility_move=jnp.array([-0.25, 0.0, 0.5]),
        sensitivity=jnp.array([1.0, 1.0, 1.0, 0.0, 0.0]),
    )
    call = Book(
        (pad_instruments(LinearOptions(*jax.device_put(_call()))),),
        build_positions(np.zeros(1, int), np.zeros(1, int), np.array([quantity]), accounts=1),
    )
    rulebook = RiskMeasureRulebook(grid, jax.random.key(0), WorstCase())
    edges = tail_edges(start_run(rulebook, call, market()))
    assert divmod(int(edges.scenario[0]), 3) == node


def _call():
    """A call on BTC in 200 days, at 63,000."""
    return np.array([2]), np.array([63_000.0]), np.array([1.0]), np.array([USD]), np.array([1.0])


def test_another_account_of_the_same_kinds_and_buckets_compiles_nothing():
    today = run(ValueAtRisk(0.9))
    account_kinks(today, account=0)
    with compiled() as names:
        account_kinks(today, account=1)
    assert names == []


class Other(AbstractRulebook):
    """A rulebook of another kind."""

    def shocks(self, market):
        raise NotImplementedError

    def charge(self, pnl, book, market, shocks, *, progress=None):
        raise NotImplementedError


def test_other_rulebooks_and_unknown_accounts_are_refused():
    today = run(WorstCase())
    other = dataclasses.replace(today, rulebook=Other())
    for kinks in (tail_edges, functools.partial(account_kinks, account=0)):
        with pytest.raises(InvalidInputError, match="is a risk measure over scenarios; got that"):
            kinks(other)
    with pytest.raises(InvalidInputError, match=r"account must lie in 0 \.\. 1"):
        account_kinks(today, account=2)
