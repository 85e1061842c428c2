"""Tables of accounts' states and of their liquidation prices."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Float

from jaxmargin.io import (
    Problems,
    build_balances,
    counted_units,
    list_some,
    nearest,
    round_down,
)
from jaxmargin.jobs._calculation import Calculation
from jaxmargin.jobs._load import Inputs
from jaxmargin.margin import (
    AccountStatus,
    Requirement,
    account_state,
    gross_notional,
    position_value,
)
from jaxmargin.sensitivities import CrossingStatus, liquidation_prices

__all__ = ["check_liquidation", "collateral_warnings", "liquidation_table", "state_table"]

# Rules that charge coins below their price, but only coins that positions hold.
_RATES_OF_SPOT = (
    "binance-pm",
    "bybit-uta",
    "derive-pmrm1",
    "derive-pmrm2",
    "derive-standard",
    "drift-weights",
)


def check_liquidation(inputs: Inputs, coins: Sequence[str], accounts: Sequence[str]) -> None:
    """Raise `InvalidInputError` with every reason why there can be no liquidation prices.

    Args:
        inputs: the checked inputs of the job.
        coins: whose prices are asked for.
        accounts: that they are asked for; all if none is named.
    """
    problems, file = Problems(), inputs.job.path.name
    numeraire, known = inputs.job.settings["numeraire"], list(inputs.market.assets["asset"])
    if coins and inputs.balances is None:
        problems.add(
            f"{file}, [book]",
            "--liquidation needs the equity of accounts, and key 'collateral' is missing",
            "Give a table with account, asset, quantity.",
        )
    if coins and inputs.safeguards is not None:
        problems.add(
            f"{file}, [safeguards]",
            "liquidation prices do not have safeguards",
            "Leave --liquidation out, or give a copy of the job without the section.",
        )
    if accounts and not coins:
        problems.add("--liquidation-account", "no coins", "Name them with --liquidation too.")
    for coin in coins:
        if coin == numeraire:
            problems.add(
                f"--liquidation {coin}", "the price of the numeraire does not move", "Leave it out."
            )
        elif coin not in known:
            problems.add(
                f"--liquidation {coin}",
                f"unknown asset{nearest(coin, known)}",
                f"Name assets of {inputs.market.files['assets']}, with commas between them.",
            )
    names = list(inputs.book.accounts)
    for account in accounts:
        if account not in names:
            problems.add(
                f"--liquidation-account {account}",
                f"unknown account{nearest(account, names)}",
                f"Name accounts of {inputs.job.book['positions'].name}.",
            )
    problems.raise_if_any()


def collateral_warnings(inputs: Inputs) -> list[str]:
    """Warnings of accounts without positions, and of coins that should count for less."""
    kind, balances = inputs.job.rulebook["kind"], inputs.balances
    if balances is None:
        return []
    file, warnings = inputs.job.book["collateral"].name, []
    idle = int((~inputs.book.accounts.isin(inputs.book.positions["account"])).sum())
    if idle:
        those = "1 account has" if idle == 1 else f"{idle:,} accounts have"
        warnings.append(
            f"{file}: {those} collateral and no position, and so a requirement of 0. Correct names "
            "that are misspelled ones of other accounts, which then lack this collateral."
        )
    held = balances.loc[balances["quantity"] != 0.0, "asset"]
    coins = sorted(set(held) - {inputs.job.settings["numeraire"]})
    if kind in _RATES_OF_SPOT and coins and inputs.haircuts is None:
        warnings.append(
            f"{file}: balances of {list_some(coins)} count at spot in equity, as the rates of "
            f"{kind} for coins apply to positions alone, so that equity may be too high. Enter "
            "coins as positions in contracts of the kind spot instead, and take them out of this "
            "table, or give haircuts in [book]."
        )
    return warnings


def state_table(
    inputs: Inputs,
    calculation: Calculation,
    requirement: Requirement,
    requirements: pd.DataFrame,
) -> pd.DataFrame:
    """The state of every account: one row each, in the order of `requirements`.

    Columns: account; initial and maintenance, rounded up; balance (the table of collateral at
    spot), haircut (what of it does not count, by the table of haircuts; 0 without one),
    position_value (contracts at their marks; futures and perpetuals at nothing) and equity, which
    is balance - haircut + position_value; value after haircuts and of positions is rounded down;
    available, withdrawable (a value after haircuts too), margin_ratio, equity_to_maintenance,
    leverage and status, which follow from these; see `AccountState`.

    Args:
        inputs: the checked inputs, with balances.
        calculation: what the margins were computed from.
        requirement: the exact margins.
        requirements: the same as published.
    """
    unit = inputs.job.settings["round_to"]
    spot = inputs.market.assets["spot"].to_numpy(np.float64)
    posted, counted, units = _units(inputs, calculation)
    balance, counts, value = (round_down(part @ spot, unit) for part in (posted, counted, units))
    notional = np.asarray(gross_notional(calculation.book, calculation.market), np.float64)
    with jax.enable_x64(True):  # money to the cent, whatever the precision of the margins
        margins = tuple(jnp.asarray(requirements[name]) for name in ("initial", "maintenance"))
        published = eqx.tree_at(lambda r: (r.initial, r.maintenance), requirement, margins)
        equity = jnp.asarray(_whole(counts + value, unit))
        state = jax.device_get(
            account_state(
                published,
                equity,
                gross_notional=jnp.asarray(notional),
                balance=jnp.asarray(counts),
            )
        )
    return pd.DataFrame(
        {
            "account": requirements["account"],
            "initial": state.initial,
            "maintenance": state.maintenance,
            "balance": balance,
            "haircut": _whole(balance - counts, unit),
            "position_value": value,
            "equity": state.equity,
            "available": _whole(state.available, unit),
            "withdrawable": _whole(state.withdrawable, unit),
            "margin_ratio": state.margin_ratio,
            "equity_to_maintenance": state.equity_to_maintenance,
            "leverage": state.leverage,
            "status": [_word(AccountStatus(status)) for status in state.status],
        }
    )


def liquidation_table(
    inputs: Inputs,
    calculation: Calculation,
    coins: Sequence[str],
    accounts: Sequence[str] = (),
    *,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """The nearest liquidation price of every account and coin on either side.

    Columns: account, asset, side (below or above today), price and move (both missing where there
    is none or the rule refuses the account before one is found, which the status unknown says,
    today's price and 0 where equity is below maintenance margin already), tolerance (of
    the price, as a share of it; see `Crossings`) and status. Equity is exact: balances at spot
    after haircuts, and contracts at their marks.

    Args:
        inputs: the checked inputs, with balances.
        calculation: what the margins are computed from.
        coins: whose prices move, one at a time.
        accounts: only these, each solved to rounding; if none, all by a shared grid of prices.
        progress: called with requirements done and in all for each coin.
    """
    _, counted, units = _units(inputs, calculation)
    held = counted + units
    equity = held @ inputs.market.assets["spot"].to_numpy(np.float64)
    rows = inputs.market.asset_row(pd.Series(list(coins)))
    chosen = inputs.book.accounts.get_indexer(pd.Index(list(accounts))) if accounts else None
    parts = []
    for coin, row in zip(coins, rows, strict=True):
        found = liquidation_prices(
            calculation.rulebook,
            calculation.book,
            calculation.market,
            equity,
            asset=int(row),
            collateral=held,
            accounts=chosen,
            progress=progress,
        )
        for side, crossing, price in (
            ("below", found.below, found.price_below),
            ("above", found.above, found.price_above),
        ):
            part = pd.DataFrame(
                {
                    "account": inputs.book.accounts[found.account],
                    "asset": coin,
                    "side": side,
                    "price": price,
                    "move": crossing.move,
                    "tolerance": crossing.tolerance,
                    "status": [_word(CrossingStatus(status)) for status in crossing.status],
                }
            )
            parts.append(part.assign(order=np.arange(len(part))))
    whole = pd.concat(parts).sort_values("order", kind="stable", ignore_index=True)
    return whole.drop(columns="order")


def _units(
    inputs: Inputs, calculation: Calculation
) -> tuple[Float[np.ndarray, "account asset"], ...]:
    """Units of each asset that accounts have, that count, and that their contracts are worth."""
    assert inputs.balances is not None
    posted = build_balances(inputs.balances, inputs.market, inputs.book.accounts)
    haircuts = inputs.haircuts
    counted = posted if haircuts is None else counted_units(posted, haircuts, inputs.market)
    value = np.asarray(position_value(calculation.book, calculation.market), np.float64)
    return posted, counted, value


def _whole(amount: np.ndarray, unit: float) -> np.ndarray:
    """Sums of multiples of `unit` without the rounding of the sum."""
    return np.round(np.asarray(amount) / unit) * unit


def _word(status: AccountStatus | CrossingStatus) -> str:
    """`BELOW_INITIAL` as `below-initial`."""
    return status.name.lower().replace("_", "-")
