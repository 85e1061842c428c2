"""Tables of collateral: what they become, and one clear error for everything wrong in them."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxmargin.collateral import LimitBasis, coverage
from jaxmargin.errors import InvalidInputError
from jaxmargin.io import (
    MarketTables,
    Problems,
    build_collateral,
    describe_unpriced,
    read_collateral,
    read_marks,
)
from jaxmargin.market import combine_marks

TIME = pd.Timestamp("2026-02-05T08:00:00Z")
ASSETS = pd.DataFrame(
    {
        "asset": ["BTC", "ETH", "USDC", "VTK", "USD"],
        "spot": [60_000.0, 2_500.0, 0.9998, 2.0, 1.0],
    }
)
MARKET = MarketTables(ASSETS, pd.DataFrame(), pd.DataFrame(), TIME, 0.0, {})
ACCOUNTS = pd.Index(["A", "B", "C"])
FILES = {
    "collateral": """\
account,venue,asset,quantity
B,north,BTC,25
A,south,BTC,1
A,south,USDC,1000
B,north,VTK,500
""",
    # Bybit's page: BTC up to 10 counts 98 %, the next ten 95 %; here nothing above 20
    "schedule": """\
venue,asset,up_to,haircut,class,issuer,currency
north,BTC,20,0.05,coin,,
north,BTC,10,0.02,coin,,
north,USD,,0,cash,,USD
south,BTC,,0.1,coin,,
south,USDC,,0.01,stablecoin,Circle,USD
south,VTK,,0.5,token,South Ltd,
""",
    "limits": """\
venue,by,name,basis,size
south,class,coin,requirement,0.5
north,asset,BTC,posted,1
south,issuer,Circle,amount,700
""",
    "exclusions": "account,issuer\nC,South Ltd\n",
    "marks": """\
time,source,asset,price
2026-02-05T07:59:00Z,x,BTC,60000
2026-02-05T07:58:00Z,x,BTC,50000
2026-02-05T07:59:30Z,y,BTC,60100
2026-02-05T07:59:30Z,x,USDC,0.9
2026-02-05T07:59:30Z,y,USDC,1.0
2026-02-05T07:00:00Z,y,ETH,2500
""",
}


@pytest.fixture
def paths(tmp_path):
    for name, text in FILES.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return {name: tmp_path / f"{name}.csv" for name in FILES}


def read(paths):
    problems = Problems()
    tables = read_collateral(paths, MARKET, ACCOUNTS, problems)
    problems.raise_if_any()
    return tables


def only_problem(paths, *parts, reader=read):
    with pytest.raises(InvalidInputError) as caught:
        reader(paths)
    assert len(caught.value.problems) == 1, caught.value.problems
    for part in parts:
        assert part in caught.value.problems[0]


def edit(paths, name, old, new):
    text = paths[name].read_text()
    assert old in text
    paths[name].write_text(text.replace(old, new))


def test_tables_become_arrays_in_the_order_of_accounts_and_assets(paths):
    built = build_collateral(read(paths), MARKET)
    np.testing.assert_array_equal(
        built.holdings.quantity, [[1, 0, 1000, 0, 0], [25, 0, 0, 500, 0], [0, 0, 0, 0, 0]]
    )
    np.testing.assert_array_equal(
        built.eligible[:2], [[True, False, True, True, False], [True, False, False, False, True]]
    )
    value = built.haircuts.value(built.holdings.quantity, jnp.asarray(ASSETS["spot"].to_numpy()))
    np.testing.assert_allclose(value[0], [54_000.0, 0.0, 989.802, 0.0, 0.0], rtol=1e-12)
    np.testing.assert_allclose(value[1, 0], (9.8 + 9.5) * 60_000.0, rtol=1e-12)
    assert float(value[1, 3]) == 0.0  # a token that north does not accept


def test_coverage_of_tables_is_the_hand_count(paths):
    """A: half of 60,000 for BTC and 700 for USDC; B: 20 BTC in tiers; C: nothing."""
    tables = read(paths)
    built = build_collateral(tables, MARKET)
    assert built.limits is not None and built.limits.basis == (
        LimitBasis.REQUIREMENT, LimitBasis.POSTED, LimitBasis.AMOUNT,
    )  # fmt: skip
    found = coverage(
        built.holdings, jnp.asarray(ASSETS["spot"].to_numpy()), jnp.array([60_000.0, 1e6, 5.0]),
        built.haircuts, eligible=built.eligible, limits=built.limits,
    )  # fmt: skip
    np.testing.assert_allclose(found.after_limits, [30_700.0, 1_158_000.0, 0.0], rtol=1e-12)
    np.testing.assert_allclose(found.shortfall, [29_300.0, 0.0, 5.0], rtol=1e-12)


def test_what_the_venue_does_not_accept_is_named(paths):
    unaccepted = read(paths).not_accepted
    assert unaccepted[["account", "asset"]].to_numpy().tolist() == [["B", "VTK"]]


def test_excluded_issuers_are_not_eligible_for_that_account(paths):
    edit(paths, "collateral", "B,north,VTK,500", "C,south,VTK,500")
    eligible = np.asarray(build_collateral(read(paths), MARKET).eligible)
    assert not eligible[2, 3] and eligible[0, 3]


def test_a_single_venue_needs_no_naming_and_no_limits(paths):
    paths["schedule"].write_text("venue,asset,haircut\nnorth,BTC,0.1\n")
    paths["collateral"].write_text("account,asset,quantity\nA,BTC,2\n")
    built = build_collateral(read({k: paths[k] for k in ("collateral", "schedule")}), MARKET)
    assert built.limits is None
    np.testing.assert_allclose(
        built.haircuts.value(built.holdings.quantity, jnp.ones(5)).sum(-1), [1.8, 0.0, 0.0]
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "parts"),
    [
        ("schedule", "south,BTC,,0.1", "south,BTC,,-0.1",
         ("schedule.csv, column haircut: not between 0 and 1 in 1 of 6 rows (row 4; the first is "
          "-0.1). Write 5 % as 0.05.",)),
        ("schedule", "south,BTC,,0.1", "south,BTC,,10", ("haircut: not between 0 and 1",)),
        ("schedule", "south,BTC,,0.1", "south,BTC,,", ("column haircut: not a finite number",)),
        ("schedule", "south,VTK", "south,XYZ",
         ("schedule.csv, column asset: 1 unknown name: 'XYZ'", "prices to the assets table")),
        ("schedule", "north,BTC,20,0.05", "north,BTC,20,0.01",
         ("haircut: lower than that of a smaller size of the asset in 1 of 6 rows (row 1",)),
        ("schedule", "north,BTC,20,0.05,coin", "north,BTC,20,0.05,metal",
         ("column class: not the same in all rows of an asset", "'BTC'")),
        ("schedule", "south,USDC,,", "south,BTC,,",
         ("venue + asset + up_to: the same value more than once (south BTC nan)",)),
        ("schedule", "north,BTC,20", "north,BTC,-20", ("column up_to: not positive",)),
        ("collateral", "south,BTC,1\n", "south,BTC,-1\n",
         ("collateral.csv, column quantity: negative in 1 of 4 rows (row 2", "kind spot")),
        ("collateral", "south,USDC", "south,USDCC",
         ("column asset: 1 unknown name: 'USDCC' (did you mean 'USDC'?)", "assets table")),
        ("collateral", "B,north,VTK", "D,north,VTK", ("column account: 1 unknown name: 'D'",)),
        ("collateral", "B,north,VTK", "B,south,VTK",
         ("column venue: a second venue of the account in 1 of 4 rows (row 4", "of its own")),
        ("collateral", "B,north,VTK", "C,nord,VTK",
         ("column venue: 1 unknown name: 'nord' (did you mean 'north'?)",)),
        ("collateral", "B,north,VTK", "C,,VTK",
         ("column venue: no value in 1 of 4 rows", "Name one of north, south.")),
        ("collateral", "A,south,USDC", "A,south,BTC", ("account + asset: the same value more",)),
        ("limits", "amount,700", "amount,-700", ("limits.csv, column size: negative",)),
        ("limits", "posted,1", "posted,40",
         ("a share of what is posted above 1", "Write 40 % as 0.4.")),
        ("limits", "south,class,coin", "south,class,coins",
         ("name (venue south, by class): 1 unknown name: 'coins' (did you mean 'coin'?)",)),
        ("limits", "north,asset,BTC", "west,asset,BTC",
         ("column venue: 1 unknown name: 'west'",)),
        ("limits", "south,class", "south,klass", ("column by: 1 unknown name: 'klass'",)),
        ("limits", "south,issuer,Circle,amount,700", "south,class,coin,requirement,0.4",
         ("venue + by + name + basis: the same value more than once",)),
        ("limits", "north,asset,BTC,posted,1", "north,asset,BTC,posted,0.4\nnorth,asset,USD,"
         "posted,0.5", ("the shares of what is posted by asset at north add up to 0.9", "Raise")),
        ("exclusions", "South Ltd", "South Limited",
         ("exclusions.csv, column issuer: 1 unknown name: 'South Limited'",)),
        ("exclusions", "C,", "Z,", ("exclusions.csv, column account: 1 unknown name: 'Z'",)),
    ],
)  # fmt: skip
def test_everything_wrong_gives_one_clear_error(paths, name, old, new, parts):
    edit(paths, name, old, new)
    only_problem(paths, *parts)


def test_a_missing_file_is_named(paths):
    paths["schedule"].unlink()
    only_problem(paths, "schedule.csv", "no such file")


def marks_of(paths):
    problems = Problems()
    tables = read_marks(paths["marks"], MARKET, numeraire="USD", problems=problems)
    problems.raise_if_any()
    return tables


def test_the_latest_mark_of_each_source_is_taken_and_the_numeraire_is_one(paths):
    tables = marks_of(paths)
    nan = np.nan
    assert list(tables.sources) == ["x", "y"]
    np.testing.assert_array_equal(
        tables.price, [[60_000.0, nan, 0.9, nan, 1.0], [60_100.0, 2_500.0, 1.0, nan, 1.0]]
    )
    np.testing.assert_array_equal(
        tables.age, [[60.0, nan, 30.0, nan, 0.0], [30.0, 3_600.0, 30.0, nan, 0.0]]
    )


def test_assets_without_a_good_mark_are_named(paths):
    tables = marks_of(paths)
    marks = combine_marks(
        tables.price, tables.age, most_age=jnp.full(5, 300.0), most_deviation=jnp.full(5, 0.01),
        least_sources=2,
    )  # fmt: skip
    np.testing.assert_allclose(marks.price, [60_050.0, 0.0, 0.0, 0.0, 1.0])
    said = describe_unpriced(marks, list(ASSETS["asset"]))
    few = "has no good price and counts for nothing: too few sources have a recent price"
    assert said == [
        f"ETH {few} (0 usable).",
        "USDC has no good price and counts for nothing: too few sources agree (0 usable).",
        f"VTK {few} (0 usable).",
    ]


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("y,BTC,60100", "y,BTC,-5", "column price: not positive in 1 of 6 rows"),
        ("y,BTC,60100", "y,BTC,", "column price: not a finite number"),
        ("y,BTC,60100", "y,BTX,60100", "column asset: 1 unknown name: 'BTX'"),
        ("y,BTC,60100", "y,USD,1.1", "column price: not 1 for the numeraire 'USD'"),
        ("T07:00:00Z", "T08:00:01Z", "column time: after the valuation time 2026-02-05T08:00"),
        ("T07:00:00Z", "T07:00:00", "column time: a time without a zone"),
        ("2026-02-05T07:58:00Z", "2026-02-05T07:59:00Z", "source + asset + time: the same"),
    ],
)
def test_wrong_marks_give_one_clear_error(paths, old, new, part):
    edit(paths, "marks", old, new)
    only_problem(paths, "marks.csv", part, reader=marks_of)
