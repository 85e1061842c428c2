"""Safeguards around a margin: hand counts, and that bad data never lowers one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_jacobians_are_central_differences

from jaxmargin.errors import InvalidInputError
from jaxmargin.margin.procyclicality import CalculatedMargins, LookbackFloor, StressBuffer
from jaxmargin.margin.safeguards import (
    HoldReason,
    LeverageLimits,
    PriceBands,
    PriceOutcome,
    SafeguardInputs,
    SafeguardSettings,
    StepLimit,
    apply_safeguards,
    cap_offsets,
    check_price,
    least_margins,
    limit_step,
    quotes_usable,
    rebase_safeguards,
    start_safeguards,
)
from jaxmargin.market import combine_marks

NONE = float("nan")
# retail: 2 to 1 in the first class of assets, 20 to 1 in the second; professional: a floor alone
LIMITS = LeverageLimits(
    most_leverage=jnp.array([[2.0, 20.0], [jnp.inf, jnp.inf]]),
    least_share=jnp.array([[0.0, 0.1], [0.01, 0.01]]),
    close_out=jnp.array([0.5, 0.25]),
)
apply = jax.jit(apply_safeguards)


def test_leverage_caps_and_floors_set_the_least_margin():
    """Retail: 1/2 of 1,000 and, as the floor is above 1/20, 0.1 of 2,000; closed out at half."""
    notional = jnp.array([[1000.0, -2000.0], [1000.0, 2000.0], [1000.0, 0.0], [0.0, 0.0]])
    initial, maintenance = least_margins(LIMITS, notional, jnp.array([0, 1, 0, 0]))
    np.testing.assert_allclose(initial, [700.0, 30.0, 500.0, 0.0])
    np.testing.assert_allclose(maintenance, [350.0, 7.5, 250.0, 0.0])


def test_an_unknown_class_of_client_has_the_strictest_limits():
    notional = jnp.array([[1000.0, 2000.0]] * 3)
    initial, maintenance = least_margins(LIMITS, notional, jnp.array([-1, 2, 99]))
    np.testing.assert_allclose(initial, 700.0)
    np.testing.assert_allclose(maintenance, 350.0)


@pytest.mark.parametrize("bad", [NONE, np.inf])
def test_an_unknown_notional_has_no_finite_least_margin(bad):
    initial, maintenance = least_margins(LIMITS, jnp.array([[bad, 1.0]]), jnp.array([0]))
    assert initial[0] == maintenance[0] == np.inf


def test_offsets_count_to_their_cap_within_a_group():
    """Group 1 at 80 %: 100 + 0.2 x 200 of 300; group 2 at 100 %: 50 of 80; nothing between."""
    result = cap_offsets(
        jnp.array([[300.0, 80.0], [100.0, 0.0], [0.0, 0.0], [NONE, 1.0]]),
        jnp.array([[100.0, 50.0], [120.0, 0.0], [0.0, 0.0], [1.0, 1.0]]),
        jnp.array([0.8, 1.0]),
    )
    np.testing.assert_allclose(result.margin, [190.0, 120.0, 0.0, np.inf])
    np.testing.assert_allclose(result.added, [40.0, 0.0, 0.0, np.inf])
    np.testing.assert_allclose(result.offset, [190.0 / 380.0, 0.0, 0.0, 0.0], rtol=1e-12)


def test_capped_offsets_are_the_formula_of_the_regulation():
    """M = sum of the standalone margins - cap x (that sum - portfolio margin)."""
    random = np.random.default_rng(1)
    standalone = random.uniform(50.0, 100.0, (20, 3))
    portfolio = standalone * random.uniform(0.0, 1.0, (20, 3))
    cap = np.array([0.8, 1.0, 0.5])
    expected = (standalone - cap * (standalone - portfolio)).sum(axis=1)
    result = cap_offsets(*map(jnp.asarray, (standalone, portfolio, cap)))
    np.testing.assert_allclose(result.margin, expected, rtol=1e-12)
    np.testing.assert_allclose(result.offset, 1.0 - expected / standalone.sum(axis=1), rtol=1e-12)


def test_prices_beyond_a_band_start_an_auction_or_are_rejected():
    price = jnp.array([100.0, 105.0, 95.0, 105.1, 94.9, 120.0, 120.1, 79.0, NONE, -1.0, 100.0])
    reference = jnp.array([100.0] * 10 + [NONE])
    outcome = check_price(price, reference, PriceBands(auction=0.05, reject=0.2))
    expected = [*[PriceOutcome.CONTINUE] * 3, *[PriceOutcome.AUCTION] * 3]
    assert outcome.tolist() == [*expected, *[PriceOutcome.REJECT] * 5]


def test_accounts_on_a_price_that_is_stale_or_of_one_source_are_not_usable():
    """Assets: two fresh sources; one of two stale; two that disagree."""
    marks = combine_marks(
        jnp.array([[100.0, 50.0, 10.0], [101.0, 50.0, 20.0]]),
        jnp.array([[1.0, 1.0, 1.0], [1.0, 99.0, 1.0]]),
        most_age=jnp.full(3, 60.0),
        most_deviation=jnp.full(3, 0.05),
        least_sources=2,
    )
    exposed = jnp.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0]], bool)
    assert quotes_usable(exposed, marks).tolist() == [True, False, False, True]


def test_a_step_beyond_the_limit_is_held_at_the_higher_until_approved():
    margin = jnp.array([150.0, 151.0, 75.0, 74.0, 74.0, 50.0, 0.0])
    last = jnp.array([100.0, 100.0, 100.0, 100.0, 100.0, NONE, 0.0])
    approved = jnp.array([False, False, False, False, True, False, False])
    counts, reason = limit_step(margin, last, StepLimit(0.5, 0.25), approved=approved)
    np.testing.assert_allclose(counts, [150.0, 151.0, 75.0, 100.0, 74.0, 50.0, 0.0])
    assert [HoldReason(x).name for x in reason] == [
        "NONE", "STEP", "NONE", "STEP", "NONE", "NONE", "NONE",
    ]  # fmt: skip


@pytest.mark.parametrize("limit", [None, StepLimit(0.5, 0.25), StepLimit(np.inf, 1.0)])
def test_bad_margins_hold_the_last_one_and_approval_does_not_help(limit):
    margin = jnp.array([NONE, np.inf, -5.0, 80.0, 120.0, NONE, 80.0])
    last = jnp.array([100.0, 100.0, 100.0, 100.0, 100.0, NONE, NONE])
    usable = jnp.array([True, True, True, False, False, True, False])
    counts, reason = limit_step(
        margin, last, limit, usable=usable, approved=jnp.ones(7, bool)
    )  # fmt: skip
    np.testing.assert_allclose(counts, [100.0, 100.0, 100.0, 100.0, 120.0, np.inf, 80.0])
    assert (reason == HoldReason.BAD_DATA).all()


SETTINGS = SafeguardSettings(
    tools=(StressBuffer(0.1, 0.02), LookbackFloor()),
    most_offset=jnp.array([0.8]),
    leverage=LIMITS,
    step=StepLimit(rise=np.inf, fall=0.25),
)


def inputs(current, **changes):
    """Four accounts: plain; with offsets; with an open breaker; retail with a large notional."""
    given = {
        "maintenance": 0.8 * jnp.asarray(current),
        "long": jnp.array([0.0, 0.0, 0.0, 200.0]),
        "standalone": jnp.array([100.0, 150.0, 100.0, 100.0])[:, None],
        "notional": jnp.array([[0.0, 0.0], [0.0, 0.0], [100.0, 0.0], [1000.0, 0.0]]),
        "multiplier": jnp.array([1.0, 1.0, 1.5, 1.0]),
        "usable": jnp.ones(4, bool),
    } | changes
    return SafeguardInputs(
        margins=CalculatedMargins(jnp.asarray(current), None, given["long"]),
        maintenance=given["maintenance"],
        standalone=given["standalone"],
        portfolio=jnp.full((4, 1), 100.0),
        notional=given["notional"],
        client_class=jnp.array([0, 0, 0, 0]),
        multiplier=given["multiplier"],
        usable=given["usable"],
        approved=jnp.zeros(4, bool),
    )


def test_every_safeguard_is_a_named_part_and_they_add_up():
    """125 with the buffer; 10 = 0.2 x 50 of offsets; x 1.5; floor 200, then 1/2 of 1,000."""
    result, state = apply(inputs([100.0] * 4), start_safeguards(SETTINGS, 4), SETTINGS)
    expected = {
        "calculated": [100.0] * 4,
        "stress_buffer": [25.0] * 4,
        "lookback_floor": [0.0, 0.0, 0.0, 75.0],
        "offset_cap": [0.0, 10.0, 0.0, 0.0],
        "breaker": [0.0, 0.0, 62.5, 0.0],
        "least_margin": [0.0, 0.0, 0.0, 300.0],
        "held": [0.0] * 4,
    }
    assert set(result.components) == set(expected)
    for name, part in expected.items():
        np.testing.assert_allclose(result.components[name], part, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(result.initial, [125.0, 135.0, 187.5, 500.0])
    # 0.8 of what the risk asks for; at least half of the least margin of 500
    np.testing.assert_allclose(result.maintenance, [100.0, 108.0, 150.0, 250.0])
    np.testing.assert_allclose(result.offset, [0.0, 40.0 / 150.0, 0.0, 0.0], atol=1e-12)
    binds = [result.tools.names[place] for place in result.tools.binding]
    assert binds == [*["stress_buffer"] * 3, "lookback_floor"]
    assert (result.hold == HoldReason.NONE).all()
    np.testing.assert_allclose(state.initial, result.initial)


@pytest.mark.parametrize(
    "bad",
    [
        {"current": NONE},
        {"current": np.inf},
        {"current": -100.0},
        {"long": NONE},
        {"maintenance": NONE},
        {"standalone": NONE},
        {"notional": NONE},
        {"multiplier": NONE},
        {"usable": False},
    ],
    ids=str,
)
def test_bad_data_never_lowers_a_margin(bad):
    """The margins of the second run are half those of the first; the bad one is not halved."""
    start = start_safeguards(SETTINGS, 4)
    first, state = apply(inputs([100.0] * 4), start, SETTINGS)
    name, value = next(iter(bad.items()))
    half = inputs([50.0] * 4)
    given = {
        "current": half.margins.current,
        "maintenance": half.maintenance,
        "long": half.margins.long_lookback,
        "standalone": half.standalone,
        "notional": half.notional,
        "multiplier": half.multiplier,
        "usable": half.usable,
    }
    run = inputs(**given | {name: given[name].at[2].set(value)})
    result, after = apply(run, state, SETTINGS)
    assert result.hold[2] == HoldReason.BAD_DATA
    assert float(result.initial[2]) >= float(first.initial[2])
    assert float(result.maintenance[2]) >= float(first.maintenance[2])
    assert bool(jnp.all(jnp.isfinite(result.initial) & jnp.isfinite(result.maintenance)))
    np.testing.assert_allclose(sum(result.components.values()), result.initial, rtol=1e-12)
    np.testing.assert_allclose(result.initial[3], 500.0)
    assert result.hold[0] == HoldReason.STEP and float(result.initial[0]) == 125.0
    alone, _ = apply(run, start, SETTINGS)  # nothing to fall back on
    assert not bool(jnp.any(jnp.isnan(alone.initial) | jnp.isnan(alone.maintenance)))
    assert alone.hold[2] == HoldReason.BAD_DATA
    if name == "current":
        assert alone.initial[2] == alone.maintenance[2] == np.inf
    assert bool(jnp.all(jnp.isfinite(after.initial)))


def test_a_fall_beyond_the_limit_waits_for_approval_unless_the_account_traded():
    settings = SafeguardSettings(step=StepLimit(rise=0.5, fall=0.25))

    def run(current, state, approved=False):
        given = SafeguardInputs(
            CalculatedMargins(jnp.array([current])),
            jnp.array([0.8 * current]),
            approved=jnp.array([approved]),
        )
        return apply(given, state, settings)

    _, state = run(100.0, start_safeguards(settings, 1))
    result, held = run(60.0, state)
    assert (float(result.initial[0]), float(result.maintenance[0])) == (100.0, 80.0)
    result, held = run(60.0, held)  # and again
    assert float(result.initial[0]) == 100.0 and result.hold[0] == HoldReason.STEP
    result, _ = run(60.0, held, approved=True)
    assert (float(result.initial[0]), float(result.maintenance[0])) == (60.0, 48.0)
    result, _ = run(60.0, rebase_safeguards(state, jnp.array([62.0])))  # sold 38 %
    assert float(result.initial[0]) == 60.0 and result.hold[0] == HoldReason.NONE


def test_without_settings_margins_are_what_was_calculated():
    settings = SafeguardSettings()
    given = SafeguardInputs(CalculatedMargins(jnp.array([100.0, 0.0])), jnp.array([80.0, 0.0]))
    result, _ = apply(given, start_safeguards(settings, 2), settings)
    np.testing.assert_array_equal(result.initial, [100.0, 0.0])
    np.testing.assert_allclose(result.maintenance, [80.0, 0.0], rtol=1e-15)
    assert result.offset is None


def test_maintenance_is_the_whole_margin_where_only_safeguards_ask_for_one():
    settings = SafeguardSettings(tools=(LookbackFloor(),))
    given = SafeguardInputs(
        CalculatedMargins(jnp.array([0.0]), None, jnp.array([50.0])), jnp.array([0.0])
    )
    result, _ = apply(given, start_safeguards(settings, 1), settings)
    assert float(result.maintenance[0]) == float(result.initial[0]) == 50.0


def test_gradients_of_margins_with_safeguards_are_central_differences():
    _, state = apply(inputs([100.0] * 4), start_safeguards(SETTINGS, 4), SETTINGS)

    def margins(current, standalone, notional):
        given = inputs(current, standalone=standalone, notional=notional)
        result, _ = apply_safeguards(given, state, SETTINGS)
        return jnp.stack([result.initial, result.maintenance])

    assert_jacobians_are_central_differences(
        margins,
        jnp.array([97.0, 104.0, 131.0, 99.0]),
        jnp.array([101.0, 152.0, 110.0, 120.0])[:, None],
        jnp.array([[1.0, 2.0], [3.0, 4.0], [100.0, 5.0], [1000.0, 6.0]]),
    )


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PriceBands(0.2, 0.1), "PriceBands must have 0 <= auction <= reject"),
        (lambda: StepLimit(-0.1, 0.1), "StepLimit must have a rise of at least 0"),
        (lambda: StepLimit(0.1, 25.0), "StepLimit must have a rise of at least 0"),
    ],
)
def test_settings_out_of_range_are_refused(build, message):
    with pytest.raises(InvalidInputError, match=message):
        build()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (SafeguardSettings(most_offset=jnp.array([0.8])), "most_offset needs"),
        (SafeguardSettings(leverage=LIMITS), "leverage needs"),
        (SafeguardSettings(tools=(LookbackFloor(),)), "LookbackFloor needs"),
    ],
)
def test_a_safeguard_without_its_inputs_is_refused(settings, message):
    given = SafeguardInputs(CalculatedMargins(jnp.array([1.0])), jnp.array([1.0]))
    with pytest.raises(InvalidInputError, match=message):
        apply_safeguards(given, start_safeguards(settings, 1), settings)
