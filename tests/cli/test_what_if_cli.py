"""The command on orders as a user meets it: what it prints, and wrong tables of orders."""

import functools

import pandas as pd
import pytest
from job_files import edit_text, make_job, with_scenarios

GRID = "spot_moves = [-0.2, 0.0, 0.2]\nvolatility_moves = [0.0]"
HEADER = "order,account,instrument,quantity\n"


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    path = with_scenarios(make_job(tmp_path_factory.mktemp("job")), "spot-volatility-grid", GRID)
    edit_text(path, 'kind = "expected-shortfall"\nlevel = 0.975', 'kind = "worst-case"')
    return path


@pytest.fixture
def command(run_command):
    return functools.partial(run_command, "what-if")


def test_it_prints_what_costs_most_and_frees_most_in_80_columns(command, job, tmp_path):
    long = "an account [red]with[/red] a very long name " * 3
    rows = [
        (f"[bold]{i}[/bold]" + "x" * 40 * (i % 2), f"{long}{i % 3}", "BTC-SPOT", 1e4 * (i + 1))
        for i in range(9)
    ]
    held = pd.read_parquet(job.parent / "positions.parquet").iloc[:40]
    rows += [
        (f"close {i}", one.account, one.instrument, -one.quantity)
        for i, one in enumerate(held.itertuples())
    ]
    orders = tmp_path / "orders.parquet"
    table = pd.DataFrame(rows, columns=["order", "account", "instrument", "quantity"])
    table.to_parquet(orders)
    code, output, errors = command(job, orders, "--open", "--out", tmp_path / "out")
    assert code == 0, errors
    lines = output.splitlines()
    assert all(len(line) <= 80 for line in lines if not line.startswith("Results in"))
    assert "+1,080,000,000.00" in output and "[bold]8[/bold]" in output and "[red]" in output
    found = pd.read_parquet(tmp_path / "out/what_if.parquet")
    freed = found.loc[found["change"].idxmin()]
    assert f"{freed['change']:,.2f}" in output and freed["order"] in output
    assert "49 orders" in output and "orders a second" in output and "warning: " in output
    assert "open_orders.parquet" in lines[-1] and "exact" in output


def test_without_a_folder_it_writes_nothing(command, job, tmp_path):
    orders = tmp_path / "orders.csv"
    orders.write_text(HEADER + "A,FRESH,BTC-SPOT,1\n")
    before = sorted(job.parent.rglob("*"))
    code, output, _ = command(job, orders)
    assert code == 0 and "+12,000.00" in output and "free most: none" in output
    assert sorted(job.parent.rglob("*")) == before and list(tmp_path.iterdir()) == [orders]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", ["orders.csv: cannot be read"]),
        (HEADER, ["orders.csv: no orders. Give at least one row"]),
        ("order,account,instrument,size\nA,B,BTC-SPOT,1\n", ["column 'quantity' is missing"]),
        (HEADER + "A,,BTC-SPOT,1\n", ["column account: no value in 1 of 1 rows (row 1)"]),
        (HEADER + ",B,BTC-SPOT,1\n", ["column order: no value in 1 of 1 rows (row 1)"]),
        (
            HEADER + "A,B,BTC-SPOTT,1\nC,B,XYZ,1\n",
            ["column instrument: 2 unknown names: 'BTC-SPOTT' (did you mean 'BTC-SPOT'?), 'XYZ'"],
        ),
        (
            HEADER + "A,B,BTC-SPOT,1\nA,C,ETH-SPOT,1\n",
            ["column account: another account than in the first row of the order in 1 of 2 rows "
             "(row 2; the first is 'A')"],
        ),
        (
            HEADER + "A,B,BTC-SPOT,nan\nB,B,BTC-SPOT,1e999\n",
            ["column quantity: not a finite number in 2 of 2 rows (rows 1, 2; the first is 'nan')"],
        ),
        (
            HEADER + "A,B,BTC-SPOT,1\nA,B,BTC-SPOT,2\n",
            ["column order + instrument: the same value more than once (A BTC-SPOT) in 2 of 2"],
        ),
        (
            HEADER + "A,B,BTC-SPOT,x\nA,C,XYZ,1\n",
            ["quantity: not a finite number", "another account", "1 unknown name: 'XYZ'"],
        ),
    ],
)  # fmt: skip
def test_wrong_orders_end_with_code_2_and_one_line_per_problem(
    command, job, tmp_path, content, said
):
    orders = tmp_path / "orders.csv"
    orders.write_text(content)
    code, output, errors = command(job, orders, "--out", tmp_path / "out")
    assert code == 2 and output == "" and not (tmp_path / "out").exists()
    lines = errors.strip().splitlines()
    assert len(lines) == len(said)
    for line, part in zip(lines, said, strict=True):
        assert line.startswith("error: orders.csv") and part in line and line.endswith(".")


def test_orders_that_are_not_there_or_no_table_are_named_as_given(command, job, tmp_path):
    code, _, errors = command(job, tmp_path / "absent.csv")
    assert code == 2 and f"{tmp_path / 'absent.csv'}: no such file. Check the path" in errors
    (tmp_path / "orders.txt").write_text(HEADER)
    code, _, errors = command(job, tmp_path / "orders.txt")
    assert code == 2 and "orders.txt: not a table" in errors
    (tmp_path / "taken").write_text("")
    (tmp_path / "orders.csv").write_text(HEADER + "A,B,BTC-SPOT,1\n")
    code, _, errors = command(job, tmp_path / "orders.csv", "--out", tmp_path / "taken")
    assert code == 2 and "taken is not a folder" in errors
