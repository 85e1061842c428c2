"""Reads the positions and settings of Deribit's cases, and refuses what is not established."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxmargin.io import Problems, is_number, read_rulebook_file, rulebook_library

if TYPE_CHECKING:
    from jaxmargin.margin.venues import DeribitParameters

__all__ = ["DeribitCase", "deribit_case"]

_YEAR_SECONDS = 365.0 * 86_400.0
_INVERSE = re.compile(r"[A-Z0-9]+-(PERPETUAL|\d{1,2}[A-Z]{3}\d{2})")
_NAMES = {  # the venue's, by those of DeribitParameters
    "price_range": "price_range",
    "extended_factor": "extended_table_factor",
    "extended_dampener": "extended_dampener",
    "annualized_move_risk": "annualised_move_risk",
    "least_annualized_move": "min_annualised_move",
    "pnl_offset": "pnl_offset",
    "most_offset_pnl": "max_offsetable_pnl",
    "delta_threshold": "delta_total_liq_shock_threshold",
    "maintenance_factor": "mm_factor",
}


class DeribitCase(NamedTuple):
    """A case as the rule takes it.

    Attributes:
        instruments: names, in the order of the positions.
        size: coins of each position, long positive, padded with zeros.
        years: to expiry, zero for perpetuals.
        index_price: in USD.
        parameters: settings of the coin.
    """

    instruments: tuple[str, ...]
    size: np.ndarray
    years: np.ndarray
    index_price: float
    parameters: "DeribitParameters"


def deribit_case(case: Mapping[str, Any], rows: int) -> DeribitCase:
    """Positions and settings of a case, as arrays of `rows` positions.

    Raises:
        InvalidInputError: with every problem: options and linear contracts, a haircut, an expiry
            in the past, numbers that are none.
    """
    import jax.numpy as jnp

    from jaxmargin.margin.venues import DeribitParameters

    problems, name, settings = Problems(), str(case["id"]), case["model_params"]
    seconds = _number(case["timestamp_ms"], f"{name}, timestamp_ms", problems) / 1000.0
    index = _number(case["index_price"], f"{name}, index_price", problems)
    if index <= 0.0:
        problems.add(f"{name}, index_price", f"got {index!r}", "Give a positive price.")
    instruments, size, years = [], np.zeros(rows), np.zeros(rows)
    for row, position in enumerate(case["positions"]):
        instrument = str(position["instrument"])
        where = f"{name}, {instrument}"
        if not _INVERSE.fullmatch(instrument):
            problems.add(
                where,
                "not an inverse future or perpetual, of which alone vectors are established",
                "Give a contract such as BTC-PERPETUAL or BTC-28JUN24.",
            )
        if instrument in instruments:
            problems.add(where, "listed twice", "Give one position in each contract.")
        instruments.append(instrument)
        size[row] = _number(position["size"], f"{where}, size", problems)
        expiry = position.get("expiry")
        if expiry is None and not instrument.endswith("PERPETUAL"):
            problems.add(f"{where}, expiry", "none", "Write it as 2024-06-28T08:00:00Z.")
        years[row] = _years(expiry, seconds, f"{where}, expiry", problems)
    values = _settings(settings, name, problems)
    problems.raise_if_any()
    moves = settings["extended_moves"] if "extended_moves" in settings else _extended_moves()
    parameters = DeribitParameters(
        **{key: jnp.asarray(value) for key, value in values.items()},
        extended_moves=jnp.asarray(moves),
        buckets=settings["buckets_each_side"],
    )
    return DeribitCase(tuple(instruments), size, years, index, parameters)


def _settings(settings: Mapping[str, Any], name: str, problems: Problems) -> dict[str, float]:
    values = {
        ours: _number(settings[theirs], f"{name}, {theirs}", problems)
        for ours, theirs in _NAMES.items()
    }
    if not 0.0 < values["price_range"] < 1.0:
        found = f"got {values['price_range']!r}"
        problems.add(f"{name}, price_range", found, "Write 16 % as 0.16.")
    buckets = settings["buckets_each_side"]
    if not (isinstance(buckets, int) and not isinstance(buckets, bool) and buckets >= 1):
        problems.add(f"{name}, buckets_each_side", f"got {buckets!r}", "Give a count, such as 4.")
    if settings.get("haircut", 0) != 0:
        found = f"got {settings['haircut']!r}, of which the effect is not established"
        problems.add(f"{name}, haircut", found, "Give a case without one.")
    moves = settings.get("extended_moves", [1.0])
    if not (isinstance(moves, list) and moves and all(map(_is_move, moves))):
        problems.add(
            f"{name}, extended_moves", f"got {moves!r}", "Give relative moves above -1, not 0."
        )
    return values


def _is_move(value: Any) -> bool:
    return is_number(value) and value > -1.0 and value != 0.0


def _number(value: Any, where: str, problems: Problems) -> float:
    if is_number(value):
        return float(value)
    problems.add(where, f"{value!r} is not a number", "Give a finite number.")
    return 1.0


def _years(expiry: Any, seconds: float, where: str, problems: Problems) -> float:
    """Years from a moment to an expiry, ACT/365; zero without one."""
    if expiry is None:
        return 0.0
    try:
        moment = datetime.fromisoformat(expiry)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        problems.add(where, f"got {expiry!r}", "Write it as 2024-06-28T08:00:00Z.")
        return 0.0
    years = (moment.timestamp() - seconds) / _YEAR_SECONDS
    if years < 0.0:
        problems.add(where, f"{expiry} is past at the time of the case", "Take the position out.")
    return years


def _extended_moves() -> list[float]:
    """Moves of the extended table, which the venue's answers do not state."""
    problems = Problems()
    read = read_rulebook_file(rulebook_library()["deribit-pm"], problems)
    problems.raise_if_any()
    assert read is not None  # or there are problems
    coins = next(iter(read.sets.values())).content["assets"]
    return next(iter(coins.values()))["extended_moves"]
