"""Stress tests of a whole book: losses beyond margin, funds, waterfall and liquidation."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxmargin.errors import require
from jaxmargin.io import (
    build_balances,
    require_folder,
    round_up,
    write_json,
)
from jaxmargin.jobs._facts import job_facts, job_seconds
from jaxmargin.jobs._load import load_inputs
from jaxmargin.jobs._stress_inputs import StressInputs, read_stress_inputs
from jaxmargin.jobs._table_files import write_tables

if TYPE_CHECKING:
    from jaxmargin.jobs._calculation import Calculation

__all__ = ["StressResult", "run_stress"]


@dataclass(frozen=True)
class StressResult:
    """Tables as written; amounts in the numeraire.

    Attributes:
        stress: one row per account and stress: account, member, stress, pnl (gain positive; of
            contracts, and where resources are collateral of that too), initial (rounded up),
            resources, shortfall (loss beyond resources).
        fund: one row per stress: pnl of all, accounts_short, shortfall of all, the three largest
            members (largest_member, second_member, third_member; empty where there is none) and
            theirs (largest, second, third), cover_two and largest_or_next_two; with a simulation
            of liquidation also what it costs others than the accounts, cost_off and cost_on: the
            loss of the fund less fees, what winners and others pay, and what stays unpaid.
        waterfall: one row per stress and layer, the two largest members in default; None without
            contributions.
        liquidation: one row per breaker, stress and step; None without what it needs.
        facts: sizes of the fund with what decides, inputs, seconds, what is missing, in plain
            types.
    """

    stress: pd.DataFrame
    fund: pd.DataFrame
    waterfall: pd.DataFrame | None
    liquidation: pd.DataFrame | None
    facts: dict[str, Any]


def run_stress(
    path: Path, out: Path, *, progress: Callable[[int, int], None] | None = None
) -> StressResult:
    """Run named stresses on a job's book and write what they do to it as a whole.

    The stresses are those that [systemic] names, else those of a job of kind stress, else the
    whole library. Margins are the job's. Resources of an account are its equity where [book] names
    collateral, and what it has posted then moves with the stress; else its initial margin. Writes
    `stress.parquet`, `fund.parquet`, `stress.json`, and where [systemic] allows it
    `waterfall.parquet` and `liquidation.parquet`.

    Args:
        path: job file.
        out: folder for the results.
        progress: called with work done and work in all, of the margins.

    Raises:
        InvalidInputError: with every problem of the inputs.
        MemoryError: memory ran out.
    """
    require_folder(out)
    start = time.perf_counter()
    stress = read_stress_inputs(load_inputs(path))
    inputs = stress.inputs
    read_seconds = time.perf_counter() - start

    import jax

    from jaxmargin.jobs._calculation import build_calculation
    from jaxmargin.jobs._clock import measured
    from jaxmargin.jobs._stress_liquidation import APPROXIMATIONS
    from jaxmargin.jobs._stress_tables import fund_table, stress_table, waterfall_table

    unit = inputs.job.settings["round_to"]
    with measured() as seconds:
        calculation = build_calculation(inputs)
        required = jax.device_get(
            calculation.rulebook.requirement(
                calculation.book, calculation.market, progress=progress
            )
        )
        initial, maintenance = (
            round_up(np.asarray(part), unit) for part in (required.initial, required.maintenance)
        )
        held = _held(stress, calculation)
        spot = inputs.market.assets["spot"].to_numpy(np.float64)
        resources = held @ spot if stress.collateral else initial
        table, sizes, prices = stress_table(stress, calculation, held, initial, resources)
        require(
            bool(np.isfinite(table[["pnl", "resources"]].to_numpy()).all()),
            f"{path.name}: P&L in a stress or resources of an account are not finite numbers. Look "
            "for extreme prices, volatilities or moves.",
        )
        liquidation = None
        if stress.liquidates:
            liquidation = _liquidate(stress, calculation, held, resources, maintenance, prices)
    fund = fund_table(stress, table, sizes, liquidation)
    waterfall = None if stress.contributions is None else waterfall_table(stress, table)
    rules = ("cover_one", "cover_two", "largest_or_next_two")
    facts = {
        **job_facts(inputs, *stress.files),
        "resources": "collateral" if stress.collateral else "initial-margin",
        "fund": {
            rule: {"amount": float(getattr(sizes, rule)), "stress": stress.labels[row]}
            for rule, row in zip(rules, np.asarray(sizes.scenario).tolist(), strict=True)
        }
        | {
            "expected": float(sizes.expected),
            "tail": float(sizes.tail),
            "level": stress.settings["level"],
        },
        "approximations": list(APPROXIMATIONS) if stress.liquidates else [],
        "insurance_fund": stress.settings["insurance_fund"],
        "device": {"kind": jax.devices()[0].device_kind, "count": jax.device_count()},
        "seconds": job_seconds(read_seconds, seconds),
        "warnings": stress.missing,
    }
    out.mkdir(parents=True, exist_ok=True)
    tables = {"stress": table, "fund": fund, "waterfall": waterfall, "liquidation": liquidation}
    facts["tables"] = write_tables(tables, out)
    for name in (name for name, written in tables.items() if written is None):
        for file in (out / f"{name}.{suffix}" for suffix in ("parquet", "png", "svg")):
            if file.exists():
                facts["warnings"].append(f"{file.name} is of an earlier run. Take it away.")
    write_json(facts, out / "stress.json")
    return StressResult(table, fund, waterfall, liquidation, facts)


def _held(stress: StressInputs, calculation: "Calculation") -> np.ndarray:
    """Units of each asset that accounts' equity consists of; nothing where it does not count."""
    from jaxmargin.margin import position_value

    inputs = stress.inputs
    if not stress.collateral or inputs.balances is None:
        return np.zeros((len(inputs.book.accounts), len(inputs.market.assets)))
    posted = build_balances(inputs.balances, inputs.market, inputs.book.accounts)
    return posted + np.asarray(position_value(calculation.book, calculation.market), np.float64)


def _liquidate(
    stress: StressInputs,
    calculation: "Calculation",
    held: np.ndarray,
    resources: np.ndarray,
    maintenance: np.ndarray,
    prices: np.ndarray,
) -> pd.DataFrame:
    from jaxmargin.jobs._stress_liquidation import simulate_liquidations
    from jaxmargin.systemic import linear_positions

    coins = stress.coins
    delta = np.asarray(linear_positions(calculation.book, calculation.market), np.float64)
    spot = stress.inputs.market.assets["spot"].to_numpy(np.float64)[coins]
    return simulate_liquidations(
        stress,
        spot,
        prices[coins] / spot[:, None] - 1.0,
        delta[:, coins] + held[:, coins],
        resources,
        maintenance,
    )
