"""Derive's rulebooks from their sets of settings."""

import copy

import numpy as np
import pytest

from jaxmargin.io import Problems, build_derive_rulebook, read_rulebook_file, rulebook_library

KINDS = ["derive-pmrm1", "derive-pmrm2", "derive-standard"]


def settings_of(kind, name):
    return copy.deepcopy(read_rulebook_file(rulebook_library()[kind], Problems()).sets[name])


@pytest.mark.parametrize("kind", KINDS)
def test_every_set_that_comes_with_the_package_builds_a_rule(kind):
    for name in read_rulebook_file(rulebook_library()[kind], Problems()).sets:
        problems = Problems()
        rule = build_derive_rulebook(
            kind, settings_of(kind, name), ["USD", "ETH", "USDC", "WEETH"], {"ETH"}, problems
        )
        assert not problems.found
        assert np.asarray(rule.covered).tolist() == [False, True, False, False]
        assert int(rule.stable) == 2


def test_settings_of_a_coin_come_before_those_of_all():
    rule = build_derive_rulebook(
        "derive-standard", settings_of("derive-standard", "mainnet"), ["BTC", "ETH", "XYZ"],
        set(), Problems(),
    )  # fmt: skip
    np.testing.assert_array_equal(rule.parameters.base.factor, [0.75, 0.8, 0.0])
    np.testing.assert_array_equal(rule.parameters.perpetuals.initial, [0.066, 0.066, 0.066])
    assert int(rule.stable) == -1


def test_scenarios_move_covered_markets_alone_and_unnamed_coins_count_for_nothing():
    rule = build_derive_rulebook(
        "derive-pmrm2", settings_of("derive-pmrm2", "mainnet"), ["BTC", "WEETH", "XYZ"],
        {"BTC"}, Problems(),
    )  # fmt: skip
    assert rule.scenarios.damping.shape == (3, 33)
    np.testing.assert_array_equal(rule.scenarios.spot_multiplier[1:], np.ones((2, 33)))
    np.testing.assert_array_equal(rule.scenarios.damping[1:], np.zeros((2, 33)))
    np.testing.assert_array_equal(rule.coins.own.maintenance, [0.02, 0.05, 1.0])
    np.testing.assert_array_equal(rule.coins.other.initial, [0.05, 0.1, 0.0])
    assert np.asarray(rule.coins.cancelling).tolist() == [True, True, False]


def test_every_problem_of_a_set_is_told_at_once():
    settings, problems = settings_of("derive-pmrm2", "mainnet"), Problems()
    settings.content["assets"]["BTC"] |= {"market": 1, "cancel": True}
    settings.content["assets"]["ETH"]["own"] = {"maintenance": 0.9, "initial": 0.2}
    settings.content["assets"]["DOGE"] = 3
    settings.content["scenarios"][0][0] = 0.0
    del settings.content["parameters"]["charges"]["option_initial"]
    rule = build_derive_rulebook("derive-pmrm2", settings, ["BTC", "SOL"], {"SOL"}, problems)
    assert rule is None
    text = "\n".join(str(problem) for problem in problems.found)
    for part in (
        "assets.BTC.market", "'cancel'", "assets.ETH.own", "assets.DOGE", "option_initial",
        "multiplier of 0", "SOL is no market of the set",
    ):  # fmt: skip
        assert part in text, part
    assert text.count("option_initial") == 1
