"""Intraday margin calls: who must post more, since when, and who no longer must."""

import math

import numpy as np
import pandas as pd

__all__ = ["call_table", "no_calls", "open_calls"]

_COLUMNS = {
    "account": object,
    "requirement": np.float64,
    "collateral": np.float64,
    "ratio": np.float64,
    "call": np.float64,
    "status": object,
    "since": np.int64,
    "reason": object,
}


def no_calls() -> pd.DataFrame:
    """A table of calls without rows."""
    return pd.DataFrame({name: np.zeros(0, kind) for name, kind in _COLUMNS.items()})


def open_calls(calls: pd.DataFrame) -> pd.DataFrame:
    """Calls that are not closed."""
    return calls[calls["status"] != "closed"]


def call_table(
    states: pd.DataFrame, before: pd.DataFrame, *, call_at: float, number: int
) -> pd.DataFrame:
    r"""Margin calls by accounts' states, one row for each account that has one or had one before.

    A call is opened where the requirement $R$ is above `call_at` times the collateral $C$, as
    article 26 of Regulation (EU) 153/2013 has it with 1.1; it asks for all that is missing,
    $R - C$, or for $R$ where $C$ is not known. It goes on until $R \le C$, and is then closed.
    Where the job has no haircuts, collateral counts in full, and the call may be too small.

    Columns: account; requirement (initial margin, rounded up); collateral (balances at spot after
    haircuts and contracts at their marks, which is `equity` in the states, rounded down; missing
    where the account has no positions any more); ratio $R / C$, infinite where $C$ is not positive;
    call, in the numeraire, 0 where closed; status (opened, continued or closed); since (number of
    the update that opened it); reason.

    Args:
        states: see `state_table`.
        before: calls of the update before.
        call_at: $R / C$ above which a call is opened; 1.1 for 110 %.
        number: of this update.

    References:
        Commission Delegated Regulation (EU) No 153/2013, article 26: initial margin on an intraday
        basis where the requirement exceeds 110 % of the updated collateral.
    """
    required = states["initial"].to_numpy(np.float64)
    held = states["equity"].to_numpy(np.float64)
    missing = np.maximum(-states["available"].to_numpy(np.float64), 0.0)
    missing = np.where(np.isnan(held), required, missing)
    limit = call_at * held
    limit = limit + 4.0 * np.spacing(np.abs(limit))  # the product is rounded
    above = ~(required <= limit)  # also where one of them is not known
    had = open_calls(before).set_index("account")["since"]
    since = had.reindex(states["account"]).to_numpy(np.float64)
    was = np.isfinite(since)
    goes_on = was & ~(missing <= 0.0)
    called = goes_on | above
    solvent = held > 0.0
    ratio = required / np.where(solvent, held, 1.0)
    nothing = (required == 0.0) & (held == 0.0)
    ratio = np.where(solvent, ratio, np.where(nothing, 0.0, np.inf))
    ratio = np.where(np.isnan(held), np.nan, ratio)
    table = pd.DataFrame(
        {
            "account": states["account"].to_numpy(object),
            "requirement": required,
            "collateral": held,
            "ratio": ratio,
            "call": np.where(called, missing, 0.0),
            "status": np.where(called, np.where(goes_on, "continued", "opened"), "closed"),
            "since": np.where(was, since, number).astype(np.int64),
        }
    )[called | was]
    facts = (part[called | was].tolist() for part in (ratio, above, called, solvent))
    table["reason"] = [
        _reason(share, over, owed, has, call_at)
        for share, over, owed, has in zip(*facts, strict=True)
    ]
    gone = had[~had.index.isin(states["account"])]
    left = pd.DataFrame(
        {
            "account": gone.index.to_numpy(object),
            "requirement": 0.0,
            "collateral": np.nan,
            "ratio": 0.0,
            "call": 0.0,
            "status": "closed",
            "since": gone.to_numpy(np.int64),
            "reason": "no positions any more",
        }
    )
    parts = [part for part in (table, left) if len(part)]
    if not parts:
        return no_calls()
    whole = pd.concat(parts, ignore_index=True)
    return whole.astype(_COLUMNS).sort_values("account", kind="stable", ignore_index=True)


def _reason(ratio: float, above: bool, called: bool, solvent: bool, call_at: float) -> str:
    if not called:
        return "covered in full"
    if math.isnan(ratio):
        return "the requirement or the collateral is not known"
    if not solvent:
        return "no collateral"
    share = f"the requirement is {100.0 * ratio:.2f} % of collateral"
    if above:
        return f"{share}, above {100.0 * call_at:g} %"
    return f"{share}, which an earlier call asked to cover in full"
