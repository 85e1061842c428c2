"""Settings of ISDA SIMM from a TOML file, by holding period."""

from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from jaxmargin.io._problems import Problems
from jaxmargin.io._rulebook_parameters import read_rulebook_file, rulebook_library, settings_of
from jaxmargin.io._toml import is_number
from jaxmargin.margin.simm import (
    SimmCorrelations,
    SimmParameters,
    SimmRatios,
    SimmThresholds,
    SimmWeights,
)

__all__ = [
    "HOLDING_PERIODS",
    "SimmCurrencies",
    "SimmSettings",
    "read_simm_settings",
    "simm_library",
]

HOLDING_PERIODS = {10: "ten_days", 1: "one_day"}
"""Names of the sets of settings, by days of the holding period."""

_RULEBOOK = "isda-simm-2.5"
_SHARED = ("source", "date", "assumed", "currencies", "correlations")
_PERIOD = (
    "source",
    "date",
    "assumed",
    "volatility_days",
    "concentration",
    "weights",
    "ratios",
    "thresholds",
)


@dataclass(frozen=True)
class SimmCurrencies:
    """What the rule says of currencies; of those not named, what it says of all others.

    Attributes:
        rates_regular: regular volatility of rates.
        rates_low: low volatility of rates; all others have high.
        rates_well_traded: those of regular volatility that are well traded.
        fx_high: high volatility of FX; all others have regular.
        fx_significant: significantly material for concentration of FX.
        fx_frequent: frequently traded.
    """

    rates_regular: frozenset[str]
    rates_low: frozenset[str]
    rates_well_traded: frozenset[str]
    fx_high: frozenset[str]
    fx_significant: frozenset[str]
    fx_frequent: frozenset[str]

    def rates_volatility(self, code: str) -> int:
        """0 regular, 1 low, 2 high: the place in the risk weights."""
        return 0 if code in self.rates_regular else 1 if code in self.rates_low else 2

    def rates_category(self, code: str) -> int:
        """0 high, 1 regular well traded, 2 other regular, 3 low: the place in the thresholds."""
        if code in self.rates_low:
            return 3
        if code not in self.rates_regular:
            return 0
        return 1 if code in self.rates_well_traded else 2

    def fx_volatility(self, code: str) -> int:
        """0 regular, 1 high."""
        return int(code in self.fx_high)

    def fx_category(self, code: str) -> int:
        """0 significantly material, 1 frequently traded, 2 other."""
        return 0 if code in self.fx_significant else 1 if code in self.fx_frequent else 2


@dataclass(frozen=True)
class SimmSettings:
    """The settings of one holding period as read and checked.

    Attributes:
        name: name of the set: ten_days or one_day.
        source: where its figures come from.
        date: day of the source.
        notice: what users must know; whoever prints must print it.
        parameters: every figure.
        currencies: what the rule says of currencies.
    """

    name: str
    source: str
    date: date
    notice: str
    parameters: SimmParameters
    currencies: SimmCurrencies


def simm_library() -> Path:
    """The file of settings that comes with the package."""
    return rulebook_library()[_RULEBOOK]


def read_simm_settings(path: Path, name: str, problems: Problems) -> SimmSettings | None:
    """Read and check one set of settings; None, with problems noted, if it cannot be used.

    Args:
        path: the file.
        name: ten_days or one_day.
        problems: where problems go.
    """
    file = read_rulebook_file(path, problems)
    if file is None:
        return None
    before = len(problems.found)
    if file.rulebook != _RULEBOOK:
        problems.add(f"{path.name}, rulebook", f"got {file.rulebook!r}", f"Give {_RULEBOOK!r}.")
        return None
    for key in ("shared", name):
        settings_of(file, key, problems)
    if len(problems.found) > before:
        return None
    shared, chosen = file.sets["shared"], file.sets[name]
    where = f"{path.name}, [{name}]"
    problems.add_unknown_keys(f"{path.name}, [shared]", shared.content, _SHARED)
    problems.add_unknown_keys(where, chosen.content, _PERIOD)
    place = f"{path.name}, [shared.currencies]"
    currencies = _currencies(shared.content.get("currencies"), place, problems)
    place = f"{path.name}, [shared.correlations]"
    correlations = _build(SimmCorrelations, shared.content.get("correlations"), place, problems)
    parameters = _parameters(chosen.content, correlations, where, problems)
    if len(problems.found) > before or parameters is None:
        return None
    return SimmSettings(name, chosen.source, chosen.date, file.notice, parameters, currencies)


def _parameters(
    chosen: dict[str, Any], correlations: Any, where: str, problems: Problems
) -> SimmParameters | None:
    before = len(problems.found)
    days: Any = chosen.get("volatility_days")
    counts = chosen.get("concentration")
    if not (is_number(days) and days > 0.0):
        problems.add(f"{where}, volatility_days", f"got {days!r}", "Give days, above 0.")
    if not isinstance(counts, bool):
        problems.add(f"{where}, concentration", f"got {counts!r}", "Give true or false.")
    weights = _build(SimmWeights, chosen.get("weights"), f"{where}, weights", problems)
    ratios = _build(SimmRatios, chosen.get("ratios"), f"{where}, ratios", problems)
    if counts is False:
        if "thresholds" in chosen:
            problems.add(
                f"{where}, thresholds", "concentration is false", "Remove the table, or say true."
            )
        never = {field.name: np.full(_shape(field), np.inf) for field in fields(SimmThresholds)}
        thresholds = SimmThresholds(**never)
    else:
        thresholds = _build(
            SimmThresholds, chosen.get("thresholds"), f"{where}, thresholds", problems
        )
    if len(problems.found) > before or correlations is None:
        return None
    return SimmParameters(jnp.asarray(float(days)), weights, ratios, thresholds, correlations)  # pyright: ignore[reportArgumentType]


def _currencies(content: Any, where: str, problems: Problems) -> SimmCurrencies:
    names = [field.name for field in fields(SimmCurrencies)]
    content = content if isinstance(content, dict) else {}
    problems.add_unknown_keys(where, content, names)
    lists = {}
    for name in names:
        value = content.get(name)
        if isinstance(value, list) and all(
            isinstance(code, str) and len(code) == 3 for code in value
        ):
            lists[name] = frozenset(value)
        else:
            problems.add(f"{where}.{name}", f"got {value!r}", 'Give codes: ["USD", "EUR"].')
            lists[name] = frozenset()
    return SimmCurrencies(**lists)


def _build(kind: type[eqx.Module], content: Any, where: str, problems: Problems) -> Any:
    """A module of arrays from a table of the same names, in the shapes that its fields say."""
    listed = fields(kind)  # pyright: ignore[reportArgumentType]
    if not isinstance(content, dict):
        named = ", ".join(field.name for field in listed)
        problems.add(where, "no such table", f"Write it, with {named}.")
        return None
    problems.add_unknown_keys(where, content, [field.name for field in listed])
    before, values = len(problems.found), {}
    for field in listed:
        found, shape = _numbers(content.get(field.name)), _shape(field)
        words = " by ".join(map(str, shape)) + " numbers" if shape else "a number"
        if found is None or found.shape != shape:
            problems.add(
                f"{where}.{field.name}", f"got {content.get(field.name)!r}", f"Give {words}."
            )
        values[field.name] = found
    return kind(**values) if len(problems.found) == before else None


def _numbers(value: Any) -> np.ndarray | None:
    """Nested lists of finite numbers as an array; None if it is something else."""
    flat = [value]
    while any(isinstance(item, list) for item in flat):
        flat = [inner for item in flat for inner in (item if isinstance(item, list) else [item])]
    if not flat or not all(is_number(item) for item in flat):
        return None
    try:
        return np.asarray(value, np.float64)
    except ValueError:
        return None


def _shape(field: Any) -> tuple[int, ...]:
    """The shape that a field's annotation says, such as (3, 12) for "3 12"."""
    return tuple(map(int, field.type.dim_str.split()))
