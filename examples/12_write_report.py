"""From folders of results to one page for people, and two pictures for a slide.

The page is a single file: it opens offline, on a desk or a phone, in light or dark, and prints.
"""

# %% Results as a nightly job leaves them; here of a small made-up book, with collateral.
import os
from pathlib import Path

import pandas as pd

from jaxmargin.jobs import run_margin, write_demo, write_report
from jaxmargin.report import plot_coverage, plot_margins, save_picture

folder = Path(os.environ.get("JAXMARGIN_EXAMPLE_OUT", ".")) / "report"
job = write_demo(folder / "demo", accounts=40)
posted = 'positions = "positions.parquet"\ncollateral = "collateral/posted.parquet"'
job.write_text(job.read_text().replace('positions = "positions.parquet"', posted))
run_margin(job, folder / "margin")

# %% The page: name as many folders as there are (sensitivities, allocate, backtest, checks, stress,
# compare); what is not given says how to get it. On the command line: jaxmargin report DIR...
page = folder / "margins.html"
size = write_report([folder / "margin"], page, title="Margins of the made-up book")
print(f"{page.name}: {size / 1e3:,.0f} kB")

# %% Two pictures of the same results. Tables may be single files, or folders of parts of a run.
requirements = pd.read_parquet(folder / "margin" / "requirements.parquet")
states = pd.read_parquet(folder / "margin" / "states.parquet")
figure = plot_margins(requirements, title="Largest initial margins", currency="USD")
print(save_picture(figure, folder / "margins.png").name)
figure = plot_coverage(states, title="Accounts that lack most", currency="USD")
print(save_picture(figure, folder / "coverage.svg").name)

# %% What to read first: the total with its uncertainty, and who lacks how much.
total, error = requirements["initial"].sum(), requirements["standard_error"].sum()
lack = (states["initial"] - states["equity"]).clip(lower=0.0)
print(f"initial margin {total:,.0f} USD, standard error at most {error:,.0f}")
print(f"{(lack > 0.0).sum()} of {len(states)} accounts lack {lack.sum():,.0f} USD together")
