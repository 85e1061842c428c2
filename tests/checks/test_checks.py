"""Checks R01 to R21 at, below and above every limit, with numbers small enough for the head."""

import math
from datetime import date

import numpy as np
import pytest

from jaxmargin.checks import (
    CHECKS,
    Basis,
    CheckResult,
    CheckStatus,
    Citation,
    Comparison,
    Rule,
    hash_inputs,
    input_names,
)
from jaxmargin.errors import InvalidInputError

PASS, FAIL, NOT = CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.NOT_EVALUATED
CITATION = Citation("Rules", "article 1", "book", date(2024, 3, 7), Basis.READ)
DAY = date(2026, 1, 31)
ONE = np.ones(1)
TOOLS = {"least": {"stress_buffer": 0.25, "stressed_weight": 0.25, "lookback_floor": 10}}
COLLATERAL = {
    "most_share": 0.1,
    "most_share_with_guarantees": 0.25,
    "guarantees_above": 0.5,
}
GREEN = {"correlation_above": 0.8, "distance_below": 0.09}
P = {"least_p_value": 0.05}
WINDOWS = {"haircut_level": 0.99, "least_windows": 9} | P
LOG = {"time": "2026-01-02T08:00Z", "author": "A", "change": "floor", "reason": "gap"}
CALLS = {"trigger": 1.1}
NOBODY = np.zeros(0)
REQUIRED = {"required": list(LOG)}
LOSSES = np.array([[30.0, 20.0, 15.0, -50.0], [10.0, 10.0, 10.0, 10.0]])


def _arrays(*values):
    return tuple(np.array(value, float) for value in values)


# id, what is said, inputs, limits, outcome
CASES = [
    ("R01", "at", (0.99,), {"least_level": 0.99}, PASS),
    ("R01", "below", (0.9899,), {"least_level": 0.99}, FAIL),
    ("R01", "above", (0.995,), {"least_level": 0.99}, PASS),
    ("R01", "percent", (99.0,), {"least_level": 0.99}, FAIL),
    ("R01", "its measure", (0.975, "es"), {"least_level": 0.975, "of_measure": "es"}, PASS),
    ("R01", "a lower one", (0.99, "var"), {"least_level": 0.975, "of_measure": "es"}, FAIL),
    ("R02", "at", (5,), {"least_horizon_days": 5}, PASS),
    ("R02", "below", (4,), {"least_horizon_days": 5}, FAIL),
    ("R02", "above", (10,), {"least_horizon_days": 5}, PASS),
    ("R03", "at", (365, None), {"least_lookback_days": 365}, PASS),
    ("R03", "below", (364, None), {"least_lookback_days": 365}, FAIL),
    ("R03", "longest", (1827, None), {"most_lookback_days": 1827}, PASS),
    ("R03", "too long", (1828, None), {"most_lookback_days": 1827}, FAIL),
    ("R03", "quarter", (None, 0.25), {"least_stress_share": 0.25}, PASS),
    ("R03", "less", (None, 0.24), {"least_stress_share": 0.25}, FAIL),
    ("R03", "no stress", (400, 0.0), {"least_stress_share": 0}, FAIL),
    ("R03", "some stress", (400, 0.001), {"least_stress_share": 0}, PASS),
    ("R03", "share above one", (400, 1.2), {"least_stress_share": 0}, FAIL),
    ("R03", "no share", (400, None), {"least_stress_share": 0}, NOT),
    ("R03", "fresh", (400, None, 2.0), {"most_history_age_days": 2}, PASS),
    ("R03", "stale", (400, 0.3, 2.1), {"least_stress_share": 0, "most_history_age_days": 2}, FAIL),
    ("R03", "no age", (400, None), {"most_history_age_days": 2}, NOT),
    ("R04", "at", ({"stress_buffer": 0.25}, "stress_buffer"), TOOLS, PASS),
    ("R04", "below", ({"stress_buffer": 0.2}, "stress_buffer"), TOOLS, FAIL),
    ("R04", "second tool", ({"stress_buffer": 0.1, "stressed_weight": 0.3}, "x"), TOOLS, PASS),
    ("R04", "ten years", ({"lookback_floor": 10}, "calculated"), TOOLS, PASS),
    ("R04", "nine years", ({"lookback_floor": 9}, "calculated"), TOOLS, FAIL),
    ("R04", "none", ({}, "calculated"), TOOLS, FAIL),
    ("R04", "other tool", ({"speed_limit": 0.5}, "speed_limit"), TOOLS, FAIL),
    ("R04", "what binds", ({"stress_buffer": 0.25}, None), TOOLS, NOT),
    ("R04", "fresh", ({"lookback_floor": 10}, "x", 2), TOOLS | {"most_history_age_days": 2}, PASS),
    ("R04", "stale", ({"lookback_floor": 10}, "x", 3), TOOLS | {"most_history_age_days": 2}, FAIL),
    ("R04", "no age", ({"lookback_floor": 9}, "x"), TOOLS | {"most_history_age_days": 2}, NOT),
    ("R04", "needs none", ({"stress_buffer": 1}, "x"), TOOLS | {"most_history_age_days": 2}, PASS),
    # portfolio 60 of 100: at least 60 + 0.2 * 40 = 68
    ("R05", "at", _arrays([68], [60], [100]), {"most_offset": 0.8}, PASS),
    ("R05", "below", _arrays([67.9], [60], [100]), {"most_offset": 0.8}, FAIL),
    ("R05", "above", _arrays([75], [60], [100]), {"most_offset": 0.8}, PASS),
    ("R05", "one of two", _arrays([68, 60], [60, 60], [100, 100]), {"most_offset": 0.8}, FAIL),
    ("R05", "no risk", _arrays([60], [60], [100]), {"most_offset": 1.0}, PASS),
    ("R05", "no reduction", _arrays([110], [110], [100]), {"most_offset": 0.8}, PASS),
    ("R05", "under the portfolio", _arrays([105], [110], [100]), {"most_offset": 0.8}, FAIL),
    ("R05", "nobody", _arrays([], [], []), {"most_offset": 0.8}, NOT),
    ("R06", "at", ({"a": 0.99, "b": 1.0},), {"least_coverage": 0.99}, PASS),
    ("R06", "below", ({"a": 0.9899, "b": 1.0},), {"least_coverage": 0.99}, FAIL),
    ("R06", "above", ({"a": 0.995},), {"least_coverage": 0.99}, PASS),
    ("R06", "above one", ({"a": 1.1},), {"least_coverage": 0.99}, FAIL),
    ("R06", "none", ({},), {"least_coverage": 0.99}, NOT),
    ("R06", "days", ({"a": 1.0}, 250), {"least_coverage": 0.99, "least_days": 250}, PASS),
    ("R06", "few days", ({"a": 1.0}, 249), {"least_coverage": 0.99, "least_days": 250}, NOT),
    # Basel's traffic light of 250 days at 99 %: green to 4, yellow to 9, red from 10
    ("R07", "at", ({"a": 4, "b": 0}, 250, 0.99), {"worst_zone": "green"}, PASS),
    ("R07", "yellow", ({"a": 0, "b": 5}, 250, 0.99), {"worst_zone": "green"}, FAIL),
    ("R07", "yellow allowed", ({"a": 9}, 250, 0.99), {"worst_zone": "yellow"}, PASS),
    ("R07", "red", ({"a": 10}, 250, 0.99), {"worst_zone": "yellow"}, FAIL),
    ("R07", "at 97.5 %", ({"a": 10}, 250, 0.975), {"worst_zone": "green"}, PASS),
    ("R07", "yellow at 97.5 %", ({"a": 11}, 250, 0.975), {"worst_zone": "green"}, FAIL),
    ("R07", "desk at", ({"a": 12}, 250, 0.99), {"most_exceedances": 12, "at_level": 0.99}, PASS),
    ("R07", "desk above", ({"a": 13}, 250, 0.99), {"most_exceedances": 12, "at_days": 250}, FAIL),
    ("R07", "other level", ({"a": 1}, 250, 0.9), {"most_exceedances": 12, "at_level": 0.99}, NOT),
    ("R07", "other days", ({"a": 1}, 100, 0.99), {"most_exceedances": 12, "at_days": 250}, NOT),
    ("R07", "few", ({"a": 0}, 249, 0.99), {"worst_zone": "green", "least_days": 250}, NOT),
    ("R07", "more than days", ({"a": 9}, 8, 0.99), {"worst_zone": "yellow"}, FAIL),
    ("R08", "at", ({"a": 0.05}, {"a": 2}), P, PASS),
    ("R08", "below", ({"a": 0.0499}, {"a": 2}), P, FAIL),
    ("R08", "above", ({"a": 0.5}, {"a": 2}), P, PASS),
    ("R08", "two at", ({"a": 0.025, "b": 0.9}, {"a": 2, "b": 3}), P, PASS),
    ("R08", "two below", ({"a": 0.0249, "b": 0.9}, {"a": 2, "b": 3}), P, FAIL),
    ("R08", "one counts", ({"a": 0.04, "b": 0.9}, {"a": 1, "b": 3}), P, PASS),
    ("R08", "one breach", ({"a": 0.04, "b": 0.9}, {"a": 1, "b": 0}), P, NOT),
    ("R08", "no count", ({"a": 0.5}, {"b": 5}), P, FAIL),
    ("R08", "few days", ({"a": 0.5}, {"a": 2}, 249), P | {"least_days": 250}, NOT),
    ("R09", "at", ({"a": 0.05},), P, PASS),
    ("R09", "below", ({"a": 0.0499},), P, FAIL),
    ("R09", "none", ({},), P, NOT),
    ("R10", "the same", (np.arange(10.0), np.arange(10.0)), GREEN, PASS),
    ("R10", "opposite", (np.arange(10.0), -np.arange(10.0)), GREEN, FAIL),
    ("R10", "shifted", (np.arange(10.0), np.arange(10.0) + 0.5), GREEN, FAIL),  # 0.1 apart
    ("R10", "constant", (np.arange(10.0), np.zeros(10)), GREEN, FAIL),
    ("R10", "few", (np.arange(10.0), np.arange(10.0)), GREEN | {"least_days": 11}, NOT),
    ("R11", "at", (date(2025, 12, 31), DAY), {"most_sensitivity_age_days": 31}, PASS),
    ("R11", "above", (date(2025, 12, 30), DAY), {"most_sensitivity_age_days": 31}, FAIL),
    ("R11", "below", (DAY, DAY), {"most_sensitivity_age_days": 31}, PASS),
    ("R11", "to come", (date(2026, 2, 1), DAY), {"most_sensitivity_age_days": 31}, FAIL),
    # P(X >= 1) of 5 windows at 99 % is 1 - 0.99^5 = 0.0490; of 6 it is 0.0585
    ("R12", "above", ({"BTC": 1}, {"BTC": 6}), {"haircut_level": 0.99} | P, PASS),
    ("R12", "below", ({"BTC": 1}, {"BTC": 5}), {"haircut_level": 0.99} | P, FAIL),
    ("R12", "none broken", ({"BTC": 0}, {"BTC": 5}), {"haircut_level": 0.99} | P, PASS),
    ("R12", "few", ({"A": 0, "B": 0}, {"A": 9, "B": 8}), WINDOWS, NOT),
    ("R12", "few, one fails", ({"A": 3, "B": 0}, {"A": 9, "B": 8}), WINDOWS, FAIL),
    ("R12", "no window", ({"BTC": 0}, {"BTC": 0}), {"haircut_level": 0.99} | P, FAIL),
    ("R12", "other assets", ({"BTC": 0}, {"ETH": 9}), {"haircut_level": 0.99} | P, FAIL),
    ("R13", "at", ({"A": 10, "B": 5}, 100, 0), COLLATERAL, PASS),
    ("R13", "above", ({"A": 10.1}, 100, 0), COLLATERAL, FAIL),
    ("R13", "guarantees", ({"A": 25}, 100, 50.1), COLLATERAL, PASS),
    ("R13", "guarantees above", ({"A": 25.1}, 100, 50.1), COLLATERAL, FAIL),
    ("R13", "guarantees half", ({"A": 25}, 100, 50), COLLATERAL, FAIL),
    ("R13", "negative", ({"A": -1}, 100, 0), COLLATERAL, FAIL),
    ("R13", "nothing", ({"A": 0}, 0, 0), COLLATERAL, NOT),
    ("R14", "empty", ({}, {}), {"least_charge": 1.0}, PASS),
    ("R14", "at", ({"A": 5.0}, {"A": 5.0}), {"least_charge": 1.0}, PASS),
    ("R14", "below", ({"A": 5.0, "B": 0.0}, {"A": 4.9}), {"least_charge": 1.0}, FAIL),
    ("R14", "uncharged", ({"A": 5.0}, {}), {"least_charge": 1.0}, FAIL),
    ("R14", "no value", ({"A": 0.0}, {}), {"least_charge": 1.0}, PASS),
    ("R15", "at", (60, None, None, None), {"most_age_minutes": 60}, PASS),
    ("R15", "above", (61, None, None, None), {"most_age_minutes": 60}, FAIL),
    ("R15", "to come", (-1, None, None, None), {"most_age_minutes": 60}, FAIL),
    ("R15", "at 110 %", (0, 110 * ONE, 100 * ONE, ONE < 0), {"trigger": 1.1}, PASS),
    ("R15", "not called", (0, 111 * ONE, 100 * ONE, ONE < 0), {"trigger": 1.1}, FAIL),
    ("R15", "called", (0, 111 * ONE, 100 * ONE, ONE > 0), {"trigger": 1.1}, PASS),
    ("R15", "no collateral", (0, 111 * ONE, None, ONE > 0), {"trigger": 1.1}, NOT),
    ("R15", "nobody", (0, NOBODY, NOBODY, NOBODY > 0), CALLS, NOT),
    (
        "R15",
        "nobody, old",
        (61, NOBODY, NOBODY, NOBODY > 0),
        CALLS | {"most_age_minutes": 60},
        FAIL,
    ),
    # 30; 30 or 20 + 15 = 35; 30 + 20 = 50: the gain of the last member covers nobody
    ("R16", "largest at", (LOSSES, 30), {"cover": "largest"}, PASS),
    ("R16", "largest below", (LOSSES, 29.9), {"cover": "largest"}, FAIL),
    ("R16", "second, third at", (LOSSES, 35), {"cover": "largest-or-second-and-third"}, PASS),
    ("R16", "second, third", (LOSSES, 34.9), {"cover": "largest-or-second-and-third"}, FAIL),
    ("R16", "two at", (LOSSES, 50), {"cover": "two-largest"}, PASS),
    ("R16", "two below", (LOSSES, 49.9), {"cover": "two-largest"}, FAIL),
    ("R16", "no member", (np.zeros((2, 0)), 1), {"cover": "largest"}, NOT),
    ("R17", "at", ({"margin": 0.25, "haircut": -0.5},), {"most_step": 0.25}, PASS),
    ("R17", "above", ({"margin": 0.2, "haircut": 0.26},), {"most_step": 0.25}, FAIL),
    ("R18", "at", ({"BTC": 60}, None), {"most_price_age_minutes": 60}, PASS),
    ("R18", "above", ({"BTC": 1, "ETH": 61}, None), {"most_price_age_minutes": 60}, FAIL),
    ("R18", "to come", ({"BTC": -1}, None), {"most_price_age_minutes": 60}, FAIL),
    ("R18", "two sources", (None, {"BTC": 2, "ETH": 3}), {"least_sources": 2}, PASS),
    ("R18", "one source", (None, {"BTC": 1, "ETH": 3}), {"least_sources": 2}, FAIL),
    ("R18", "none", ({}, {}), {"most_price_age_minutes": 60, "least_sources": 2}, NOT),
    ("R18", "half", ({"A": 1}, {}), {"most_price_age_minutes": 60, "least_sources": 2}, NOT),
    ("R19", "at", (500 * ONE, 100 * ONE, "retail"), {"most_leverage": {"retail": 5}}, PASS),
    ("R19", "above", (501 * ONE, 100 * ONE, "retail"), {"most_leverage": {"retail": 5}}, FAIL),
    ("R19", "no equity", (1 * ONE, 0 * ONE, "retail"), {"most_leverage": {"retail": 5}}, FAIL),
    ("R19", "nothing held", (0 * ONE, 0 * ONE, "retail"), {"most_leverage": {"retail": 5}}, PASS),
    ("R19", "other class", (ONE, ONE, "institution"), {"most_leverage": {"retail": 5}}, NOT),
    ("R20", "complete", ([LOG],), REQUIRED, PASS),
    ("R20", "empty log", ([],), REQUIRED, PASS),
    ("R20", "blank", ([LOG, LOG | {"reason": " "}],), REQUIRED, FAIL),
    ("R20", "null", ([LOG | {"reason": None}],), REQUIRED, FAIL),
    ("R20", "lacking", ([{"time": "now"}],), REQUIRED, FAIL),
    ("R21", "at", (date(2025, 1, 30), None, DAY), {"most_parameters_age_days": 366}, PASS),
    ("R21", "above", (date(2025, 1, 29), None, DAY), {"most_parameters_age_days": 366}, FAIL),
    ("R21", "validated", (None, date(2025, 6, 1), DAY), {"most_validation_age_days": 366}, PASS),
    ("R21", "old", (None, date(2024, 6, 1), DAY), {"most_validation_age_days": 366}, FAIL),
]


@pytest.mark.parametrize(
    ("check", "inputs", "limits", "status"),
    [(check, inputs, limits, status) for check, _, inputs, limits, status in CASES],
    ids=[f"{check}-{said}" for check, said, *_ in CASES],
)
def test_a_check_is_evaluated_at_below_and_above_its_limit(check, inputs, limits, status):
    found = CHECKS[check](*inputs, **limits, citation=CITATION)
    assert (found.id, found.status, found.citation) == (check, status, CITATION), found
    assert len(found.inputs_hash) == 64
    assert found.reason or status is PASS


def test_every_check_is_tried_here_and_both_passes_and_fails():
    assert list(CHECKS) == [f"R{number:02}" for number in range(1, 22)]
    for status in (PASS, FAIL):
        assert {check for check, *_, outcome in CASES if outcome is status} == set(CHECKS)


def passing(check):
    """Inputs and limits of the first case that passes and gives every input that it needs."""
    return next(
        (inputs, limits) for each, _, inputs, limits, out in CASES if (each, out) == (check, PASS)
    )


@pytest.mark.parametrize("check", CHECKS)
def test_a_missing_input_is_named_and_the_check_is_not_evaluated(check):
    inputs, limits = passing(check)
    found = CHECKS[check](*[None] * len(inputs), **limits, citation=CITATION)
    assert (found.status, found.value, found.comparisons) == (NOT, None, ())
    names = input_names(check)
    for row, value in enumerate(inputs):
        if value is not None and not (check == "R15" and row):
            assert names[row] in found.reason
            without = [None if other == row else each for other, each in enumerate(inputs)]
            each = CHECKS[check](*without, **limits, citation=CITATION)
            assert (each.status, each.reason) == (NOT, f"not given: {names[row]}")


def spoiled(value):
    """The value with its first number not a number; None if it has none."""
    if isinstance(value, dict):
        changed = {
            k: math.nan if row == 0 and isinstance(v, int | float) else v
            for row, (k, v) in enumerate(value.items())
        }
        return changed if value and changed != value else None
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size:
        changed = value.astype(float)
        changed.flat[0] = math.nan
        return changed
    return math.nan if isinstance(value, float) else None


@pytest.mark.parametrize("check", CHECKS)
def test_what_is_not_a_number_never_passes(check):
    """Given to each input in turn; the type checks of tests refuse it where counts are due."""
    inputs, limits = passing(check)
    for row, value in enumerate(inputs):
        wrong = spoiled(float(value) if isinstance(value, int) else value)
        whole = check in ("R07", "R12") or (check in ("R08", "R18") and row == 1)  # are counts
        if wrong is None or whole:
            continue
        changed = [wrong if other == row else each for other, each in enumerate(inputs)]
        found = CHECKS[check](*changed, **limits, citation=CITATION)
        assert found.status is FAIL
        assert f"not a finite number: {input_names(check)[row]}" in found.reason


def test_a_comparison_with_what_is_not_a_number_never_holds():
    for rule in Rule:
        assert not Comparison("x", math.nan, 1.0, rule).holds()
        assert not Comparison("x", 1.0, math.nan, rule).holds()
    assert not Comparison("x", math.inf, 5.0, Rule.AT_MOST).holds()


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        (Rule.AT_LEAST, [False, True, True]),
        (Rule.AT_MOST, [True, True, False]),
        (Rule.ABOVE, [False, False, True]),
        (Rule.BELOW, [True, False, False]),
    ],
)
def test_a_limit_is_inside_or_outside_as_its_rule_says(rule, holds):
    assert [Comparison("x", value, 1.0, rule).holds() for value in (0.9, 1.0, 1.1)] == holds


def test_rounding_does_not_fail_a_value_on_its_limit():
    assert 3 * 0.1 > 0.3  # in double precision
    assert Comparison("x", 3 * 0.1, 0.3, Rule.AT_MOST).holds()


def test_value_and_limit_are_those_that_failed():
    found = CHECKS["R10"](np.arange(10.0), np.arange(10.0) + 0.5, **GREEN, citation=CITATION)
    assert (found.value, found.limit) == (pytest.approx(0.1), 0.09)
    assert found.comparisons[0].value == pytest.approx(1.0)
    assert "distance is not below 0.09" in found.reason


def test_a_result_cannot_pass_without_a_comparison_that_holds():
    said = ("R01", "Level", None, None, PASS, "", CITATION, "")
    with pytest.raises(InvalidInputError, match="passes if it compares"):
        CheckResult(*said)
    with pytest.raises(InvalidInputError, match="passes if it compares"):
        CheckResult(*said, (Comparison("level", 0.9, 0.99, Rule.AT_LEAST),))


def test_a_check_without_a_limit_is_refused():
    with pytest.raises(InvalidInputError, match="R03 has no limit; give some of least_lookback"):
        CHECKS["R03"](400, 0.1, citation=CITATION)


def test_a_limit_on_concentration_with_guarantees_needs_to_say_from_where():
    for name in ("most_share_with_guarantees", "guarantees_above"):
        limits = {key: value for key, value in COLLATERAL.items() if key != name}
        with pytest.raises(InvalidInputError, match="give both"):
            CHECKS["R13"]({"A": 1}, 10, 0, **limits, citation=CITATION)


def test_the_hash_is_of_the_numbers_whatever_their_order_or_type():
    """SHA-256 of the canonical text, which is written out here."""
    from hashlib import sha256

    text = '{"a":"0x1.0000000000000p+0","b":[true,null,"x",{"date":"2026-01-31"}]}'
    found = hash_inputs({"b": [True, None, "x", DAY], "a": 1})
    assert (
        found
        == sha256(text.encode()).hexdigest()
        == hash_inputs({"a": 1.0, "b": (np.bool_(True), None, "x", DAY)})
    )
    one, two = ({"margin": np.array([1.0, each])} for each in (2.0, 2.0 + 1e-15))
    assert hash_inputs(one) != hash_inputs(two)
    level = [CHECKS["R01"](0.99, least_level=each, citation=CITATION) for each in (0.9, 0.95)]
    assert level[0].inputs_hash != level[1].inputs_hash


def test_the_citation_marks_what_was_not_read():
    assert str(CITATION) == "Rules, article 1 (book, 2024-03-07)"
    recalled = Citation("Rules", "article 1", "memory", date(2024, 3, 7), Basis.RECALLED)
    assert str(recalled).endswith("[recalled]")
