"""Add-ons in a job file: what they charge, and what messages say."""

import numpy as np
import pandas as pd
import pytest
from job_files import edit_table, make_job, with_scenarios
from kinds import kinds_of

from jaxmargin.errors import InvalidInputError
from jaxmargin.io import ADD_ONS
from jaxmargin.jobs import run_backtest, run_compare, run_margin
from jaxmargin.margin.add_ons import AbstractAddOn

HELD = [  # account, instrument, quantity
    ("A", "BTC-SPOT", 2.0),
    ("A", "BTC-USDC-PERP", 3.0),
    ("B", "BTC-USDC-PERP", -1.0),
    ("B", "ETH-USDC-PERP", -20.0),
]
CHARGED = """
[[add_on]]
kind = "funding"
hours = 8
maintenance_share = 1

[[add_on]]
kind = "wrong-way"
maintenance_share = 0.5
share = 0.1                     # of every asset but the one below
[add_on.assets.BTC]
share = 0.25

[[add_on]]
kind = "oracle-confidence"
spot = 1
perpetual = 1
expiry = 0.9
threshold = 0.5
factor = 0.1
maintenance_share = 0
[add_on.assets.ETH]
perpetual = 0.4
"""


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Two accounts with a few contracts, under two scenarios."""
    job = make_job(tmp_path_factory.mktemp("add-ons"), accounts=3)
    held = pd.DataFrame(HELD, columns=["account", "instrument", "quantity"])
    edit_table(job, "positions", lambda _: held)
    return with_scenarios(
        job, "spot-volatility-grid", "spot_moves = [-0.1, 0.1]\nvolatility_moves = [0.0]"
    )


def with_text(job, text):
    """The job with more at its end; its job file."""
    path = job.with_name("more.toml")
    path.write_text(job.read_text() + text)
    return path


@pytest.fixture(scope="module")
def charged(job):
    return run_margin(with_text(job, CHARGED), job.parent / "charged")


def test_each_add_on_is_a_component_with_the_charge_of_its_formula(job, charged):
    assets = pd.read_parquet(job.parent / "market/assets.parquet").set_index("asset")
    btc, eth = (assets.loc[coin] for coin in ("BTC", "ETH"))
    parts = charged.components.pivot(index="account", columns="component", values="amount")
    received = -1.0 * btc.perpetual * btc.funding  # short perpetuals are paid
    assert received < 0.0
    expected = {
        "funding_add_on": [3.0 * btc.perpetual * btc.funding * 8 / 8760, 0.0],
        "wrong_way_add_on": [0.25 * 2.0 * btc.spot, 0.0],  # the spot is less than the perpetuals
        "oracle_confidence_add_on": [0.0, 20.0 * eth.spot * 0.6 * 0.1],
    }
    for name, amounts in expected.items():
        np.testing.assert_allclose(parts[name], amounts, rtol=1e-9, err_msg=name)
    total = charged.components.groupby("account")["amount"].sum()
    np.testing.assert_allclose(total, charged.requirements["initial"], rtol=1e-12)


def test_maintenance_margin_has_the_stated_share_of_each_charge(job, charged):
    bare = run_margin(job, job.parent / "bare").requirements
    parts = charged.components.pivot(index="account", columns="component", values="amount")
    more = parts["funding_add_on"] + 0.5 * parts["wrong_way_add_on"]
    difference = charged.requirements["maintenance"] - bare["maintenance"]
    np.testing.assert_allclose(difference, more, atol=0.0100001)


def test_the_manifest_states_the_add_ons(charged):
    stated = charged.manifest["settings"]["add_on"]
    assert [table["kind"] for table in stated] == ["funding", "wrong-way", "oracle-confidence"]
    assert stated[1]["assets"] == {"BTC": {"share": 0.25}}


def test_rulebooks_are_compared_with_the_add_ons_on_each(job, charged):
    names = ["expected-shortfall", "fixed-percentage:leverage-4"]
    compared = run_compare(with_text(job, CHARGED), names, job.parent / "compared")
    first = compared.margins[compared.margins["rulebook"] == names[0]]
    assert list(first["initial"]) == list(charged.requirements["initial"])
    parts = compared.components.query("component == 'wrong_way_add_on'")
    assert set(parts["rulebook"]) == set(names)
    assert parts.groupby("account")["amount"].nunique().eq(1).all()


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ('[[add_on]]\nkind = "fundin"', ["[[add_on]]: unknown kind 'fundin' (did you mean"]),
        ("[[add_on]]\nhours = 8", ["[[add_on]]: unknown kind None. Use one of basis"]),
        ('[add_on]\nkind = "funding"', ["[[add_on]]: not a list of tables. Write [[add_on]]"]),
        ("add_on = 3\n", ["[[add_on]]: not a list of tables"]),
        (
            '[[add_on]]\nkind = "funding"\nhours = -8',
            [
                "[[add_on]] funding: key 'maintenance_share' is missing. Give it.",
            ],
        ),
        (
            '[[add_on]]\nkind = "funding"\nhours = -8\nmaintenance_share = "all"',
            [
                "[[add_on]] funding, hours: got -8. Give numbers from 0.",
                "[[add_on]] funding, maintenance_share: got 'all'. Give a number",
            ],
        ),
        (
            '[[add_on]]\nkind = "wrong-way"\nshare = 1.5\nmaintenance_share = 1\nshar = 2',
            [
                "[[add_on]] wrong-way: no key 'shar' (did you mean 'share'?)",
                "[[add_on]] wrong-way, share: got 1.5. Give numbers from 0 to 1",
            ],
        ),
        (
            '[[add_on]]\nkind = "wrong-way"\nmaintenance_share = 1\nassets.BTCC.share = 0.1',
            [
                "assets: unknown asset 'BTCC' (did you mean 'BTC'?). The market has BTC, ETH",
                "[[add_on]] wrong-way: key 'share' is missing",
            ],
        ),
        (
            '[[add_on]]\nkind = "wrong-way"\nmaintenance_share = 1\nshare = 0\nassets.BTC = 0.1',
            ["[[add_on]] wrong-way, assets.BTC: not a table"],
        ),
        (
            '[[add_on]]\nkind = "wrong-way"\nmaintenance_share = 1\nshare = 0\nassets = 0.1',
            ["[[add_on]] wrong-way, assets: got 0.1. Write tables such as [add_on.assets.BTC]"],
        ),
        (
            CHARGED + '[[add_on]]\nkind = "funding"\nhours = 1\nmaintenance_share = 0',
            ["[[add_on]]: kind 'funding' twice. Put the settings into one."],
        ),
    ],
)
def test_each_mistake_has_one_line_with_a_cure(job, text, messages):
    path = with_text(job, "")
    path.write_text(text + path.read_text() if text.startswith("add_on") else
                    path.read_text() + "\n" + text)  # fmt: skip
    with pytest.raises(InvalidInputError) as raised:
        run_margin(path, job.parent / "wrong")
    assert len(raised.value.problems) == len(messages), raised.value.problems
    for problem, message in zip(raised.value.problems, messages, strict=True):
        assert message in problem
    assert not (job.parent / "wrong").exists()


def test_a_command_that_is_of_the_rulebook_alone_refuses_add_ons(tmp_path):
    job = make_job(tmp_path, accounts=3)
    with pytest.raises(
        InvalidInputError, match=r"\[\[add_on\]\]: add-ons are no part of a backtest"
    ):
        run_backtest(with_text(job, CHARGED), tmp_path / "out")


def test_every_add_on_has_a_name_in_the_job_file():
    read = {kind.__name__.removeprefix("_").removesuffix("AddOn") for kind in ADD_ONS.values()}
    assert read == {kind.__name__.removesuffix("AddOn") for kind in kinds_of(AbstractAddOn)}
