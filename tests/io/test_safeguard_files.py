"""Files of safeguards: what the shipped ones say, and one clear sentence for everything wrong."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmargin.io import Problems, read_safeguards, safeguard_library
from jaxmargin.margin.safeguards import least_margins


def shipped(name):
    problems = Problems()
    found = read_safeguards(safeguard_library()[name], problems)
    assert problems.found == []
    return found


def test_every_shipped_file_is_read_and_has_sources():
    names = {"daily-breaker", "emir", "esma-cfd", "vara"}
    assert set(safeguard_library()) == names
    assert all(shipped(name).sources for name in names)


def test_retail_leverage_in_coins_is_two_in_the_union_and_five_in_dubai():
    """Half, and a fifth, of a notional of 1,000."""
    for name, asset, least in (
        ("esma-cfd", "cryptocurrencies", 500),
        ("vara", "virtual-assets", 200),
    ):
        found = shipped(name)
        notional = 1000.0 * jnp.array([[asset == other for other in found.asset_classes]])
        initial, maintenance = least_margins(
            found.leverage, notional, jnp.array([found.client_classes.index("retail")])
        )
        np.testing.assert_allclose([initial[0], maintenance[0]], [least, 0.5 * least])


def test_the_tools_of_the_regulation_have_its_numbers():
    found = shipped("emir")
    assert list(found.tools) == ["stress_buffer", "stressed_weight", "lookback_floor"]
    assert found.tools["stress_buffer"].share == found.tools["stressed_weight"].weight == 0.25
    assert found.most_offset["default"] == 0.8
    assert "tools.stress_buffer.rebuild" in found.assumed


def test_settings_of_a_breaker_are_read():
    found = shipped("daily-breaker")
    assert found.breaker.multiplier == (1.0, 1.25, 1.5) and found.breaker.least_sources == (3, 2)
    assert (found.bands.auction, found.step.fall, found.leverage) == (0.05, 0.25, None)


GOOD = """\
title = "t"
date = 2026-01-21
assumed = []
[[source]]
figure = "all"
origin = "chosen"
"""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD.replace('"t"', '""'), "s.toml, title: got ''."),
        (GOOD.replace("2026-01-21", '"today"'), "s.toml, date: got 'today'."),
        (GOOD.replace("[]", '"none"'), "s.toml, assumed: got 'none'."),
        (
            GOOD.replace("origin", "origins"),
            "s.toml, [[source]]: a figure or an origin is missing.",
        ),
        (GOOD + "[laverage.retail]\nx = 5\n", "no key 'laverage' (did you mean 'leverage'?)"),
        (GOOD + "[leverage.retail]\nx = 5\n", "s.toml, [close_out]: has none."),
        (GOOD + "[leverage.retail]\nx = 0\n[close_out]\nretail = 0.5\n", "a leverage of 0."),
        (GOOD + "[leverage.retail]\nx = nan\n[close_out]\nretail = 0.5\n", "x: got nan."),
        (
            GOOD + "[leverage]\na = {x = 5}\nb = {x = 2, y = 3}\n[close_out]\na = 0.5\nb = 0.5\n",
            "s.toml, [leverage.a]: lacks y.",
        ),
        (GOOD + "[most_offset]\ndefault = 80\n", "default: got 80. Give a number from 0 to 1."),
        (GOOD + "[tools.stress_bufer]\n", "no 'stress_bufer' (did you mean 'stress_buffer'?)"),
        (GOOD + "[tools.stressed_weight]\nweight = 0.1\n", "StressedWeight.weight must lie in"),
        (GOOD + "[tools.stress_buffer]\nrebuild = 0.1\n", "lacks significant_rise."),
        (GOOD + "[tools.ewma_floor]\nhalf_life_runs = true\n", "half_life_runs: got True."),
        (GOOD + "[step]\nrise = 1\nfall = 0.5\nfal = 1\n", "no key 'fal' (did you mean 'fall'?)"),
        (GOOD + "[breaker]\nwindow = 1.5\n", "window: got 1.5. Give a whole number."),
        (
            GOOD + "[breaker]\nmost_move = [1.0]\n",
            "most_move: got [1.0]. Give a list of 2 numbers.",
        ),
        ("step = 1\n" + GOOD, "[step]: got 1. Give a table."),
    ],
)
def test_everything_wrong_is_said(text, problem, tmp_path):
    path, problems = tmp_path / "s.toml", Problems()
    path.write_text(text, encoding="utf-8")
    assert read_safeguards(path, problems) is None
    assert any(problem in found for found in problems.found), problems.found
