"""Wrong tables of collateral: one clear error that names file, column, row and cure."""

import pytest
from allocation_files import FILES, hand_job
from job_files import edit_text, make_job

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs import run_allocate

MARKS = "time,source,asset,price\n2026-01-02T07:00:00Z,a,USDC,1\n2026-01-02T07:00:00Z,b,USDC,1\n"
LIMITS = "venue,by,name,basis,size\n"
WRONG = {
    "negative haircut": (
        {"schedule": FILES["schedule"].replace("USDC,,0,", "USDC,,-0.1,")},
        "schedule.csv, column haircut: not between 0 and 1 in 1 of 2 rows (row 1; the first is "
        "-0.1). Write 5 % as 0.05.",
    ),
    "asset that the market lacks": (
        {"inventory": FILES["inventory"].replace("BTC", "BTX")},
        "inventory.csv, column asset: 1 unknown name: 'BTX' (did you mean 'BTC'?). Add their "
        "prices to the assets table.",
    ),
    "asset without a recent price": (
        {"marks": MARKS.replace("07:00", "06:00"), "inventory": "asset,quantity,cost\nUSDC,1,0\n"},
        "marks.csv: USDC has no good price and counts for nothing: too few sources have a recent "
        "price (0 usable). Give recent marks of more sources, or take the asset out of the "
        "inventory.",
    ),
    "unknown venue": (
        {"collateral": "account,venue,asset,quantity\nX,exchange,USDC,1\n"},
        "collateral.csv, column venue: 1 unknown name: 'exchange'. Use the venues of the schedule.",
    ),
    "venue of costs": (
        {"costs": "venue,asset,cost\nVenue,USDC,0.1\n"},
        "costs.csv, column venue: 1 unknown name: 'Venue'. Name each venue as the schedule does.",
    ),
    "account without a schedule": (
        {"schedule": FILES["schedule"] + "W,BTC,,0,coin,,\n"},
        "collateral.csv, column account: no row, and so no venue and no schedule, for 1 of 1 "
        "accounts ('X'). Add a row with the venue of each (V, W), with quantity 0 if nothing is "
        "posted yet.",
    ),
    "limits that leave no room": (
        {"limits": LIMITS + "V,class,coin,posted,0.3\nV,class,cash,posted,0.4\n"},
        "limits.csv, column size: the shares of what is posted by class at V add up to 0.7, and "
        "every class has one, so that nothing could ever count. Raise them to 1 or more in all, or "
        "leave one of them without a limit.",
    ),
    "negative cost": (
        {"inventory": FILES["inventory"].replace("0.05", "-0.05")},
        "inventory.csv, column cost: negative in 1 of 2 rows (row 1; the first is -0.05). Give the "
        "cost of a year as a fraction of market value; write 5 % as 0.05.",
    ),
    "negative inventory": (
        {"inventory": FILES["inventory"].replace("BTC,10", "BTC,-10")},
        "inventory.csv, column quantity: negative in 1 of 2 rows (row 2; the first is -10.0). Give "
        "what is at hand beyond what is posted, 0 if nothing is.",
    ),
    "posted without a cost": (
        {
            "collateral": "account,venue,asset,quantity\nX,V,BTC,1\n",
            "inventory": "asset,quantity,cost\nUSDC,1,0\n",
        },
        "inventory.csv, column asset: no row for BTC, which is posted already. Add its cost, with "
        "quantity 0 if there is no more of it.",
    ),
}


def only_problem(job, out):
    with pytest.raises(InvalidInputError) as caught:
        run_allocate(job, out)
    assert not out.exists()
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize("case", WRONG)
def test_one_error_says_what_is_wrong_with_a_table(case, tmp_path):
    files, message = WRONG[case]
    job = hand_job(tmp_path, files, coins={"X": 1.0})
    assert only_problem(job, tmp_path / "out") == message


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("search_secnds = 1", "unknown key 'search_secnds' (did you mean 'search_seconds'?)"),
        ("currency_add_on = 1.5", "[allocation] currency_add_on: got 1.5. Give a number from 0"),
        ("least_sources = 0", "[allocation] least_sources: got 0. Give a whole number from 1"),
    ],
)
def test_keys_are_checked(key, message, tmp_path):
    job = hand_job(tmp_path, {}, coins={"X": 1.0}, keys=key)
    assert message in only_problem(job, tmp_path / "out")


def test_a_job_without_the_section_says_which_keys_it_has(tmp_path):
    job = make_job(tmp_path, accounts=1)
    text = job.read_text()
    job.write_text(text[: text.index("[allocation]")])
    problem = only_problem(job, tmp_path / "out")
    assert problem.startswith("job.toml: section [allocation] is missing. Add it with the keys")


def test_a_missing_table_is_named(tmp_path):
    job = make_job(tmp_path, accounts=1)
    edit_text(job, "collateral/inventory.parquet", "collateral/absent.parquet")
    assert "absent.parquet: no such file" in only_problem(job, tmp_path / "out")
