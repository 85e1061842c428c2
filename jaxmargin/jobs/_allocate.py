"""The allocation job: margin all accounts, then decide which collateral to post where."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxmargin.io import contract_names, require_folder, round_up, write_json
from jaxmargin.jobs._facts import job_facts
from jaxmargin.jobs._load import Inputs, load_inputs
from jaxmargin.jobs._paths import job_from
from jaxmargin.jobs._table_files import write_tables

if TYPE_CHECKING:
    from jaxmargin.jobs._allocation_inputs import AllocationInputs
    from jaxmargin.jobs._allocation_tables import AllocationView
    from jaxmargin.jobs._clock import Seconds

__all__ = ["AllocateResult", "run_allocate"]

_SIDES = 1000  # most accounts for which prices on either side are found: up to two programs each


@dataclass(frozen=True)
class AllocateResult:
    """Tables and facts as written; money in the numeraire, costs for a year.

    Attributes:
        allocation: account, venue, asset, quantity, market_value, value_after_haircut, counted
            (after limits too, not rounded, so that it adds up), cost, already_posted and move
            (units); what is taken back has quantity 0.
        coverage: account, venue, requirement, posted (sum of what counts), shortfall,
            price_of_margin (what one unit more of requirement costs), price_left and price_right
            (the same for one unit less and more: they differ where the cost has a kink), reasons
            of a shortfall.
        assets: asset, price, available and posted (units), already_posted, market_value,
            value_of_one_more (unit: what it would save).
        limits: limit, account, basis, cap, counted, slack, price (of one unit more of room).
        positions: account, instrument, quantity, margin_gradient, what one contract more adds to
            the cost: cost_per_year, cost_per_day, and cost_per_year_left and _right, where the left
            one is what one contract less saves.
        facts: costs, certificate, shortfall, inputs, settings, seconds and warnings, in plain
            types.
    """

    allocation: pd.DataFrame
    coverage: pd.DataFrame
    assets: pd.DataFrame
    limits: pd.DataFrame
    positions: pd.DataFrame
    facts: dict[str, Any]

    @property
    def short(self) -> bool:
        """Whether an account is not covered."""
        return bool((self.coverage["shortfall"] > 0.0).any())


def run_allocate(
    path: Path, out: Path, *, progress: Callable[[int, int], None] | None = None
) -> AllocateResult:
    """Cover the initial margin of every account of a job at the least cost.

    Requirements are initial margins, rounded up. Postings are rounded down to lots or to 1e-8
    units, and so chosen that what counts of them, rounded down too, still covers. Where that is
    impossible, the total shortfall is the smallest possible up to this rounding, and `coverage`
    gives the reasons; prices of margin are missing for accounts that are short, and their sides for
    all. Derivatives by positions are those of the margin times the price of margin.

    Writes `allocation.parquet`, `coverage.parquet`, `assets.parquet`, `limits.parquet`,
    `positions.parquet` and `allocation.json` (`facts`) to the folder `out`.

    Args:
        path: job file with a section [allocation].
        out: folder for the results.
        progress: called with work done and work in all.

    Raises:
        InvalidInputError: with every problem of the job, or else of the tables of collateral.
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    require_folder(out)
    start = time.perf_counter()
    inputs = load_inputs(path)

    import jax

    from jaxmargin.jobs._allocation_inputs import load_allocation
    from jaxmargin.jobs._calculation import build_calculation
    from jaxmargin.jobs._clock import measured
    from jaxmargin.margin import start_run
    from jaxmargin.sensitivities import position_slopes

    with jax.enable_x64(True):  # money to the cent, whatever the precision of the margins
        given = load_allocation(inputs)
    read_seconds = time.perf_counter() - start
    with measured() as margins:
        calculation = build_calculation(inputs)
        run = start_run(calculation.rulebook, calculation.book, calculation.market)
        slopes = position_slopes(run, of="initial", progress=progress)
    unit = inputs.job.settings["round_to"]
    requirement = round_up(np.asarray(run.requirement.initial), unit)
    with measured() as solving, jax.enable_x64(True):
        view, costs = _allocate(inputs, given, requirement)
        tables = (view.allocation(), view.coverage(), view.asset_table(), view.limits())
    facts = _facts(view, inputs, given, costs)
    facts["job"] = job_from(path, out)
    facts["device"] = {"kind": jax.devices()[0].device_kind, "count": jax.device_count()}
    facts["seconds"] = _seconds(read_seconds, margins, solving)
    result = AllocateResult(*tables, view.positions(slopes, contract_names(inputs.book)), facts)
    out.mkdir(parents=True, exist_ok=True)
    names = ("allocation", "coverage", "assets", "limits", "positions")
    facts["tables"] = write_tables({name: getattr(result, name) for name in names}, out)
    write_json(facts, out / "allocation.json")
    return result


def _allocate(
    inputs: Inputs, given: "AllocationInputs", requirement: np.ndarray
) -> "tuple[AllocationView, dict[str, Any]]":
    """The exact optimum with its prices, the rounded one, and what others cost."""
    from jaxmargin.jobs._allocation_problem import build_case
    from jaxmargin.jobs._allocation_rounding import count_postings, round_postings
    from jaxmargin.jobs._allocation_tables import AllocationView
    from jaxmargin.optimize import cost_slopes, greedy_allocation, optimize_allocation

    unit = inputs.job.settings["round_to"]
    settings = inputs.job.allocation
    assert settings is not None  # load_allocation has looked
    case = build_case(given, inputs.market, requirement, settings)
    exact = optimize_allocation(case.problem)
    short, many = bool(exact.shortfall.any()), requirement.size > _SIDES
    slopes = None if short or many else cost_slopes(case.problem, exact)
    postings = round_postings(case, given, unit, seconds=settings["search_seconds"])
    greedy = greedy_allocation(case.problem)
    before = count_postings(given, case.held, requirement, unit)
    view = AllocationView(given, inputs.market, case, exact, slopes, postings, unit)

    def yearly(quantity: np.ndarray) -> float:
        return float((case.cost * quantity * given.price[None, :]).sum())

    cost = yearly(postings.quantity)
    return view, {
        "cost": {
            "posted_before": yearly(case.held),
            "posted": cost,
            "lower_bound": exact.certificate.bound,
            "greedy": greedy.cost,
            "savings": greedy.cost - cost,
        },
        "shortfall": {
            "before": float(before.shortfall.sum()),
            "after": float(postings.shortfall.sum()),
            "greedy": float(greedy.shortfall.sum()),
            "accounts": int((postings.shortfall > 0.0).sum()),
        },
        "certificate": {
            "primal_residual": exact.certificate.primal_residual,
            "dual_residual": exact.certificate.dual_residual,
            "gap": exact.certificate.gap,
        },
    }


def _facts(
    view: "AllocationView", inputs: Inputs, given: "AllocationInputs", costs: dict[str, Any]
) -> dict[str, Any]:
    problem = view.case.problem
    return {
        **job_facts(inputs, *given.files),
        "counts": {
            "accounts": int(problem.requirement.size),
            "assets": int(view.case.listed.sum()),
            "lines": int(problem.asset.size),
            "limits": len(problem.limits),
        },
        "round_to": inputs.job.settings["round_to"],
        "requirement": float(problem.requirement.sum()),
        **costs,
        "warnings": [*given.warnings, *view.postings.warnings, *_missing_sides(view)],
    }


def _missing_sides(view: "AllocationView") -> list[str]:
    if view.slopes is not None or view.exact.shortfall.any():
        return []
    return [f"Prices of margin on either side are left out beyond {_SIDES:,} accounts."]


def _seconds(read: float, margins: "Seconds", solving: "Seconds") -> dict[str, float]:
    return {
        "read": round(read, 3),
        "margins_cold": round(margins.cold, 3),
        "margins_warm": round(margins.warm, 3),
        "allocation": round(solving.cold, 3),
    }
