"""Watch a made-up book intraday: trades, a deposit, and one file that is cut short.

On a real book other programs change the files, and all there is to do is
`jaxmargin watch JOB.toml --every 60s --out DIR`. Here they change while the loop would wait.
"""

# %% The demo's market and book, and collateral in [book], which calls need.
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from jaxmargin.io import write_table
from jaxmargin.jobs import run_watch, write_demo

folder = Path(os.environ.get("JAXMARGIN_EXAMPLE_OUT", ".")) / "watch"
job = write_demo(folder, accounts=20)
job.write_text(job.read_text().replace("[book]", '[book]\ncollateral = "balances.parquet"'))
positions, balances = folder / "positions.parquet", folder / "balances.parquet"
book = pd.read_parquet(positions)
cash = pd.DataFrame({"account": book["account"].unique(), "asset": "USDC", "quantity": 1e5})
write_table(cash, balances)


# %% What happens between the looks.
def trade(account: str, times: float) -> None:
    book.loc[book["account"] == account, "quantity"] *= times
    write_table(book, positions)


def deposit(account: str, amount: float) -> None:
    cash.loc[cash["account"] == account, "quantity"] += amount
    write_table(cash, balances)


def cut_short() -> None:
    content = positions.read_bytes()
    positions.write_bytes(content[: len(content) // 2])


largest = "A000007"
stream = [
    lambda: trade("A000003", -1.5),  # one account is margined
    lambda: trade(largest, 20.0),  # above 110 % of its collateral: a call
    cut_short,  # the last good update stays, and is stale
    lambda: deposit(largest, 300_000.0),  # that update again, with newer collateral
    lambda: trade(largest, 0.05),  # good again, the call is closed
]


class Clock:
    """The stream in place of waiting."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 2, 8, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> bool:
        self.time += timedelta(seconds=seconds)
        ended = not stream
        if stream:
            stream.pop(0)()
        return ended


# %% Each look: the update that holds, its calls, and what is wrong with newer inputs.
def show(status: dict, calls: pd.DataFrame) -> None:
    stale = f"STALE since {status['since'][11:16]}" if status["stale"] else "fresh"
    print(f"{status['checked'][11:16]} update {status['update']} ({status['mode']}): {stale}")
    for problem in status["problems"]:
        print(f"  {problem}")
    for row in calls.itertuples():
        print(f"  {row.account} {row.status}: call {row.call:,.2f}; {row.reason}")


run_watch(job, folder / "out", every=60.0, clock=Clock(), report=show)
