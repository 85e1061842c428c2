"""Stress files: what is read, and what is refused."""

import datetime
import re
from pathlib import Path

import pytest
from stress_files import STEPS, TEXT

from jaxmargin.io import Problems, read_stress


def read(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    problems = Problems()
    return read_stress(path, problems), problems.found


def stress(tmp_path, text=TEXT):
    scenario, found = read(tmp_path, text)
    assert found == [] and scenario is not None
    return scenario


def test_a_file_is_read_as_written(tmp_path):
    scenario = stress(tmp_path)
    assert scenario.date == datetime.date(2020, 3, 12)
    assert (scenario.kind, scenario.default_beta, scenario.betas) == ("historical", 1.2, "history")
    assert (scenario.assumed, scenario.sources) == (("volatility",), ("spot: chosen",))
    (step,) = scenario.steps
    assert (step.label, step.days, step.volatility_power) == ("sudden-fall", 2.0, 0.5)
    assert step.spot == {"BTC": -0.2, "ETH": -0.3}
    assert step.depeg == {"USDC": -0.1, "STETH": -0.05}
    assert (step.depth, step.spread) == (1.0, 1.0)


def test_steps_are_scenarios_of_their_own(tmp_path):
    low, recovery = stress(tmp_path, STEPS).steps
    assert (low.label, low.days, low.volatility_power, low.depth) == ("crash: low", 0.5, 0.0, 0.1)
    assert (recovery.label, recovery.days, recovery.volatility_power) == ("crash: recovery", 1.0, 1)
    assert recovery.spot == {"BTC": -0.1} and recovery.depth == 1.0


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("default_beta", "defualt_beta", "mine.toml: unknown key 'defualt_beta' (did you mean 'de"),
        ("[spot]", "[spots]", "mine.toml: unknown key 'spots' (did you mean 'spot'?)"),
        ("origin", "orgin", "mine.toml, [[source]] 1: unknown key 'orgin' (did you mean 'origin'"),
        ("days = 2\n", "", "mine.toml: key 'days' is missing. Give a number of days"),
        ("days = 2", "days = -1", "mine.toml, days: got -1. Give a number of days"),
        ("days = 2", 'days = "2"', "mine.toml, days: got '2'. Give a number of days"),
        ("days = 2", "days = true", "mine.toml, days: got True. Give a number of days"),
        ("days = 2", "days = nan", "mine.toml, days: got nan. Give a number of days"),
        ("= 1.2", "= inf", "mine.toml, default_beta: got inf. Give a number."),
        ("= 0.5", "= 9", "mine.toml, volatility_power: got 9. Give a number from 0 to 2"),
        ("sudden-fall", "Sudden Fall", "mine.toml, name: got 'Sudden Fall'. Give a text of lower"),
        ('"historical"', '"historic"', "kind: got 'historic' (did you mean 'historical'?)"),
        ("date = 2020-03-12\n", "", "mine.toml: key 'date' is missing. Give the day of the event"),
        ("= 2020-03-12", '= "2020-03-12"', "mine.toml, date: got '2020-03-12'. Give a day such"),
        ('[[source]]\nfigure = "spot"\norigin = "chosen"', "", "mine.toml: no [[source]]. Say"),
        ("[[source]]", "[source]", "mine.toml: 'source' is not a list of tables. Write [[source"),
        ('figure = "spot"\n', "", "mine.toml, [[source]] 1: key 'figure' is missing. Give a text."),
        ("-0.3", "-37", "mine.toml, [spot] ETH: got -37, a fall to zero or below. Give a relative"),
        ("-0.3", "-1.0", "write a fall of 37 % as -0.37"),
        ("-0.3", "nan", "mine.toml, [spot] ETH: nan is not a number. Give a number."),
        ("-0.3", "inf", "mine.toml, [spot] ETH: inf is not a number. Give a number."),
        ("-0.3", '"-30 %"', "mine.toml, [spot] ETH: '-30 %' is not a number."),
        ("-0.3", f"1{'0' * 400}", "is not a number. Give a number."),
        ("BTC = -0.15", "BTC = -inf", "mine.toml, [basis] BTC: -inf is not a number."),
        ("BTC = 0.4", "BTC = -0.4", "[volatility] BTC: -0.4 with volatility_power 0.5 takes one"),
        ('["volatility"]', '["volatilty"]', "'volatilty' is not in the file (did you mean 'vola"),
        ('["volatility"]', '["depeg.USDT"]', "assumed: 'depeg.USDT' is not in the file (did you"),
        ("[spot]", "[liquidity]\ndepth = 1.5\n[spot]", "[liquidity], depth: got 1.5. Give a sh"),
        ("[spot]", "[liquidity]\nspraed = 5\n[spot]", "'spraed' (did you mean 'spread'?)"),
        ("title", "spot = 1\ntitle", "cannot be read"),
        ("[spot]", "[spot", "cannot be read"),
    ],
)
def test_a_wrong_file_gives_one_clear_line(tmp_path, old, new, problem):
    assert old in TEXT
    scenario, found = read(tmp_path, TEXT.replace(old, new, 1))
    assert scenario is None
    matching = [line for line in found if problem in line]
    assert len(matching) == 1, found
    assert "\n" not in matching[0]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[[step]]", "[spot]\nBTC = 1\n[[step]]", "mine.toml, [spot]: moves outside the steps"),
        ('name = "low"\n', "", "mine.toml, [[step]] 1: key 'name' is missing"),
        ('"recovery"', '"low"', "mine.toml: two steps make 'crash: low'. Give each its own name."),
        ("[step.spot]\nBTC = -0.1\n", "", "mine.toml, [[step]] 2: no move at all. Give one of"),
        ("[step.spot]\nBTC = -0.1", "[step.spto]", "unknown key 'spto' (did you mean 'spot'?)"),
        ("[step.spot]\nBTC = -0.1", "spot = -0.1", "[[step]] 2: spot is not a table. Write [spot"),
    ],
)
def test_a_wrong_step_gives_one_clear_line(tmp_path, old, new, problem):
    assert old in STEPS
    scenario, found = read(tmp_path, STEPS.replace(old, new, 1))
    assert scenario is None
    assert len([line for line in found if problem in line]) == 1, found


def test_an_empty_list_of_steps_is_refused(tmp_path):
    scenario, found = read(tmp_path, "step = []\n" + TEXT[: TEXT.index("[spot]")])
    assert scenario is None
    assert "mine.toml: 'step' is not a list of tables. Write [[step]]." in found


def test_a_file_that_is_not_there_is_named(tmp_path):
    path, problems = tmp_path / "absent.toml", Problems()
    assert read_stress(path, problems) is None
    assert problems.found == [f"{path}: no such file. Check the path of the stress file."]


def test_the_example_of_the_readme_is_read_without_problems(tmp_path):
    readme = Path(__file__).parents[2] / "scenarios" / "README.md"
    text = readme.read_text(encoding="utf-8")
    example = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0]  # the others are for a job file
    scenario = stress(tmp_path, example)
    assert scenario.assumed == ("volatility", "depeg.STETH")
    assert scenario.steps[0].spread == 10.0
