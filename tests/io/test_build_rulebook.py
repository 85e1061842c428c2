"""From sets of settings to rules: what is read, padded and checked, and what messages say."""

import datetime
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from jaxmargin.errors import require
from jaxmargin.io import (
    Problems,
    RulebookSettings,
    build_derive_rulebook,
    build_rulebook,
    read_rulebook_file,
    rulebook_library,
    settings_of,
)
from jaxmargin.jobs._keys import VENUE_KINDS
from jaxmargin.jobs._venue_rulebooks import VENUE_RULEBOOKS
from jaxmargin.margin import BinancePortfolio

ASSETS = ["BTC", "ETH", "USD"]
NEEDED = {"BTC", "ETH"}


class Inner(eqx.Module):
    """A part of a rule with settings by asset and for all."""

    lower: Float[Array, "asset tier"] = eqx.field(metadata={"entries": "edges"})
    share: Float[Array, ""] = eqx.field(metadata={"entries": "share"})


class Rule(eqx.Module):
    """Every kind of field that a rule may have."""

    rate: Float[Array, " asset"] = eqx.field(metadata={"entries": "share"})
    weight: Float[Array, " scenario"]
    table: Float[Array, "row column"]
    scale: Float[Array, ""] = eqx.field(metadata={"entries": "positive"})
    inner: Inner
    count: int = eqx.field(static=True)
    days: float = eqx.field(static=True)
    mode: str = eqx.field(static=True, default="up")
    netted: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        require(self.mode in ("up", "down"), f"Rule.mode must be up or down; got {self.mode!r}.")


def content():
    """A correct set, as TOML is read."""
    return {
        "source": "chosen",
        "date": datetime.date(2026, 2, 5),
        "parameters": {
            "weight": [1, 0.5],
            "table": [[1, 2], [3, 4], [5, 6]],
            "scale": 2,
            "count": 3,
            "days": 1.5,
            "inner": {"share": 0.25},
        },
        "assets": {
            "BTC": {"rate": 0.1, "inner": {"lower": [0, 10.0, 20.0]}},
            "default": {"rate": 0.2, "inner": {"lower": [0.0, 5.0]}},
        },
    }


def build(changed, assets=ASSETS, needed=NEEDED):
    problems = Problems()
    settings = RulebookSettings("mine.toml", "calm", "", datetime.date.min, (), changed)
    rule = build_rulebook(Rule, settings, assets, needed, problems)
    assert (rule is None) == bool(problems.found)
    return rule, problems.found


def with_value(path, value):
    """The correct set with one value more, or another; None takes the key out."""
    changed = content()
    *tables, key = path.split(".")
    table = changed
    for name in tables:
        table = table[name]
    if value is None:
        del table[key]
    else:
        table[key] = value
    return changed


def test_every_kind_of_field_is_read_and_tiers_are_padded_by_their_last_entry():
    rule, _ = build(content())
    np.testing.assert_array_equal(rule.rate, [0.1, 0.2, 0.0])
    np.testing.assert_array_equal(rule.inner.lower, [[0, 10, 20], [0, 5, 5], [0, 0, 0]])
    np.testing.assert_array_equal(rule.weight, [1.0, 0.5])
    np.testing.assert_array_equal(rule.table, [[1, 2], [3, 4], [5, 6]])
    assert (float(rule.scale), float(rule.inner.share)) == (2.0, 0.25)
    assert (rule.count, rule.days, rule.mode, rule.netted) == (3, 1.5, "up", False)
    assert all(leaf.dtype == jnp.float64 for leaf in jax.tree.leaves(rule))


def test_the_default_is_for_every_coin_that_is_needed_and_no_other():
    rule, _ = build(content(), needed=set(ASSETS))
    np.testing.assert_array_equal(rule.rate, [0.1, 0.2, 0.2])
    np.testing.assert_array_equal(rule.inner.lower, [[0, 10, 20], [0, 5, 5], [0, 5, 5]])


def test_a_coins_own_table_hides_the_default_and_unneeded_coins_without_any_get_zero():
    changed = content()
    changed["assets"]["ETH"] = changed["assets"].pop("default")
    rule, _ = build(changed)
    np.testing.assert_array_equal(rule.rate, [0.1, 0.2, 0.0])
    np.testing.assert_array_equal(rule.inner.lower[2], [0.0, 0.0, 0.0])


EDGES = "Give lower edges of tiers, which start at 0 and rise."
SHARE = "Give numbers from 0 to 1; write 5 % as 0.05."
NUMBER = "Give a number; write 5 % as 0.05."
LIST = "Give a list of numbers."
INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        # keys that no field has
        ("parameterz", {}, ": unknown key 'parameterz' (did you mean 'parameters'?). Its keys are"),
        ("parameters.wieght", 1.0, ", parameters: unknown key 'wieght' (did you mean 'weight'?)."),
        ("parameters.rate", 0.1, ", parameters: unknown key 'rate'"),
        ("parameters.inner.lower", [0.0], ", parameters: unknown key 'inner.lower'"),
        ("assets.BTC.rat", 0.1, ", assets.BTC: unknown key 'rat' (did you mean 'rate'?). Its keys"),
        ("assets.default.scale", 1.0, ", assets.default: unknown key 'scale'. Its keys are inner,"),
        ("assets.BTC.inner.uper", [1.0], ", assets.BTC: unknown key 'inner.uper'. Its keys are lo"),
        # what is missing
        ("parameters.scale", None, f", parameters.scale: got None. {NUMBER}"),
        ("parameters.inner", None, f", parameters.inner.share: got None. {NUMBER}"),
        ("assets.default", None, f", assets.ETH.rate: no value. {NUMBER}"),
        ("assets.BTC.rate", None, f", assets.BTC.rate: no value. {NUMBER}"),
        ("assets.BTC.inner.lower", None, f", assets.BTC.inner.lower: no value. {LIST}"),
        # wrong types
        ("parameters", 3, ", parameters: not a table. Write [calm.parameters]."),
        ("assets", [], ", assets: not a table. Write [calm.assets]."),
        ("assets.BTC", 0.1, ", assets.BTC: not a table. Write a table of settings."),
        ("assets.BTC.inner", 0.1, ", assets.BTC.inner: not a table. Write it as a table."),
        ("parameters.inner", 1.0, ", parameters.inner: not a table. Write it as a table."),
        ("parameters.scale", "2", f", parameters.scale: got '2'. {NUMBER}"),
        ("parameters.scale", True, f", parameters.scale: got True. {NUMBER}"),
        ("parameters.scale", [2.0], f", parameters.scale: got [2.0]. {NUMBER}"),
        ("parameters.weight", 1.0, f", parameters.weight: got 1.0. {LIST}"),
        ("parameters.weight", [], f", parameters.weight: got []. {LIST}"),
        ("parameters.weight", [1.0, "a"], f", parameters.weight: got [1.0, 'a']. {LIST}"),
        ("parameters.table", [[1, 2], [3]], f", parameters.table: got [[1, 2], [3]]. {LIST}"),
        ("parameters.count", 3.0, ", parameters.count: got 3.0. Give a whole number."),
        ("parameters.count", True, ", parameters.count: got True. Give a whole number."),
        ("parameters.days", "1", f", parameters.days: got '1'. {NUMBER}"),
        ("parameters.mode", 1, ", parameters.mode: got 1. Give a text."),
        ("parameters.netted", 1, ", parameters.netted: got 1. Give true or false."),
        ("assets.BTC.rate", [0.1], f", assets.BTC.rate: got [0.1]. {NUMBER}"),
        ("assets.BTC.inner.lower", 0.0, f", assets.BTC.inner.lower: got 0.0. {LIST}"),
        ("assets.BTC.inner.lower", [], f", assets.BTC.inner.lower: got []. {LIST}"),
        # TOML has inf and nan
        ("parameters.scale", INF, f", parameters.scale: got inf. {NUMBER}"),
        ("parameters.weight", [1.0, NAN], f", parameters.weight: got [1.0, nan]. {LIST}"),
        ("assets.BTC.rate", NAN, f", assets.BTC.rate: got nan. {NUMBER}"),
        ("assets.BTC.inner.lower", [0, INF], f", assets.BTC.inner.lower: got [0, inf]. {LIST}"),
        # what a field's entries may be
        ("assets.BTC.rate", 1.5, f", assets.BTC.rate: got 1.5. {SHARE}"),
        ("assets.BTC.inner.lower", [0, 2, 1], f", assets.BTC.inner.lower: got [0, 2, 1]. {EDGES}"),
        ("assets.BTC.inner.lower", [5, 10], f", assets.BTC.inner.lower: got [5, 10]. {EDGES}"),
        ("parameters.scale", 0.0, ", parameters.scale: got 0.0. Give numbers above 0."),
        ("parameters.inner.share", -0.1, f", parameters.inner.share: got -0.1. {SHARE}"),
        # the rule's own check
        ("parameters.mode", "left", ": Rule.mode must be up or down; got 'left'. Correct the set."),
    ],
)
def test_a_message_names_file_set_key_and_cure(path, value, message):
    _, found = build(with_value(path, value))
    assert any(each.startswith(f"mine.toml, [calm]{message}") for each in found), found


class Tiers(eqx.Module):
    """Lists by coin along one axis, and along one that a list for all has too."""

    lower: Float[Array, "asset tier"]
    rate: Float[Array, "asset tier"]
    legs: Float[Array, "asset spread"]
    credit: Float[Array, " spread"]


@pytest.mark.parametrize(
    ("coin", "changed", "message"),
    [
        ("BTC", {}, None),
        ("BTC", {"rate": [0.1, 0.2]}, "lower has 3, rate has 2 entries. Give each of these lists "
         "one entry per tier."),
        ("default", {"lower": [0.0]}, "lower has 1, rate has 2 entries. Give each"),
        ("BTC", {"legs": [1.0]}, "legs has 1, parameters.credit has 2 entries. Give each of these "
         "lists one entry per spread."),
    ],
)  # fmt: skip
def test_lists_of_a_coin_that_share_an_axis_need_equal_lengths(coin, changed, message):
    tables = {
        "BTC": {"lower": [0.0, 5.0, 9.0], "rate": [0.1, 0.2, 0.3], "legs": [1.0, 0.0]},
        "default": {"lower": [0.0, 5.0], "rate": [0.1, 0.2], "legs": [-1.0, 1.0]},
    }
    tables[coin] |= changed
    found, problems = {"parameters": {"credit": [0.5, 0.4]}, "assets": tables}, Problems()
    settings = RulebookSettings("mine.toml", "calm", "", datetime.date.min, (), found)
    rule = build_rulebook(Tiers, settings, ASSETS, NEEDED, problems)
    if message is None:
        np.testing.assert_array_equal(rule.rate, [[0.1, 0.2, 0.3], [0.1, 0.2, 0.2], [0.0] * 3])
        return
    (problem,) = problems.found
    assert rule is None and problem.startswith(f"mine.toml, [calm], assets.{coin}: {message}")


def test_all_problems_are_found_at_once():
    changed = with_value("parameters.scale", "2")
    changed["assets"]["BTC"] = {"rate": 7.0, "inner": {"lower": [1.0], "other": 0.0}}
    _, found = build(changed)
    assert len(found) == 4, found


@pytest.mark.parametrize(
    ("entries", "good", "bad"),
    [
        ("share", [0.0, 1.0], [-0.1, 1.1]),
        ("inside (0, 1)", [0.01], [0.0, 1.0]),
        ("positive", [1e-9], [0.0, -1.0]),
        ("not negative", [0.0], [-1e-9]),
        ("from 1", [1.0], [0.99]),
        ("above 1", [1.01], [1.0]),
        ("above -1", [-0.99, 3.0], [-1.0, -1.5]),
        ("inside [0, 1)", [0.0, 0.99], [-0.01, 1.0]),
        ("inside (0, 1]", [0.01, 1.0], [0.0, 80.0]),
        ("from -1 to 1", [-1.0, 1.0], [-1.01, 50.0]),
    ],
)
def test_a_field_says_what_its_entries_may_be(entries, good, bad):
    class One(eqx.Module):
        value: Float[Array, ""] = eqx.field(metadata={"entries": entries})

    for numbers, accepted in ((good, True), (bad, False)):
        for number in numbers:
            problems = Problems()
            settings = RulebookSettings(
                "mine.toml", "calm", "", datetime.date.min, (), {"parameters": {"value": number}}
            )
            rule = build_rulebook(One, settings, ASSETS, NEEDED, problems)
            assert (rule is not None) == accepted, (number, problems.found)


def test_a_set_that_is_not_there_is_named_with_those_that_are():
    problems = Problems()
    file = read_rulebook_file(rulebook_library()["hyperliquid-tiers"], problems)
    assert settings_of(file, "mainet", problems) is None
    (message,) = problems.found
    assert message == (
        "hyperliquid-tiers.toml: no set 'mainet' (did you mean 'mainnet'?). It has mainnet."
    )
    assert settings_of(file, None, problems).name == "mainnet"


def test_a_file_without_source_date_or_sets_is_refused(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('rulebook = "own"\n[calm]\nsource = ""\ndate = "2026"\nassumed = "all"\n')
    problems = Problems()
    assert read_rulebook_file(path, problems) is None
    assert [re.match(r"own.toml, \[calm\], (\w+): got", each)[1] for each in problems.found] == [
        "source", "date", "assumed",
    ]  # fmt: skip
    path.write_text("rulebook = 3\nparts = 1\n")
    problems = Problems()
    assert read_rulebook_file(path, problems) is None
    assert len(problems.found) == 3 and any("there is no set" in each for each in problems.found)


@pytest.mark.parametrize("kind", VENUE_RULEBOOKS)
def test_every_set_that_comes_with_the_package_builds_for_btc_eth_usdc_and_usd(kind):
    problems = Problems()
    file = read_rulebook_file(rulebook_library()[kind], problems)
    assert file.rulebook == kind and file.parts
    for settings in file.sets.values():
        assets = ["BTC", "ETH", "USDC", "USD"]
        if kind.startswith("derive-"):  # whose settings are by market
            rule = build_derive_rulebook(kind, settings, assets, NEEDED, problems)
        else:
            rule = build_rulebook(VENUE_RULEBOOKS[kind], settings, assets, NEEDED, problems)
        assert not problems.found
        assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(rule))


@pytest.mark.parametrize(
    ("kind", "place", "value", "cure"),
    [
        ("fixed-percentage", "assets.default.initial", -0.15, SHARE),
        ("fixed-percentage", "assets.default.maintenance", 0.2, "Give no more than initial."),
        ("fixed-percentage", "parameters.expiry_offset", 50, SHARE),
        ("scan-grid", "parameters.maintenance_ratio", 80, "Give numbers above 0 and up to 1"),
        ("scan-grid", "parameters.credit_rate", [50], SHARE),
        ("valuation-points", "assets.BTC.down", 20, "Give numbers from 0 and below 1"),
        ("bybit-uta", "assets.BTC.position_maintenance", None, "Give no more than position_init"),
        ("vega-lognormal-es", "assets.BTC.drift", 5, "Give numbers from -1 to 1"),
    ],
)
def test_numbers_in_percent_and_maintenance_above_initial_margin_are_refused(
    kind, place, value, cure
):
    problems = Problems()
    settings = settings_of(read_rulebook_file(rulebook_library()[kind], problems), None, problems)
    first, second, key = place.split(".") if place.count(".") == 2 else ("", *place.split("."))
    table = settings.content[first][second] if first else settings.content[second]
    table[key] = [1.0] * len(table[key]) if value is None else value
    rule = build_rulebook(VENUE_RULEBOOKS[kind], settings, ["BTC", "USD"], {"BTC"}, problems)
    problem = problems.found[0]
    wrong = place.replace("default", "BTC")
    assert rule is None and f", {wrong}: got" in problem and cure in problem


def test_binance_counts_no_coin_as_collateral_that_its_settings_do_not_name():
    problems, assets = Problems(), ["BTC", "SOL", "USDT", "USDC", "USD"]
    file = read_rulebook_file(rulebook_library()["binance-pm"], problems)
    settings = settings_of(file, None, problems)
    rule = build_rulebook(BinancePortfolio, settings, assets, set(assets), problems)
    assert not problems.found
    np.testing.assert_array_equal(rule.collateral_rate, [0.95, 0.0, 1.0, 1.0, 1.0])


def test_the_kinds_that_a_job_may_name_are_those_that_can_be_built():
    assert set(VENUE_KINDS) == set(VENUE_RULEBOOKS)
