"""A job of four accounts, small enough to count by hand."""

import pandas as pd
from job_files import edit_table, edit_text, make_job

POSITIONS = pd.DataFrame(
    [
        ("fallen", "BTC-USDC-PERP", 4.0),
        ("long", "BTC-USDC-PERP", 2.0),
        ("owner", "BTC-SPOT", 1.5),
        ("short", "BTC-USDC-PERP", -3.0),
    ],
    columns=["account", "instrument", "quantity"],
)


def small_job(folder, balances):
    """Four accounts in two contracts on BTC, with a table of collateral."""
    job = make_job(folder)
    edit_table(job, "positions", lambda table: POSITIONS)
    kept = POSITIONS["instrument"].unique()
    edit_table(job, "instruments", lambda table: table[table["instrument"].isin(kept)])
    if balances is not None:
        edit_text(job, 'positions = "', 'collateral = "balances.csv"\npositions = "')
        (folder / "balances.csv").write_text(balances)
    return job
