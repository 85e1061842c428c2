"""Margins of a job after its safeguards, with tables of what they did."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array

from jaxmargin.io import build_book, list_some, sha256
from jaxmargin.jobs._calculation import Calculation, build_calculation
from jaxmargin.jobs._load import Inputs
from jaxmargin.jobs._priced import Priced, price, priced_margins
from jaxmargin.jobs._safeguard_settings import JobSafeguards
from jaxmargin.jobs._safeguard_state import LastRun, last_state, price_then, state_rows
from jaxmargin.margin import Requirement, gross_notional
from jaxmargin.margin.procyclicality import CalculatedMargins
from jaxmargin.margin.safeguards import HoldReason, SafeguardInputs, apply_safeguards

__all__ = [
    "SafeguardPrices",
    "Safeguarded",
    "safeguard_margins",
    "safeguard_prices",
    "safeguard_warnings",
]

_AFTER_TOOLS = ("offset_cap", "breaker", "least_margin", "held")


@dataclass(frozen=True)
class Safeguarded:
    """Margins after safeguards.

    Attributes:
        requirement: with what each safeguard added as components.
        rows: one row per account: calculated, last (of the run before, for today's positions;
            NaN if there is none), binding (the last in order that changed the margin, or
            calculated), deferred (by how much the tools leave less than calculated), offset (left
            by the cap; NaN without) and hold (none, step or bad-data).
        state: for the next run, see `state_rows`.
        facts: for the manifest.
        unpriced: accounts that hold what the market of the last run does not price.
        warnings: what a user must know.
    """

    requirement: Requirement
    rows: pd.DataFrame
    state: pd.DataFrame
    facts: dict[str, Any]
    unpriced: list[str]
    warnings: list[str]


@dataclass(frozen=True)
class SafeguardPrices:
    """Prices that safeguards need, whatever accounts hold the contracts; each made when asked for.

    Attributes:
        now: in the job's own scenarios.
        windows: in those of another window of the history, for each tool that needs one.
        then: in the market and scenarios of the last run; it must be asked for only after one.
    """

    now: Callable[[], Priced]
    windows: Mapping[str, Callable[[], Priced]]
    then: Callable[[], Priced]


def safeguard_prices(
    inputs: Inputs, calculation: Calculation, last: LastRun | None, priced: Priced | None = None
) -> SafeguardPrices:
    """What the safeguards of a job need, made at most once.

    Args:
        inputs: the checked inputs.
        calculation: what the margins were computed from.
        last: the run before; None for the first.
        priced: the calculation's contracts, if they are priced already.
    """

    def now() -> Priced:
        return price(calculation) if priced is None else priced

    def in_window(tool: str) -> Priced:
        assert inputs.safeguards is not None
        job, history = inputs.safeguards.windows[tool], inputs.windows[tool]
        window = replace(inputs, job=job, history=history)
        return price(build_calculation(window, calculation.market))

    def then() -> Priced:
        assert last is not None
        return price_then(inputs, last)

    tools = () if inputs.safeguards is None else inputs.safeguards.windows
    windows = {tool: cache(lambda tool=tool: in_window(tool)) for tool in tools}
    return SafeguardPrices(cache(now), windows, cache(then))


def safeguard_margins(
    inputs: Inputs,
    calculation: Calculation,
    requirement: Requirement,
    safeguards: JobSafeguards,
    last: LastRun | None,
    prices: SafeguardPrices | None = None,
) -> Safeguarded:
    """Apply the safeguards of a job to its margins, in double precision; see `apply_safeguards`.

    Every contract counts with its gross notional in the one class of assets, every account as of
    the one class of clients. Offsets are those between underlyings: what is held on each, margined
    by itself, is a product.

    Args:
        inputs: the checked inputs.
        calculation: what the margins were computed from.
        requirement: the margins, of the host.
        safeguards: which ones.
        last: the run before; None for the first.
        prices: of the job, if it is margined in parts; made unless given.
    """
    prices = safeguard_prices(inputs, calculation, last) if prices is None else prices
    settings, accounts = safeguards.settings, inputs.book.accounts
    initial = np.asarray(requirement.initial, np.float64)
    apart = notional = None
    windows = {
        tool: np.asarray(
            priced_margins(prices.windows[tool](), calculation.book.positions).initial, np.float64
        )
        for tool in safeguards.windows
    }
    if settings.most_offset is not None:
        apart = _apart(inputs, prices.now())
    if settings.leverage is not None:
        notional = np.zeros((len(accounts), settings.leverage.most_leverage.shape[1]))
        gross = gross_notional(calculation.book, calculation.market)
        notional[:, safeguards.asset_class] = np.asarray(gross, np.float64)
    state, facts, unpriced = last_state(inputs, safeguards, last, prices.then)
    assert inputs.job.safeguards is not None
    approved = accounts.isin(inputs.job.safeguards["approved"])
    with jax.enable_x64(True):
        given = SafeguardInputs(
            margins=CalculatedMargins(
                current=jnp.asarray(initial),
                stressed=_array(windows.get("stressed_weight")),
                long_lookback=_array(windows.get("lookback_floor")),
            ),
            maintenance=jnp.asarray(np.asarray(requirement.maintenance, np.float64)),
            standalone=None if apart is None else jnp.asarray(apart[:, None]),
            portfolio=jnp.asarray(initial[:, None]),
            notional=_array(notional),
            client_class=jnp.full(len(accounts), safeguards.client_class, jnp.int32),
            approved=jnp.asarray(approved),
        )
        found, after = jax.device_get(jax.jit(apply_safeguards)(given, state, settings))
    order = (*found.tools.names[1:-1], *_AFTER_TOOLS)  # the device sorts names by letter
    added = {name: found.components[name] for name in order}
    changed = np.stack([np.ones(len(accounts), bool), *(part != 0.0 for part in added.values())])
    binding = len(changed) - 1 - np.argmax(changed[::-1], axis=0)
    rows = pd.DataFrame(
        {
            "account": accounts,
            "calculated": initial,
            "last": np.asarray(state.initial),
            "binding": np.asarray(["calculated", *added], object)[binding],
            "deferred": found.tools.deferred,
            "offset": np.nan if found.offset is None else found.offset,
            "hold": [HoldReason(hold).name.lower().replace("_", "-") for hold in found.hold],
        }
    )
    facts = {
        "title": safeguards.title,
        "file": safeguards.path.name,
        "sha256": sha256(safeguards.path),
        "tools": list(safeguards.tools),
        **facts,
    }
    facts["accounts_held"] = int((rows["hold"] != "none").sum())
    return Safeguarded(
        requirement=eqx.tree_at(
            lambda r: (r.initial, r.maintenance, r.components),
            requirement,
            (found.initial, found.maintenance, {**requirement.components, **added}),
        ),
        rows=rows,
        state=state_rows(after, accounts, safeguards.tools),
        facts=facts,
        unpriced=unpriced,
        warnings=safeguard_warnings(safeguards, unpriced),
    )


def _array(values: np.ndarray | None) -> Array | None:
    return None if values is None else jnp.asarray(values)


def _apart(inputs: Inputs, priced: Priced) -> np.ndarray:
    """Sum over underlyings of the margin of what each account holds on it alone."""
    positions, instruments = inputs.book.positions, inputs.book.instruments
    underlying = instruments.set_index("instrument")["underlying"]
    owner = inputs.book.accounts.get_indexer(pd.Index(positions["account"]))
    # by name, so that an account's parts add up in one order whatever others hold
    number = pd.factorize(underlying[positions["instrument"]], sort=True)[0]
    group = owner * len(instruments) + number
    groups = pd.Index(np.unique(group))
    book = replace(inputs.book, positions=positions.assign(account=group), accounts=groups)
    found = priced_margins(priced, build_book(book, inputs.market).positions)
    of_account = groups.to_numpy() // max(len(instruments), 1)
    margins = np.asarray(found.initial, np.float64)
    return np.bincount(of_account, margins, minlength=len(inputs.book.accounts))


def safeguard_warnings(safeguards: JobSafeguards, unpriced: list[str]) -> list[str]:
    """What a user must know: tables that are not applied, and accounts that could not be rebased.

    Args:
        safeguards: of the job.
        unpriced: see `Safeguarded`.
    """
    warnings = []
    if safeguards.unused:
        listed = ", ".join(safeguards.unused)
        warnings.append(f"[safeguards]: the file also has {listed}, which this job does not apply.")
    if unpriced:
        who = "1 account holds" if len(unpriced) == 1 else f"{len(unpriced):,} accounts hold"
        warnings.append(
            f"[safeguards]: {who} what the market of the last run does not price "
            f"({list_some(unpriced)}); the last margins count there as they were."
        )
    return warnings
