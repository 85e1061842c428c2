"""A small job to watch, and a clock that does not wait."""

from datetime import UTC, datetime, timedelta

import pandas as pd
from job_files import edit_table
from small_jobs import small_job

from jaxmargin.jobs import run_margin, run_watch

TABLES = ("requirements", "components", "states")
BALANCES = "account,asset,quantity\nfallen,USDC,1000000\nlong,USDC,500000\nshort,BTC,20\n"


def make_watched(folder):
    """Four accounts in two contracts on BTC, all with more collateral than they need."""
    return small_job(folder, BALANCES)


def hold(job, account, quantity):
    """Give an account of the job that quantity in each of its contracts; new ones are long."""

    def change(table):
        if account in set(table["account"]):
            table.loc[table["account"] == account, "quantity"] = quantity
            return table
        row = pd.DataFrame([(account, "BTC-USDC-PERP", quantity)], columns=table.columns)
        return pd.concat([table, row], ignore_index=True)

    edit_table(job, "positions", change)


class Script:
    """A clock that does something at each wait instead of waiting, and then ends the loop."""

    def __init__(self, *acts, start=datetime(2026, 1, 2, 9, tzinfo=UTC)):
        self.time, self.acts, self.waited = start, list(acts), []

    def now(self):
        return self.time

    def wait(self, seconds):
        self.waited.append(seconds)
        self.time += timedelta(seconds=seconds)
        if not self.acts:
            return True
        act = self.acts.pop(0)
        if act is not None:
            act()
        return False


def watched(job, *acts, out=None, **settings):
    """Watch a job while `acts` happen to it, one before each look but the first.

    The statuses of all looks, each with the calls under "table".
    """
    looks = []
    run_watch(
        job, out or job.parent / "watch", clock=Script(*acts),
        report=lambda status, calls: looks.append({**status, "table": calls}), **settings,
    )  # fmt: skip
    return looks


def content(folder):
    """The bytes of every file of an update, by name."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def same_as_full(job, *more):
    """The current update has the very bytes that `run_margin` writes."""
    full, current = job.parent / "full", job.parent / "watch/current"
    run_margin(job, full)
    for name in (*TABLES, *more):
        file = f"{name}.parquet"
        assert (current / file).read_bytes() == (full / file).read_bytes(), name


def set_balances(job, text):
    """Rewrite the job's collateral."""
    (job.parent / "balances.csv").write_text("account,asset,quantity\n" + text)


def cut_short(job):
    """Take the end off the file of positions."""
    file = job.parent / "positions.parquet"
    file.write_bytes(file.read_bytes()[:-40])
