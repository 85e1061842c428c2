"""Circuit breakers: levels counted by hand, what never happens, and 12 March 2020."""

from datetime import UTC, datetime

import jax
import jax.numpy as jnp
import numpy as np
import pandas
import pytest
from reference import reference

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import Problems, read_safeguards, safeguard_library
from jaxmargin.margin.safeguards import (
    BreakerLevel,
    BreakerObservation,
    BreakerSettings,
    BreakerTrigger,
    account_multiplier,
    breaker_multiplier,
    order_allowed,
    override_breaker,
    run_breaker,
    start_breaker,
)

NONE = float("nan")
NORMAL, CAUTIOUS, HALTED = BreakerLevel
GIVEN = {
    "window": 2,
    "most_move": (0.1, 0.2),
    "most_volatility": (2.0, 4.0),
    "half_life": 10.0,
    "per_year": 365.0,
    "most_age": (60.0, 600.0),
    "most_spread": (0.01, 0.05),
    "least_sources": (3, 2),
    "most_missing": 2,
    "cool_down": 2,
    "multiplier": (1.0, 1.25, 1.5),
}
SETTINGS = BreakerSettings(**GIVEN)
run = jax.jit(run_breaker, static_argnames="settings")


def observations(price, *, spread=0.0, age=0.0, sources=3):
    """One asset over time; each setting a number or one a time."""
    price = np.asarray(price, float)
    age, sources, spread = (np.broadcast_to(x, price.shape) for x in (age, sources, spread))
    bid, ask = price * (1.0 - 0.5 * spread), price * (1.0 + 0.5 * spread)
    columns = [jnp.asarray(x, float)[:, None] for x in (price, bid, ask, age)]
    return BreakerObservation(*columns, jnp.asarray(sources)[:, None])


def levels(price, *, settings=SETTINGS, **others):
    states = run(start_breaker(jnp.array([0.5]), settings), observations(price, **others), settings)
    return states.level[:, 0].tolist(), [BreakerTrigger(x).name for x in states.trigger[:, 0]]


def test_a_move_opens_the_breaker_at_once_and_calm_closes_it_level_by_level():
    """-21 % halts; the window of two still sees it the time after; then two calm ones a level."""
    found, triggers = levels([100.0, 79.0, 79.0, 79.0, 79.0, 79.0, 79.0, 79.0])
    assert found == [0, 2, 2, 2, 1, 1, 0, 0]
    assert triggers[:4] == ["NONE", "MOVE", "MOVE", "NONE"]


def test_two_small_moves_in_the_window_count_together():
    """7 % and 7 %: together 14.49 % from the price of two observations ago."""
    found, _ = levels([100.0, 107.0, 114.49])
    assert found == [0, 0, 1]


def test_a_trigger_of_the_level_below_keeps_it_from_falling_further():
    """A wide spread asks for CAUTIOUS: HALTED falls after two, and stays at CAUTIOUS."""
    spread = [0.0, 0.0, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.0, 0.0]
    found, triggers = levels([100.0, *[79.0] * 10], spread=spread)
    assert found == [0, 2, 2, 2, 1, 1, 1, 1, 1, 1, 0]
    assert triggers[3] == "SPREAD"


@pytest.mark.parametrize(
    ("others", "level", "trigger"),
    [
        ({"age": 60.0}, NORMAL, "NONE"),
        ({"age": 61.0}, CAUTIOUS, "AGE"),
        ({"age": 601.0}, HALTED, "AGE"),
        ({"spread": 0.009}, NORMAL, "NONE"),
        ({"spread": 0.02}, CAUTIOUS, "SPREAD"),
        ({"spread": 0.06}, HALTED, "SPREAD"),
        ({"sources": 2}, CAUTIOUS, "SOURCES"),
        ({"sources": 1}, HALTED, "SOURCES"),
        ({"spread": -0.001}, CAUTIOUS, "INVALID"),  # the bid above the ask
        ({"age": NONE}, CAUTIOUS, "INVALID"),
        ({"age": -1.0}, CAUTIOUS, "INVALID"),
        ({"age": np.inf}, HALTED, "AGE"),
        ({"age": 601.0, "spread": NONE}, HALTED, "AGE"),
    ],
)
def test_every_trigger_has_its_level(others, level, trigger):
    found, triggers = levels([100.0], **others)
    assert (found, triggers) == ([level], [trigger])


def test_realized_volatility_is_the_weighted_mean_of_squared_returns():
    """Half-life 1: from 50 %, a return r makes the variance half of each; 15.7 % a day is 300 %."""
    settings = BreakerSettings(**GIVEN | {"half_life": 1.0, "most_move": (9.0, 9.0)})
    move = np.exp(3.0 / np.sqrt(365.0))
    states = run(
        start_breaker(jnp.array([0.5]), settings), observations([1.0, move, move**2]), settings
    )
    expected = [0.25, (0.25 + 9.0) / 2.0, ((0.25 + 9.0) / 2.0 + 9.0) / 2.0]
    np.testing.assert_allclose(states.variance[:, 0], expected, rtol=1e-12)
    assert states.level[:, 0].tolist() == [0, 1, 1]
    assert states.trigger[1, 0] == BreakerTrigger.VOLATILITY


@pytest.mark.parametrize("bad", [NONE, np.inf, 0.0, -5.0])
def test_missing_prices_are_cautious_at_first_and_then_halt(bad):
    found, triggers = levels([100.0, bad, bad, bad, 100.0, 100.0, 100.0, 100.0])
    assert found == [0, 1, 1, 2, 2, 1, 1, 0]
    assert triggers[1:4] == ["INVALID"] * 3


def test_a_jump_across_a_gap_is_seen():
    found, triggers = levels([100.0, NONE, 75.0])
    assert (found, triggers) == ([0, 1, 2], ["NONE", "INVALID", "MOVE"])


@pytest.mark.parametrize(
    "bad", [{"age": 61.0}, {"sources": 2}, {"spread": -0.001}, {"age": NONE}], ids=str
)
def test_bad_data_never_lowers_a_level(bad):
    """Halted by a move, then only bad observations: at least as halted, and volatility stays."""
    name, value = next(iter(bad.items()))
    usual = {"age": 0.0, "sources": 3, "spread": 0.0}[name]
    prices, given = [100.0, 79.0, *[79.0] * 6], {name: [usual, usual, *[value] * 6]}
    assert levels(prices, **given)[0] == [0, *[2] * 7]
    states = run(start_breaker(jnp.array([0.5]), SETTINGS), observations(prices, **given), SETTINGS)
    np.testing.assert_array_equal(states.variance[2:], states.variance[1:2] + jnp.zeros((6, 1)))


def test_levels_never_fall_by_two_nor_at_once_nor_below_what_is_asked():
    """Random series of 40 assets with every kind of trouble."""
    random = np.random.default_rng(5)
    shape = (300, 40)
    price = 100.0 * np.exp(0.05 * random.standard_t(3, shape).cumsum(axis=0) / 3.0)
    price[random.random(shape) < 0.03] = NONE
    spread = np.where(random.random(shape) < 0.05, random.choice([-0.01, 0.02, 0.1], shape), 0.001)
    age = np.where(random.random(shape) < 0.05, random.choice([NONE, 90.0, 900.0], shape), 1.0)
    seen = BreakerObservation(
        *map(jnp.asarray, (price, price * (1 - spread / 2), price * (1 + spread / 2), age)),
        jnp.asarray(random.choice([1, 2, 3, 4], shape, p=[0.01, 0.03, 0.5, 0.46])),
    )
    states = run(start_breaker(jnp.full(40, 0.5), SETTINGS), seen, SETTINGS)
    level = np.vstack([np.zeros((1, 40), int), states.level])
    steps = np.diff(level, axis=0)
    assert set(np.unique(level)) == {0, 1, 2}
    assert steps.min() == -1 and steps.max() == 2
    assert not ((steps[1:] < 0) & (steps[:-1] != 0)).any()  # a cool-down of two in between
    bad = ~np.isfinite(price) | (spread < 0.0) | ~(age <= 60.0) | (np.asarray(seen.sources) < 3)
    assert (states.level[bad] >= CAUTIOUS).all() and (steps[bad] >= 0).all()
    assert bool(jnp.all(jnp.isfinite(states.variance)))


def test_an_unknown_volatility_halts():
    state = start_breaker(jnp.array([NONE]), SETTINGS)
    assert run(state, observations([100.0]), SETTINGS).level.tolist() == [[2]]


def test_a_person_holds_a_level_until_the_next_override_and_is_recorded():
    state = start_breaker(jnp.array([0.5, 0.5]), SETTINGS)
    time = datetime(2026, 2, 5, 12, tzinfo=UTC)
    by = {"author": "risk desk", "time": time}
    state, record = override_breaker(state, 1, CAUTIOUS, reason="upgrade of the venue", **by)
    assert (record.before, record.level, record.asset) == (NORMAL, CAUTIOUS, 1)
    assert (record.reason, record.author, record.time) == (
        "upgrade of the venue", "risk desk", time,
    )  # fmt: skip
    quiet = jax.tree.map(lambda x: jnp.tile(x, (1, 2)), observations([100.0] * 6))
    states = run(state, quiet, SETTINGS)
    assert states.level.T.tolist() == [[0] * 6, [1] * 6]
    state = jax.tree.map(lambda x: x[-1], states)
    fall = jax.tree.map(lambda x: jnp.tile(x, (1, 2)), observations([75.0, 75.0]))
    state = jax.tree.map(lambda x: x[-1], run(state, fall, SETTINGS))
    assert state.level.tolist() == [2, 2]
    state, record = override_breaker(state, 1, NORMAL, reason="index was wrong", **by)
    assert record.before == HALTED and state.level.tolist() == [2, 0]
    assert run(state, fall, SETTINGS).level[-1].tolist() == [1, 0]  # two calm ones


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reason": "  "}, "reason is empty"),
        ({"author": ""}, "author is empty"),
        ({"asset": 1}, "asset must be a row of the 1"),
        ({"time": datetime(2026, 2, 5)}, "time must have a zone"),
    ],
)
def test_an_override_without_a_reason_is_refused(change, message):
    given = {"asset": 0, "level": HALTED, "reason": "r", "author": "a"} | {
        "time": datetime(2026, 2, 5, tzinfo=UTC)
    }
    with pytest.raises(InvalidInputError, match=message):
        override_breaker(start_breaker(jnp.array([0.5]), SETTINGS), **given | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": 0}, "window must be at least 1"),
        ({"cool_down": 0}, "cool_down must be at least 1"),
        ({"most_missing": -1}, "most_missing must not be negative"),
        ({"half_life": 0.0}, "half_life must be positive"),
        ({"most_move": (0.2, 0.1)}, "most_move must not be negative nor fall"),
        ({"least_sources": (2, 3)}, "least_sources must not be negative nor rise"),
        ({"multiplier": (1.0, 0.9, 1.5)}, "multiplier must be at least 1 and not fall"),
        ({"multiplier": (0.9, 1.0, 1.5)}, "multiplier must be at least 1 and not fall"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(InvalidInputError, match=message):
        BreakerSettings(**GIVEN | change)


def test_margins_are_multiplied_by_the_worst_level_of_an_account():
    multiplier = breaker_multiplier(jnp.array([0, 1, 2, 7, -1]), SETTINGS)
    np.testing.assert_array_equal(multiplier, [1.0, 1.25, 1.5, 1.5, 1.5])
    exposed = jnp.array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 0]], bool)
    np.testing.assert_array_equal(account_multiplier(exposed, multiplier[:3]), [1, 1.25, 1.5, 1])


def test_a_halted_asset_takes_only_orders_that_add_no_risk():
    level = jnp.array([0, 1, 2, 2, 2, 2, 9])
    change = jnp.array([5.0, NONE, 5.0, 0.0, -5.0, NONE, 5.0])
    expected = [True, True, False, True, True, False, False]
    assert order_allowed(level, change).tolist() == expected


def test_the_shipped_breaker_halts_on_12_march_2020_and_is_closed_again_after():
    """Yahoo's daily closes of bitcoin since 2014, -37 % that day; five calm days a level."""
    table = pandas.read_parquet(reference("data/daily_ohlcv_yahoo.parquet"))
    close = table[table["asset"] == "BTC"].set_index("date")["close"]
    settings = read_safeguards(safeguard_library()["daily-breaker"], Problems()).breaker
    found, triggers = levels(close.to_numpy(), settings=settings)
    level, cause = (pandas.Series(x, close.index) for x in (found, triggers))
    assert (level["2020-02-01":"2020-03-11"] == NORMAL).all()
    assert level["2020-03-12"] == HALTED and cause["2020-03-12"] == "MOVE"
    halted = level.index[level == HALTED]
    assert list(halted) == list(pandas.date_range("2020-03-12", "2020-03-16"))
    assert level["2020-03-17"] == CAUTIOUS and cause["2020-03-17"] == "VOLATILITY"
    assert level["2020-05-31"] == NORMAL
    assert level.diff().min() == -1
    cautious = (level == CAUTIOUS).groupby(level.index.year).sum()
    assert cautious[2014:2022].between(5, 25).all() and not cautious[2023:].any()
