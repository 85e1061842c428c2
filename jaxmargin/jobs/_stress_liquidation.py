"""Liquidation of a job's accounts in each stress, with and without a breaker."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax.typing import ArrayLike
from jaxtyping import Float

from jaxmargin.jobs._stress_inputs import StressInputs
from jaxmargin.scenarios import DAYS_PER_YEAR
from jaxmargin.systemic import (
    DeleveragingPolicy,
    LiquidationAccounts,
    LiquidationPolicy,
    LiquidationSettings,
    LiquidationStep,
    price_breaker,
    run_liquidation,
    split_moves,
    start_liquidation,
)

__all__ = ["APPROXIMATIONS", "simulate_liquidations"]

APPROXIMATIONS = (
    "Positions are today's deltas in coins; gamma, vega, basis and funding do not count.",
    "Prices go from today's to the stress's in equal log steps; a step counts as one order.",
    "Maintenance margin stays today's share of each account's notional of deltas.",
    "Profits count from today's prices, since entry prices are not known.",
    "Stablecoins and other collateral keep today's value; coins held count as positions.",
)


def simulate_liquidations(
    stress: StressInputs,
    price: Float[np.ndarray, " coin"],
    moves: Float[np.ndarray, "coin stress"],
    position: Float[np.ndarray, "account coin"],
    equity: Float[np.ndarray, " account"],
    maintenance: Float[np.ndarray, " account"],
) -> pd.DataFrame:
    """One row per breaker (off, on), stress and step: what `LiquidationStep` says, summed up.

    Columns: stress, breaker, step, below, paused (coins), liquidated, deleveraged, taken, paid,
    fund, socialized, shortfall, and the price of each coin as `price BTC`.

    Args:
        stress: the checked inputs, with all that a simulation needs.
        price: of each coin today.
        moves: relative, of each coin in each stress.
        position: deltas of each account.
        equity: of each account.
        maintenance: margin of each account.
    """
    settings, tables = stress.settings, []
    notional = np.abs(position) @ price
    share = np.divide(maintenance, notional, out=np.zeros_like(notional), where=notional > 0.0)
    names = list(stress.inputs.market.assets["asset"].iloc[stress.coins])
    with jax.enable_x64(True):  # money to the cent, whatever the precision of the margins
        path = split_moves(jnp.asarray(price), jnp.asarray(moves), steps=settings["steps"])
        accounts = LiquidationAccounts(
            entry=jnp.asarray(np.broadcast_to(price, position.shape)),
            maintenance=jnp.asarray(np.broadcast_to(share[:, None], position.shape)),
        )
        depth = jnp.asarray(np.array([step.depth for step in stress.steps]))
        fund = jnp.asarray(np.float64(settings["insurance_fund"]))
        for on in (False, True) if settings["band"] is not None else (False,):
            rules = _rules(stress, breaker_on=on)
            start = start_liquidation(
                jnp.asarray(equity), jnp.asarray(position), path[0, :, 0], fund, rules
            )
            _, steps = run_liquidation(start, path, accounts, rules, depth)
            tables.append(_table(jax.device_get(steps), stress.labels, names, on))
    return pd.concat(tables, ignore_index=True)


def _rules(stress: StressInputs, *, breaker_on: bool) -> LiquidationSettings:
    settings, volumes = stress.settings, stress.volumes
    assert volumes is not None  # there is all that a simulation needs
    numbers = {
        name: jnp.asarray(np.float64(settings[name] or 0.0))
        for name in ("buffer", "discount", "fee", "impact", "retained")
    }
    band = settings["band"] if settings["band"] is not None else 1.0  # not switched on
    return LiquidationSettings(
        policy=jnp.asarray(np.int32(LiquidationPolicy[settings["policy"].upper()])),
        volatility=jnp.asarray(volumes["volatility"].to_numpy() / np.sqrt(DAYS_PER_YEAR)),
        daily_volume=jnp.asarray(volumes["daily_volume"].to_numpy()),
        deleveraging=jnp.asarray(np.int32(DeleveragingPolicy[settings["deleveraging"].upper()])),
        socialize=jnp.asarray(np.bool_(settings["socialize"])),
        breaker_on=jnp.asarray(np.bool_(breaker_on)),
        breaker=price_breaker(band, window=settings["window"], pause=settings["pause"]),
        **numbers,
    )


def _table(steps: LiquidationStep, labels: list[str], coins: list[str], on: bool) -> pd.DataFrame:
    """Steps of each stress, laid end to end."""
    count = steps.fund.shape[0]

    def column(values: ArrayLike) -> np.ndarray:
        return np.asarray(values).T.reshape(-1)  # by stress, then by step

    sums = {
        name: column(np.asarray(getattr(steps, name)).sum(axis=1))
        for name in ("paused", "liquidated", "deleveraged")
    }
    amounts = ("below", "taken", "paid", "fund", "socialized", "shortfall")
    return pd.DataFrame(
        {
            "stress": np.repeat(np.asarray(labels, object), count),
            "breaker": "on" if on else "off",
            "step": np.tile(np.arange(count), len(labels)),
            **sums,
            **{name: column(getattr(steps, name)) for name in amounts},
            **{f"price {coin}": column(steps.price[:, row]) for row, coin in enumerate(coins)},
        }
    )
