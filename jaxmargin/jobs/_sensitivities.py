"""The sensitivities job: what the margins of a book depend on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.io import nearest, require_folder, write_json
from jaxmargin.jobs._facts import job_facts
from jaxmargin.jobs._load import Inputs, load_inputs, only_accounts
from jaxmargin.jobs._sensitivity_tables import (
    account_table,
    bucket_table,
    kink_table,
    market_table,
    parameter_table,
    position_table,
)
from jaxmargin.jobs._table_files import write_tables

__all__ = ["SensitivityResult", "run_sensitivities"]

_PRICE = np.array([-0.2, -0.15, -0.1, -0.05, -0.02, 0.0, 0.02, 0.05, 0.1, 0.15, 0.2])
_VOLATILITY = np.array([-0.25, 0.0, 0.25])
_LADDERS = 4  # assets with a ladder: those whose price matters most
_BANDWIDTH = 0.1  # of the smoothed measure, in deviations of an account's P&L


@dataclass(frozen=True)
class SensitivityResult:
    """Tables and facts as written; initial margins in the numeraire, not rounded.

    Attributes:
        positions: account, instrument, quantity, marginal, contribution, standalone, incremental.
        accounts: account, initial, residual, diversification_benefit, edge (the scenario at the
            edge of the tail), ties, runner_up, gap, smooth, smooth_gap; see `TailEdges` and
            `SmoothedMargin`.
        buckets: of the sum of margins: risk, asset, expiry, bucket, unit, amount; without zeros.
        market: of the sum, by every number of the market: field, asset, expiry, strike, value,
            slope.
        parameters: of the sum, by settings and inputs of the rule: parameter, index, value, slope.
        kinks: of the account in `facts`: account, kind, name, up, up_scenario, down,
            down_scenario, left, right; see `Switches`.
        ladder: of the sum: asset, price, volatility (relative moves), initial.
        facts: job, hashes, settings, seconds and what is shown, in plain types.
    """

    positions: pd.DataFrame
    accounts: pd.DataFrame
    buckets: pd.DataFrame
    market: pd.DataFrame
    parameters: pd.DataFrame
    kinks: pd.DataFrame
    ladder: pd.DataFrame
    facts: dict[str, Any]


def run_sensitivities(
    path: Path,
    out: Path,
    *,
    account: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SensitivityResult:
    """Derivatives of the initial margins of a job by positions, market and settings.

    Writes each table of `SensitivityResult` as `NAME.parquet`, and `sensitivities.json`. Kinks,
    which take a program for each kind of contract, are those of `account`, or else of the account
    with the largest margin. Nothing is written unless everything was computed.

    Args:
        path: job file.
        out: folder for the results.
        account: the only account to look at; None for all of them, and sums over them.
        progress: called with markets of the ladders done and in all.

    Raises:
        InvalidInputError: with every problem of the inputs, or an unknown account.
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    require_folder(out)
    start = time.perf_counter()
    inputs = load_inputs(path)
    known = inputs.book.accounts
    require(len(known) > 0, f"{path.name}: the book has no positions, so nothing depends on them.")
    if account is not None:
        if account not in known:
            raise InvalidInputError(
                f"--account: no account {account!r}{nearest(account, list(known))} among "
                f"{len(known):,}."
            )
        inputs = only_accounts(inputs, known[known == account])
    seconds = {"read": time.perf_counter() - start}
    tables, facts = _computed(inputs, seconds, progress)
    facts |= {
        **job_facts(inputs),
        "of": "all accounts" if account is None else account,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
    }
    out.mkdir(parents=True, exist_ok=True)
    facts["tables"] = write_tables(tables, out)
    write_json(facts, out / "sensitivities.json")
    return SensitivityResult(**tables, facts=facts)


def _computed(
    inputs: Inputs, seconds: dict[str, float], progress: Callable[[int, int], None] | None
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    from jaxmargin.jobs._calculation import build_calculation, measure_rulebook
    from jaxmargin.margin import start_run
    from jaxmargin.sensitivities import (
        DELTA_BUCKETS,
        account_kinks,
        list_slopes,
        margin_buckets,
        margin_to_market,
        parameter_slopes,
        position_margins,
        position_slopes,
        tail_edges,
    )

    last = time.perf_counter()

    def timed(name: str) -> None:
        nonlocal last
        now = time.perf_counter()
        seconds[name], last = now - last, now

    calculation = build_calculation(inputs)
    rulebook = measure_rulebook(calculation, inputs, "sensitivities")
    book, market = calculation.book, calculation.market
    run = start_run(rulebook, book, market)
    timed("margins")
    slopes, margins = position_slopes(run), position_margins(run)
    timed("positions")
    by_market = margin_to_market(rulebook, book, market)
    buckets = margin_buckets(by_market, market)
    timed("market")
    parameters = parameter_slopes(run)
    timed("parameters")
    edges, smoothed = tail_edges(run), _smoothed(run)
    largest = int(np.argmax(slopes.margin))
    kinks = account_kinks(run, account=largest)
    timed("kinks")
    ladder = _ladder(inputs, calculation, np.asarray(buckets.price), progress)
    timed("ladders")
    labels, focus = calculation.scenarios.labels, str(inputs.book.accounts[largest])
    values = list_slopes(rulebook)
    more = {
        "level": (inputs.job.rulebook.get("level", np.nan), parameters.level),
        "horizon_days": (inputs.job.rulebook["horizon_days"], parameters.horizon_days),
        "maintenance_ratio": (rulebook.maintenance_ratio, parameters.maintenance_ratio),
        **{f"size.{name}": (1.0, slope) for name, slope in parameters.size.items()},
    }
    tables = {
        "positions": position_table(inputs, slopes, margins),
        "accounts": account_table(inputs, labels, slopes, margins, edges, smoothed),
        "buckets": bucket_table(inputs, buckets, DELTA_BUCKETS),
        "market": market_table(inputs, by_market, market),
        "parameters": parameter_table(
            {name: value for name, (value, _) in more.items()} | values,
            {name: slope for name, (_, slope) in more.items()} | list_slopes(parameters.rulebook),
        ),
        "kinks": kink_table(inputs, focus, labels, kinks),
        "ladder": ladder,
    }
    facts = {
        "accounts": len(inputs.book.accounts),
        "initial": float(slopes.margin.sum()),
        "residual": float(np.abs(slopes.residual).max()),
        "diversification_benefit": float(margins.diversification_benefit.sum()),
        "largest": focus,
        "bandwidth": _BANDWIDTH,
    }
    return tables, facts


def _smoothed(run: Any) -> Any | None:
    """Next to the margin that is charged; None for measures that have no smoothed neighbor."""
    from jaxmargin.risk import ExpectedShortfall, ValueAtRisk
    from jaxmargin.sensitivities import smoothed, smoothed_margin

    measure = run.rulebook.measure
    if not isinstance(measure, ExpectedShortfall | ValueAtRisk):
        return None
    return smoothed_margin(run, smoothed(measure, _BANDWIDTH))


def _ladder(
    inputs: Inputs,
    calculation: Any,
    price: np.ndarray,
    progress: Callable[[int, int], None] | None,
) -> pd.DataFrame:
    """Sums of margins in moved markets, of the assets whose price matters most."""
    from jaxmargin.sensitivities import margin_ladder

    order = np.argsort(-np.abs(price), kind="stable")[:_LADDERS]
    chosen = [int(asset) for asset in order if price[asset] != 0.0]
    steps, parts = _PRICE.size * _VOLATILITY.size, []
    for number, asset in enumerate(chosen):
        margins = margin_ladder(
            calculation.rulebook,
            calculation.book,
            calculation.market,
            asset=asset,
            price=_PRICE,
            volatility=_VOLATILITY,
            progress=None
            if progress is None
            else lambda done, _, n=number: progress(n * steps + done, len(chosen) * steps),
        ).sum(axis=0)
        parts.append(
            pd.DataFrame(
                {
                    "asset": inputs.market.assets["asset"].iloc[asset],
                    "price": np.repeat(_PRICE, _VOLATILITY.size),
                    "volatility": np.tile(_VOLATILITY, _PRICE.size),
                    "initial": margins.reshape(-1),
                }
            )
        )
    if parts:
        return pd.concat(parts, ignore_index=True)
    return pd.DataFrame({"asset": [""], "price": 0.0, "volatility": 0.0, "initial": 0.0}).iloc[:0]
