"""A job small enough to allocate by hand: coins held, margined at a fall of 20 %."""

from pathlib import Path

import pandas as pd
from job_files import TABLES, edit_text, make_job, with_scenarios

GRID = "spot_moves = [-0.2, 0.0, 0.2]\nvolatility_moves = [0.0]"
MARGIN = 0.2 * 60_000.0  # of one bitcoin, whichever way
FILES = {
    "collateral": "account,venue,asset,quantity\n",
    "schedule": "venue,asset,up_to,haircut,class,issuer,currency\n"
    "V,USDC,,0,cash,,\nV,BTC,,0,coin,,\n",
    "inventory": "asset,quantity,cost,lot\nUSDC,100000,0.05,\nBTC,10,0.01,\n",
}


def hand_job(folder: Path, files: dict[str, str], *, coins: dict[str, float], keys: str = ""):
    """A job whose accounts hold `coins` bitcoins each, with these tables; its job file."""
    job = with_scenarios(make_job(folder, accounts=1), "spot-volatility-grid", GRID)
    edit_text(job, 'kind = "expected-shortfall"\nlevel = 0.975', 'kind = "worst-case"')
    held = {"account": list(coins), "instrument": "BTC-SPOT", "quantity": list(coins.values())}
    pd.DataFrame(held).to_parquet(folder / TABLES["positions"])
    return with_tables(job, FILES | files, keys)


def with_tables(job: Path, files: dict[str, str], keys: str = "") -> Path:
    """The job with these tables of collateral as CSV, and further keys of [allocation]."""
    for name, text in files.items():
        (job.parent / f"{name}.csv").write_text(text)
    named = "".join(f'{name} = "{name}.csv"\n' for name in files)
    text = job.read_text()
    job.write_text(text[: text.index("[allocation]")] + f"[allocation]\n{named}{keys}\n")
    return job
