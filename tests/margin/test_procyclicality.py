"""Tools against procyclicality: sequences counted by hand, properties, and the crash of 2020."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas
import pytest
from derivatives import assert_jacobians_are_central_differences
from kinds import PROCYCLICALITY_TOOLS
from reference import reference

from jaxmargin.errors import InvalidInputError
from jaxmargin.margin.procyclicality import (
    CalculatedMargins,
    EwmaFloor,
    LookbackFloor,
    SpeedLimit,
    StressBuffer,
    StressedWeight,
    apply_tools,
    apply_tools_over_days,
    rebase,
    start_procyclicality,
)

NONE = float("nan")
ALL = tuple(PROCYCLICALITY_TOOLS)  # ends with the speed limit
by_tools = pytest.mark.parametrize(
    "tools",
    [(), *((tool,) for tool in ALL), ALL],
    ids=lambda tools: type(tools[-1]).__name__ if len(tools) == 1 else f"{len(tools)} tools",
)
over_days = jax.jit(apply_tools_over_days)


def path(tools, current, stressed=None, long_lookback=None):
    """One account over days: the result of each day and the last state."""
    column = [None if x is None else jnp.array(x)[:, None] for x in (stressed, long_lookback)]
    margins = CalculatedMargins(jnp.array(current)[:, None], *column)
    return over_days(tools, margins, start_procyclicality(tools, 1))


def called(tools, current, *others):
    return path(tools, current, *others)[0].margin[:, 0]


def binding(result):
    return [result.names[place] for place in result.binding.ravel()]


def drawn_margins(seed, days=40, accounts=30):
    """Paths of margins with jumps, and margins of stress and of a long lookback around them."""
    random = np.random.default_rng(seed)
    moves = np.exp(0.1 * random.standard_t(3, (days, accounts))).cumprod(axis=0)
    around = np.exp(0.3 * random.standard_normal((2, days, accounts)))
    return CalculatedMargins(
        *(jnp.asarray(100.0 * part) for part in (moves, *(moves * around)))
    )  # fmt: skip


def test_a_buffer_absorbs_a_significant_rise_and_is_rebuilt():
    """Follows 5 % with the buffer whole; of 20 % it passes on 10 %; is empty; is rebuilt by 2 %."""
    buffer = StressBuffer(significant_rise=0.1, rebuild=0.02)
    margins = [100.0, 105.0, 126.0, 252.0, 252.0, 252.0, 200.0, 160.0]
    cap = [None, 131.25 * 1.05, 131.25 * 1.1, 144.375 * 1.1, 252 * 1.02, 257.04 * 1.02]
    expected = [
        1.25 * 100.0,
        131.25,  # the cap, 125 x 1.05, leaves the buffer whole
        cap[2],  # 144.375, of 157.5 with the whole buffer
        252.0,  # the cap is 158.8
        257.04,
        cap[5],  # 262.1808
        250.0,  # 1.25 x 200: whole again, the cap is 267.4
        200.0,
    ]
    np.testing.assert_allclose(called((buffer,), margins), expected, rtol=1e-12)


def test_a_buffer_without_rebuilding_is_capped_by_the_last_margin():
    """M = min(1.25 m, max(m, cap)) with the last margin called as the cap."""
    buffer = StressBuffer(significant_rise=0.0, rebuild=0.0)
    margins = [100.0, 110.0, 124.0, 130.0, 110.0, 90.0, 100.0]
    expected = [125.0, 125.0, 125.0, 130.0, 130.0, 112.5, 112.5]
    np.testing.assert_allclose(called((buffer,), margins), expected, rtol=1e-12)


def test_the_stressed_margin_has_its_weight_but_lowers_nothing():
    got = called((StressedWeight(0.25),), [100.0, 100.0, 100.0], [200.0, 100.0, 50.0])
    np.testing.assert_allclose(got, [125.0, 100.0, 100.0], rtol=1e-12)


def test_the_long_lookback_is_a_floor():
    got = called((LookbackFloor(),), [100.0, 50.0], None, [80.0, 80.0])
    np.testing.assert_allclose(got, [100.0, 80.0], rtol=1e-12)


def test_the_slow_average_is_a_floor():
    """A half-life of one run: averages 100, 60, 60, 80."""
    got = called((EwmaFloor(1.0),), [100.0, 20.0, 60.0, 100.0])
    np.testing.assert_allclose(got, [100.0, 60.0, 60.0, 100.0], rtol=1e-12)


def test_a_speed_limit_slows_falls_and_defers_no_more_than_allowed():
    margins = [100.0, 50.0, 84.0, 150.0, 120.0]
    free = called((SpeedLimit(rise=0.1, fall=0.1),), margins)
    np.testing.assert_allclose(free, [100.0, 90.0, 84.0, 150.0, 135.0], rtol=1e-12)
    result, _ = path((SpeedLimit(rise=0.1, fall=0.1, most_deferred=0.3),), margins)
    expected = np.array([100.0, 90.0, 84.0, 0.7 * 150.0, 115.5])  # 84 x 1.1 is below 70 % of 150
    np.testing.assert_allclose(result.margin[:, 0], expected, rtol=1e-12)
    np.testing.assert_allclose(result.deferred[:, 0], [0.0, 0.0, 0.0, 45.0, 4.5], atol=1e-10)


def test_a_speed_limit_lets_a_buffer_come_in_slowly():
    """The stressed margin appears at once; the called one rises by 10 % a run towards 150."""
    tools = (StressedWeight(0.5), SpeedLimit(rise=0.1, fall=1.0))
    got = called(tools, [100.0] * 6, [100.0, *[200.0] * 5])
    np.testing.assert_allclose(got, [100.0, 110.0, 121.0, 133.1, 146.41, 150.0], rtol=1e-12)


def test_the_result_says_which_tool_binds():
    """Of two floors, the higher; where neither lifts the margin, the calculated one."""
    tools = (LookbackFloor(), EwmaFloor(1.0))
    result, _ = path(tools, [100.0, 50.0, 90.0, 60.0], None, [80.0, 70.0, 80.0, 80.0])
    # averages of what comes in: 100, 85, 87.5, 83.75
    np.testing.assert_allclose(result.margin[:, 0], [100.0, 85.0, 90.0, 83.75], rtol=1e-12)
    assert binding(result) == ["calculated", "ewma_floor", "calculated", "ewma_floor"]
    result, _ = path(tools[:1], [50.0, NONE], None, [70.0, 60.0])
    assert binding(result) == ["lookback_floor", "last_good"]


@by_tools
@pytest.mark.parametrize("seed", [0, 1])
def test_margins_are_at_least_the_calculated_ones_and_parts_add_up(tools, seed):
    margins = drawn_margins(seed)
    result, _ = over_days(tools, margins, start_procyclicality(tools, 30))
    assert bool(jnp.all(result.margin >= margins.current * (1.0 - 1e-12)))
    np.testing.assert_allclose(sum(result.components.values()), result.margin, rtol=1e-12)
    np.testing.assert_array_equal(result.held, False)
    np.testing.assert_allclose(result.deferred, 0.0, atol=1e-9)


@by_tools
def test_margins_scale_with_the_account_and_rise_with_the_calculated_one(tools):
    margins, start = drawn_margins(2), start_procyclicality(tools, 30)
    result, state = over_days(tools, margins, start)
    scaled, _ = over_days(tools, jax.tree.map(lambda x: 7.0 * x, margins), start)
    np.testing.assert_allclose(scaled.margin, 7.0 * result.margin, rtol=1e-12)
    ladder = state.calculated[None, :] * jnp.linspace(0.0, 3.0, 61)[:, None]
    ladder = CalculatedMargins(ladder, *(jnp.broadcast_to(x[-1], (61, 30)) for x in (
        margins.stressed, margins.long_lookback)))  # fmt: skip
    steps = jax.jit(jax.vmap(lambda rung: apply_tools(tools, rung, state)[0].margin))(ladder)
    assert bool(jnp.all(jnp.diff(steps, axis=0) >= -1e-9))


@by_tools
def test_a_constant_margin_stays_constant(tools):
    """So a second run in the same market changes nothing."""
    flat = jnp.full((5, 2), 100.0)
    result, _ = over_days(
        tools, CalculatedMargins(flat, flat, flat), start_procyclicality(tools, 2)
    )
    np.testing.assert_allclose(result.margin, result.margin[:1] + 0.0 * flat, rtol=1e-12)


@by_tools
@pytest.mark.parametrize("bad", [NONE, np.inf, -np.inf, -1.0])
@pytest.mark.parametrize("field", ["current", "stressed", "long_lookback"])
def test_bad_data_never_lowers_a_margin_and_is_forgotten(tools, bad, field):
    """Day 20 is bad for every second account; the days after are as if it had not been."""
    margins, start = drawn_margins(3), start_procyclicality(tools, 30)
    hit = jnp.arange(30) % 2 == 0
    given = {name: getattr(margins, name) for name in ("current", "stressed", "long_lookback")}
    broken = given | {field: given[field].at[20].set(jnp.where(hit, bad, given[field][20]))}
    result, _ = over_days(tools, CalculatedMargins(**broken), start)
    np.testing.assert_array_equal(result.held[20], hit)
    assert bool(jnp.all(jnp.isfinite(result.margin)))
    assert bool(jnp.all(result.margin[20] >= jnp.where(hit, result.margin[19], 0.0)))
    np.testing.assert_allclose(sum(result.components.values()), result.margin, rtol=1e-12)
    without = CalculatedMargins(*(jnp.delete(x, 20, axis=0) for x in given.values()))
    whole, _ = over_days(tools, without, start)
    np.testing.assert_allclose(result.margin[21:, ::2], whole.margin[20:, ::2], rtol=1e-12)


def test_stale_data_may_raise_a_margin_but_not_lower_it():
    tools = (LookbackFloor(),)
    start = start_procyclicality(tools, 3)
    first = CalculatedMargins(jnp.array([100.0] * 3), None, jnp.zeros(3))
    _, state = apply_tools(tools, first, start)
    then = CalculatedMargins(jnp.array([80.0, 120.0, 80.0]), None, jnp.zeros(3))
    usable = jnp.array([False, False, True])
    result, after = apply_tools(tools, then, state, usable=usable)
    np.testing.assert_allclose(result.margin, [100.0, 120.0, 80.0])
    np.testing.assert_array_equal(result.held, [True, True, False])
    np.testing.assert_array_equal(after.runs_held, [1, 1, 0])
    np.testing.assert_allclose(after.called, [100.0, 120.0, 80.0])


def test_an_account_that_never_had_a_margin_has_an_infinite_one():
    """Infinite, since a comparison with NaN would let it pass."""
    result, state = path((), [NONE, 50.0, NONE])
    np.testing.assert_allclose(result.margin[:, 0], [np.inf, 50.0, 50.0])
    np.testing.assert_allclose(state.called, [50.0])


def test_a_traded_account_keeps_its_buffer():
    """A doubled position is no crisis: after `rebase` its margin has the whole buffer."""
    tools = (StressBuffer(0.1, 0.02), SpeedLimit(rise=0.1, fall=0.1))
    state = start_procyclicality(tools, 4)
    before = jnp.array([100.0, 100.0, 0.0, 100.0])
    _, state = apply_tools(tools, CalculatedMargins(before), state)
    now = CalculatedMargins(jnp.array([200.0, 50.0, 80.0, 0.0]))
    blind, _ = apply_tools(tools, now, state)
    np.testing.assert_allclose(blind.margin, [200.0, 112.5, 100.0, 112.5])
    result, _ = apply_tools(tools, now, rebase(state, now.current))
    np.testing.assert_allclose(result.margin, [250.0, 62.5, 100.0, 0.0])


def test_an_opened_account_without_data_keeps_what_its_positions_cost_then():
    _, state = apply_tools(
        (), CalculatedMargins(jnp.array([0.0, 100.0])), start_procyclicality((), 2)
    )
    state = rebase(state, jnp.array([70.0, NONE]))
    result, _ = apply_tools((), CalculatedMargins(jnp.array([NONE, NONE])), state)
    np.testing.assert_allclose(result.margin, [70.0, 100.0])


def test_gradients_through_days_are_central_differences():
    """Day by day on one path without ties, from the first run, where nothing is remembered."""
    margins = drawn_margins(4, days=4, accounts=2)

    def total(current):
        start = start_procyclicality(ALL, 2)
        days = CalculatedMargins(current, margins.stressed, margins.long_lookback)
        return over_days(ALL, days, start)[0].margin

    assert_jacobians_are_central_differences(total, margins.current)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: StressBuffer(0.1, 0.02, share=0.2), "StressBuffer.share must be at least 0.25"),
        (lambda: StressBuffer(0.02, 0.1), "StressBuffer.rebuild must lie in"),
        (lambda: StressedWeight(0.2), "StressedWeight.weight must lie in"),
        (lambda: EwmaFloor(0.0), "EwmaFloor.half_life_runs must be positive"),
        (lambda: SpeedLimit(-0.1, 0.1), "SpeedLimit.rise must not be negative"),
        (lambda: SpeedLimit(0.1, 10.0), "SpeedLimit.fall must lie in"),
        (lambda: SpeedLimit(0.1, 0.1, 1.0), "SpeedLimit.most_deferred must lie in"),
        (lambda: called((StressedWeight(),), [1.0]), "StressedWeight needs"),
        (lambda: called((LookbackFloor(),), [1.0]), "LookbackFloor needs"),
        (lambda: called((EwmaFloor(1.0), EwmaFloor(2.0)), [1.0]), "each kind of tool once"),
        (
            lambda: apply_tools(ALL, drawn_margins(0), start_procyclicality((), 30)),
            "the state of 0",
        ),
    ],
)
def test_settings_out_of_range_are_refused(build, message):
    with pytest.raises(InvalidInputError, match=message):
        build()


def test_the_buffer_is_drawn_in_march_2020_and_rebuilt_after():
    """Margin of one bitcoin, 3 daily EWMA standard deviations (decay 0.94), of Yahoo's closes.

    The expected path is a plain Python loop over the rule.
    """
    table = pandas.read_parquet(reference("data/daily_ohlcv_yahoo.parquet"))
    close = table[table["asset"] == "BTC"].set_index("date")["close"]["2019-06-01":"2020-08-31"]
    variance = np.log(close).diff().pow(2).ewm(alpha=0.06, adjust=False).mean()
    margin = (3.0 * np.sqrt(variance))["2019-12-01":]
    result = called((StressBuffer(significant_rise=0.1, rebuild=0.01),), margin.to_numpy())
    share = pandas.Series(np.asarray(result) / margin.to_numpy() - 1.0, margin.index)
    assert share["2020-03-07"] == pytest.approx(0.25)
    assert margin["2020-03-12"] > 3.0 * margin["2020-03-11"]
    assert share["2020-03-12"] == 0.0  # a rise beyond the buffer empties it
    assert 0.05 < share["2020-03-15"] < 0.1
    assert share["2020-03-20"] == pytest.approx(0.25)
    expected, before, last = [], None, 0.0
    for today in margin:
        full = 1.25 * today
        if before is None:
            last = full
        else:
            growth = min(max(today / before, 1.01), 1.1)
            last = min(full, max(today, last * growth))
        before = today
        expected.append(last)
    np.testing.assert_allclose(result, expected, rtol=1e-12)
