"""What cannot be allocated is named: tables, lines, limits, and rules about tails."""

from dataclasses import replace

import numpy as np
import pytest
from allocation_problems import SCENARIOS, rule, small, two_by_two

from jaxmargin.errors import InvalidInputError
from jaxmargin.optimize import Limit, TailRule, optimize_joint
from jaxmargin.risk import HarrellDavis, ValueAtRisk, WorstCase


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"haircut": np.array([[0.0, 0.0], [-0.1, 0.5]])},
            r"haircut .* asset \[1\] at venue \[0\]",
        ),
        (
            {"haircut": np.array([[0.0, np.nan], [0.1, 0.5]])},
            r"haircut .* asset \[0\] at venue \[1\]",
        ),
        ({"haircut": np.full((2, 2), 8.0)}, "Write 8 % as 0.08"),
        ({"haircut": np.zeros((2, 3))}, r"haircut must have a row .* shape \(2, 3\)"),
        ({"cost": np.full((2, 2), -0.01)}, r"cost must be finite and not negative; 4 of 4"),
        ({"cost": np.full((2, 2), np.nan)}, r"cost must be finite"),
        ({"requirement": np.array([80.0, -1.0])}, r"requirement .* first at \[1\]: -1"),
        ({"requirement": np.array([80.0, np.inf])}, "requirement must be finite"),
        ({"available": np.array([np.nan, 1.0])}, "available must be finite"),
        ({"eligible": np.ones((2, 2))}, "eligible must be true or false"),
        ({"limits": (Limit("x", np.arange(3), 0.4),)}, r"limits\[0\] \('x'\) must have a group"),
        ({"limits": (Limit("x", np.arange(2), 0.4, venues=(2,)),)}, r"names venue \[2\]"),
        ({"lot_value": np.array([-1.0, 1.0])}, "lot_value must be finite"),
        ({"most_movements": -1}, "most_movements must be"),
    ],
)
def test_bad_tables_are_named(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        two_by_two(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"asset": np.array([0, 0, 1, 2])}, r"asset must be one of the 2 assets; .* \[3\]: 2"),
        ({"venue": np.array([0, -1, 0, 1])}, r"venue must be one of the 2 venues"),
        ({"venue": np.array([0.0, 1.0, 0.0, 1.0])}, "venue must be whole numbers"),
        ({"worth": np.array([1.0, 1.0, 0.0, 0.5])}, r"worth must be 1 - haircut .* \[2\]"),
        ({"worth": np.ones(3)}, r"worth must have shape \(4,\)"),
        ({"posted": np.array([60.0, 50.0, 0.0, 0.0])}, r"posted must not .* asset \[0\]: 110"),
        ({"most": np.array([1.0, np.nan, 1.0, 1.0])}, "most must be not negative"),
        ({"venue": np.array([0, 1])}, "one entry a line"),
    ],
)
def test_bad_lines_are_named(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        replace(two_by_two(), **changes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"most": 0.0}, "'cap': most must be a share above 0"),
        ({"most": -0.4}, "share above 0"),
        ({"most": float("nan")}, "share above 0"),
        ({"most": 40.0, "basis": "posted"}, "below 1 .* Write 40 % as 0.4"),
        ({"most": -1.0, "basis": "absolute"}, "amount of money"),
        ({"most": float("inf"), "basis": "absolute"}, "amount of money"),
        ({"most": 0.4, "venues": (1, 1)}, "once each"),
        ({"most": 0.4, "group": np.array([-2, 0])}, "group must be true or false"),
        ({"most": 0.4, "group": np.array([0.0, 1.0])}, "group must be true or false"),
    ],
)
def test_bad_limits_are_named(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        Limit("cap", **({"group": np.arange(2)} | settings))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measure": ValueAtRisk(0.99)}, "must be ExpectedShortfall or WorstCase.* ValueAtRisk"),
        ({"measure": HarrellDavis(0.99)}, "HarrellDavis, of which cuts prove nothing"),
        ({"losses": np.array([[1.0, np.nan]])}, r"losses must be finite; 1 of 2 .* \[0, 1\]"),
        ({"losses": np.ones(2)}, "losses must have two axes"),
        ({"growth": np.array([[1.0, -0.1]])}, "growth must not be negative; the smallest is -0.1"),
        ({"growth": np.ones((1, 3))}, r"growth must have the 2 scenarios .* \(1, 3\)"),
        ({"weight": np.zeros(2)}, "weight must not be zero"),
        ({"weight": np.array([1.0, -1.0])}, "weight must not be negative"),
        ({"venue": np.array([0, 1])}, "venue must be a whole number for each of 1 rows"),
        ({"tolerance": np.zeros(3)}, "tolerance must be one number or 1"),
    ],
)
def test_bad_rules_are_named(changes, message):
    good = {
        "losses": np.ones((1, 2)),
        "growth": np.ones((1, 2)),
        "weight": np.ones(2),
        "measure": WorstCase(),
    }
    with pytest.raises(InvalidInputError, match=message):
        TailRule(**(good | changes))


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        ({"growth": np.ones((5, SCENARIOS))}, {}, r"rules\[0\].growth must have a row .* 6 assets"),
        ({"venue": np.array([0, 1, 3])}, {}, r"rules\[0\].venue must be one of the 3 venues.*3"),
        ({}, {"liquidation_cost": 1.0}, "liquidation_cost must be one share"),
        ({}, {"liquidation_cost": np.zeros(2)}, "liquidation_cost must be one share"),
        ({}, {"gap": 0.0}, "gap must lie in"),
        ({}, {"most_rounds": 0}, "most_rounds must be at least 1"),
    ],
)
def test_rules_that_do_not_fit_are_named(changes, settings, message):
    problem, losses, growth, _ = small()
    with pytest.raises(InvalidInputError, match=message):
        optimize_joint(problem, replace(rule(losses, growth), **changes), **settings)
