"""One real chain under eight rulebooks: the example, and what must hold between the rules."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reference import run_example

EXAMPLE = Path(__file__).parents[2] / "examples/08_compare_rulebooks.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("example")
    run_example(EXAMPLE, out)
    return out / "rulebooks-2026-02-05"


@pytest.fixture(scope="module")
def margins(folder):
    table = pd.read_parquet(folder / "margins.parquet")
    return table.pivot(index="account", columns="rulebook", values="initial")


def test_value_at_risk_is_never_above_expected_shortfall_of_the_same_scenarios(margins):
    assert len(margins) == 400
    assert (margins["value-at-risk"] <= margins["expected-shortfall"]).all()


def test_what_is_only_bought_needs_no_more_than_it_costs(folder, margins):
    """Deribit's roll shock and PMRM_2's basis come on top, the others stop at the price."""
    straddles = margins[margins.index.str.startswith("long straddle")]
    cost = straddles["fixed-percentage"]  # a long option counts for nothing there
    assert len(straddles) == 50
    for rulebook in ("expected-shortfall", "derive-standard", "scan-grid", "bybit-uta"):
        assert (straddles[rulebook] <= cost + 0.02).all(), rulebook
    np.testing.assert_allclose(straddles["derive-standard"], cost, rtol=1e-4)


def test_a_leveraged_long_needs_the_share_that_the_rule_states(folder, margins):
    """On the notional, of which a fixed percentage takes 15 %: annex IV of (EU) 2016/2251."""
    positions = pd.read_parquet(folder / "positions.parquet").set_index("account")
    longs = positions[positions.index.str.startswith("leveraged long")]["quantity"]
    np.testing.assert_allclose(margins["fixed-percentage"].reindex(longs.index), 0.15 * longs,
                               atol=0.02, rtol=1e-6)  # fmt: skip


def test_a_spread_needs_less_than_its_short_leg_by_rules_that_see_it(margins):
    """By portfolio rules the bought put of a spread counts; standard margin caps its loss."""
    total = margins.groupby(margins.index.str.rsplit(n=1).str[0]).sum()
    for rulebook in ("derive-pmrm2", "deribit-pm", "scan-grid", "derive-standard"):
        assert total.loc["put spread", rulebook] < total.loc["short put", rulebook], rulebook


def test_the_picture_is_drawn(folder):
    assert (folder / "strategies.png").stat().st_size > 20_000
