"""Do a GPU and a CPU give the same margins, and a GPU the same bits twice?

Margins of 500 made-up accounts by rulebooks and by kinds of scenarios, and derivatives of their sum
by positions and market; in single and double precision, each on the CPU and twice on the device
that JAX chooses, in processes of their own. Margins are compared relative to the gross notional of
the account, derivatives to the largest of their table.
Run: python benchmarks/gpu_agreement.py
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from harness import write_result

from jaxmargin.jobs import run_compare, write_demo

ACCOUNTS = 500
HISTORY = 'history = "history.parquet"\nconstant = ["USDC"]\n'
DRAWN = HISTORY + "scenarios = 1000\n"
SCENARIOS = {"historical": HISTORY, "student": DRAWN}
MEASURES = ["expected-shortfall:0.975", "value-at-risk:0.99"]
RULES = ["bybit-uta", "deribit-pm", "scan-grid", "valuation-points"]
DERIVE = ["derive-pmrm2", "derive-standard"]  # no futures
JOBS = {kind: (kind, MEASURES + (RULES if kind == "historical" else [])) for kind in SCENARIOS}
JOBS["options"] = ("historical", DERIVE)
TOLERANCE = {"f32": 1e-6, "f64": 1e-12}


def write_jobs(folder, precision):
    """The jobs, on two coins; gross notional by account."""
    for name, (kind, _) in JOBS.items():
        job = write_demo(folder / name, accounts=ACCOUNTS)
        text = job.read_text().replace("round_to = 0.01", "round_to = 1e-9")
        text = text.replace('precision = "f32"', f'precision = "{precision}"')
        start, end = text.index("[scenarios]"), text.index("[rulebook]")
        section = f'[scenarios]\nkind = "{kind}"\n{SCENARIOS[kind]}\n'
        job.write_text(text[:start] + section + text[end:])
        listed = pd.read_parquet(folder / name / "instruments.parquet")
        unfit = "spot|future" if name == "options" else "spot"
        kept = listed["underlying"].isin(["BTC", "ETH"]) & ~listed["kind"].str.contains(unfit)
        listed[kept].to_parquet(folder / name / "instruments.parquet", index=False)
        held = pd.read_parquet(folder / name / "positions.parquet")
        held = held[held["instrument"].isin(listed["instrument"][kept])]
        held.to_parquet(folder / name / "positions.parquet", index=False)


def margin_all(folder, out):
    """In a process of its own: the margins of all jobs, and derivatives of the first."""
    import jax

    from jaxmargin.jobs import build_calculation, load_inputs
    from jaxmargin.sensitivities import margin_to_market, margin_to_positions

    for name, (_, rulebooks) in JOBS.items():
        run_compare(folder / name / "job.toml", rulebooks, out / name)
    of = build_calculation(load_inputs(folder / "historical" / "job.toml"))
    parts = (of.rulebook, of.book, of.market)
    slopes = {"positions": margin_to_positions(*parts), "market": margin_to_market(*parts)}
    for name, tree in slopes.items():
        leaves = [
            np.asarray(x) for x in jax.tree.leaves(tree) if np.issubdtype(x.dtype, np.floating)
        ]
        np.savez(out / f"{name}.npz", *leaves)


def gross_notional(folder):
    """Of each account in USD."""
    listed = pd.read_parquet(folder / "instruments.parquet").set_index("instrument")
    spot = pd.read_parquet(folder / "market/assets.parquet").set_index("asset")["spot"]
    coins = ~listed["kind"].isin(["inverse-perpetual", "inverse-future"])  # those are of dollars
    each = listed["multiplier"] * np.where(coins, listed["underlying"].map(spot), 1.0)
    held = pd.read_parquet(folder / "positions.parquet")
    return (held["quantity"].abs() * held["instrument"].map(each)).groupby(held["account"]).sum()


def compared(folder, first, second):
    """Largest difference by job and rulebook, and of derivatives."""
    found = {}
    for name in JOBS:
        one, two = (pd.read_parquet(x / name / "margins.parquet") for x in (first, second))
        gross = one["account"].map(gross_notional(folder / name))
        gap = (one["initial"] - two["initial"]).abs() / gross.where(gross > 0.0, 1.0)
        for rulebook, largest in gap.groupby(one["rulebook"]).max().items():
            found[f"{name}, {rulebook}"] = float(largest)
    for name in ("positions", "market"):
        one, two = (np.load(x / f"{name}.npz") for x in (first, second))
        found[f"derivatives by {name}"] = max(
            float(np.abs(one[key] - two[key]).max() / max(np.abs(one[key]).max(), 1e-300))
            for key in one.files
            if one[key].size
        )
    return found


def rows(content):
    """Rows of a table, of the numbers in `content` alone."""
    told = []
    for precision in TOLERANCE:
        largest = max(content[precision]["device_and_cpu"].values())
        twice = max(content[precision]["twice_on_the_device"].values())
        told.append(f"{precision} {largest:.0e}, twice on the device {twice:.0e}")
    question = "largest difference of margins and derivatives between device and CPU"
    return [{"question": question, "figure": "; ".join(told)}]


def main():
    if len(sys.argv) > 1:
        margin_all(*map(Path, sys.argv[1:]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        root, running = Path(temporary), {}
        for precision in TOLERANCE:
            write_jobs(root / precision, precision)
            for name in ("cpu", "device", "again"):
                extra = {"JAX_PLATFORMS": "cpu"} if name == "cpu" else {}
                command = [sys.executable, __file__, root / precision, root / precision / name]
                running[precision, name] = subprocess.Popen(command, env={**os.environ, **extra})
        failed = [key for key, process in running.items() if process.wait() != 0]
        assert not failed, failed
        content = {
            precision: {
                "device_and_cpu": compared(folder, folder / "cpu", folder / "device"),
                "twice_on_the_device": compared(folder, folder / "device", folder / "again"),
            }
            for precision, folder in ((p, root / p) for p in TOLERANCE)
        }
    content = {"question": "margins on this device and on the CPU", "accounts": ACCOUNTS, **content}
    write_result("gpu_agreement", content | {"readme": rows(content)})
    for precision, tolerance in TOLERANCE.items():
        wrong = {k: v for k, v in content[precision]["device_and_cpu"].items() if not v < tolerance}
        if wrong:
            print(f"{precision}, beyond {tolerance}:", json.dumps(wrong, indent=2))


if __name__ == "__main__":
    main()
