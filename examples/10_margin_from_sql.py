"""A nightly batch: read the book from SQLite, margin it in shards, and query the results in DuckDB.

Made-up book. The same for PostgreSQL: write the addresses as
"postgresql://risk:${JAXMARGIN_PASSWORD}@db.example.org/book::positions"; the password comes from
the environment and is never written anywhere.
"""

# %% A made-up job whose book lies in a database, as that of a trading system does.
import os
import sqlite3
from pathlib import Path

import duckdb
import pandas as pd

from jaxmargin.jobs import export_run, open_export, write_demo
from jaxmargin.jobs.run import run_job

folder = Path(os.environ.get("JAXMARGIN_EXAMPLE_OUT", ".")) / "batch"
job = write_demo(folder, accounts=20)
database = sqlite3.connect(folder / "book.db")
for name, path in (("positions", "positions.parquet"), ("balances", "collateral/posted.parquet")):
    pd.read_parquet(folder / path).to_sql(name, database, index=False, if_exists="replace")
database.close()
job.write_text(
    job.read_text().replace(
        'positions = "positions.parquet"',
        'positions = "sqlite:///book.db::positions"\ncollateral = "sqlite:///book.db::balances"',
    )
)

# %% Margin in shards. The tables are read once, into results/inputs: a run that is started again
# goes on with the very same book. On the command line:
# jaxmargin run job.toml --out results --accounts-per-shard 8 --duckdb --sql sqlite:///runs.db
export = open_export(duckdb=True, sql=f"sqlite:///{folder.resolve()}/runs.db")
results, said = folder / "results", []
run = run_job(
    job,
    results,
    accounts_per_shard=8,
    after_manifest=lambda out, manifest: said.extend(export_run(export, out, manifest)),
)
print(f"{run.done} shards of run {run.plan.identity[:12]}", *said, sep="\n")

# %% The views of results.duckdb answer what is asked every morning.
with duckdb.connect(str(results / "results.duckdb"), read_only=True) as opened:
    print(opened.sql("SELECT account, initial, share FROM largest_margins LIMIT 5").df())
    print(opened.sql("SELECT account, status, missing FROM accounts_short LIMIT 5").df())
    print(opened.sql("FROM worst_scenarios LIMIT 3").df())
    short = opened.sql("SELECT count(*), fsum(missing) FROM accounts_short").fetchall()[0]
print(f"{short[0]} accounts are short of {short[1]:,.2f} in all.")

# %% The database keeps one row a run and account: trends of margin over days are one query.
with sqlite3.connect(folder / "runs.db") as history:
    query = """
        SELECT valuation_time, count(*) AS accounts, sum(initial) AS initial
        FROM jaxmargin_runs JOIN jaxmargin_requirements USING (run) GROUP BY run
    """
    trend = pd.read_sql_query(query, history)
history.close()
print(trend)
