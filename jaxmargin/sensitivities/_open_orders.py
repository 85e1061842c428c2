"""Margin of open orders: the worst of what may be filled."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxmargin.book import LARGEST_BLOCK, build_positions
from jaxmargin.errors import require
from jaxmargin.margin import MarginRun, RiskMeasureRulebook
from jaxmargin.numerics import bucket_size
from jaxmargin.sensitivities._order_legs import OrderLegs
from jaxmargin.sensitivities._what_if import account_of_orders, order_margins
from jaxmargin.valuation import Progress, memory_errors, stream_pnl

__all__ = ["OpenOrderMargins", "open_order_margins"]

_MOST_EXACT = 12  # orders of an account whose every set is margined: 4,096 sets
_MOST_SETS = 2**20  # of one call, to bound the memory


class OpenOrderMargins(eqx.Module):
    """Margin of accounts with open orders, in the numeraire, loss positive.

    Attributes:
        account: the accounts that have orders, ascending.
        orders: how many each has.
        exact: whether every set of fills was margined; else the worst margin is a bound.
        initial_before: initial margin if nothing fills.
        maintenance_before: maintenance margin if nothing fills.
        initial_filled: initial margin if all orders fill.
        maintenance_filled: maintenance margin if all fill.
        initial: the largest initial margin over what may fill, or a bound of it.
        maintenance: the largest maintenance margin; its fills may be others.
        filled: of each order, whether it fills where `initial` is reached; of sets with equal
            margins, in the first counted in binary. False for all orders of an account with a
            bound.
    """

    account: Int[np.ndarray, " account"]
    orders: Int[np.ndarray, " account"]
    exact: Bool[np.ndarray, " account"]
    initial_before: Float[Array, " account"]
    maintenance_before: Float[Array, " account"]
    initial_filled: Float[Array, " account"]
    maintenance_filled: Float[Array, " account"]
    initial: Float[Array, " account"]
    maintenance: Float[Array, " account"]
    filled: Bool[np.ndarray, " order"]


def open_order_margins(
    run: MarginRun,
    account: Int[np.ndarray, " leg"],
    instrument: Int[np.ndarray, " leg"],
    quantity: Float[np.ndarray, " leg"],
    order: Int[np.ndarray, " leg"] | None = None,
    *,
    progress: Progress | None = None,
) -> OpenOrderMargins:
    r"""The largest margin over the fills of each account's open orders, at the mark.

    Each order may fill or not, whole. Up to 12 orders of an account, every set of fills is
    margined as by `what_if`. With more, the margin is that of the P&L

    $$ V_s + \sum_o \min(P_{o,s}, 0) $$

    with the account's P&L $V_s$ and that of order $o$ in scenario $s$. It is never lower than the
    exact one, rounding apart: whatever fills adds at least that sum to $V_s$ in every scenario, and
    no risk measure of this package falls where a P&L falls, as each is a mean of the ranked losses
    with weights that are fixed by rank. No set of fills need reach it. For the same reason more
    orders never lower either figure.

    Args:
        run: of `start_run` or `update_run`.
        account: account of each leg; one for all legs of an order.
        instrument: contract of each leg, as a row of the book.
        quantity: contracts bought; negative is sold.
        order: order of each leg, counted from 0 without gaps; every leg is an order if absent.
        progress: called with accounts done and accounts in all.

    Raises:
        InvalidInputError: as of `what_if`; or an account has more than 12 orders and the rulebook
            is no `RiskMeasureRulebook`, for which alone the bound holds.
        MemoryError: see `AbstractRulebook.requirement`.
    """
    order = np.arange(account.size) if order is None else order
    owner = account_of_orders(run, account, instrument, quantity, order)
    accounts, row = np.unique(owner, return_inverse=True)
    orders = OrderLegs.of(instrument, quantity, order, row)
    _require_bound(run, accounts, orders.count)
    before = np.stack([run.requirement.initial, run.requirement.maintenance])[:, accounts]
    worst, full = before.copy(), before.copy()
    filled, done = np.zeros(owner.size, bool), 0
    exact = orders.count <= _MOST_EXACT
    for rows in _parts(orders.count, exact):
        if exact[rows[0]]:
            worst[:, rows], full[:, rows], mask = _worst_sets(run, orders, accounts, rows, before)
            some = np.repeat(mask, orders.count[rows]) >> orders.position(rows)
            filled[orders.of_accounts(rows)] = some & 1
        else:
            full[:, rows] = _all_filled(run, orders, accounts, rows)
            worst[:, rows] = _bound(run, orders, accounts, rows)
            worst[:, rows] = np.maximum(worst, np.maximum(before, full))[:, rows]  # rounding apart
        done += rows.size
        if progress is not None:
            progress(done, accounts.size)
    initial, maintenance = zip(
        *(map(jax.device_put, each) for each in (before, full, worst)), strict=True
    )
    return OpenOrderMargins(
        account=accounts,
        orders=orders.count,
        exact=exact,
        initial_before=initial[0],
        maintenance_before=maintenance[0],
        initial_filled=initial[1],
        maintenance_filled=maintenance[1],
        initial=initial[2],
        maintenance=maintenance[2],
        filled=filled,
    )


def _require_bound(
    run: MarginRun, accounts: Int[np.ndarray, " account"], count: Int[np.ndarray, " account"]
) -> None:
    """Raise `InvalidInputError` where neither every set can be margined nor the bound holds."""
    many = np.flatnonzero(count > _MOST_EXACT)
    if many.size and not isinstance(run.rulebook, RiskMeasureRulebook):
        first = many[0]
        require(
            False,
            f"open_order_margins: {many.size} accounts have more than {_MOST_EXACT} open orders, "
            f"the first is account {accounts[first]}, counted from 0, with {count[first]}. "
            f"{type(run.rulebook).__name__} has no bound for so many: leave orders out, or make "
            "those that fill together one order of several legs.",
        )


def _parts(
    count: Int[np.ndarray, " account"], exact: Bool[np.ndarray, " account"]
) -> list[Int[np.ndarray, " some"]]:
    """Accounts that are margined together: those with few orders first, then those with a bound."""
    few, many = np.flatnonzero(exact), np.flatnonzero(~exact)
    few = few[np.argsort(count[few], kind="stable")]
    ends = np.cumsum(2 ** count[few]) // _MOST_SETS
    parts = np.split(few, np.flatnonzero(np.diff(ends)) + 1)
    parts += np.split(many, range(LARGEST_BLOCK, many.size, LARGEST_BLOCK))
    return [part for part in parts if part.size]


def _worst_sets(
    run: MarginRun,
    orders: OrderLegs,
    accounts: Int[np.ndarray, " account"],
    rows: Int[np.ndarray, " some"],
    before: Float[np.ndarray, "2 account"],
) -> tuple[Float[np.ndarray, "2 some"], Float[np.ndarray, "2 some"], Int[np.ndarray, " some"]]:
    """Largest margins of accounts sorted by number of orders, those of the last set, and the set.

    A set is a number: bit i is whether order i of the account fills. Zero is margined already.
    """
    sets, found, first = 2 ** orders.count[rows] - 1, [], 0
    members = orders.of_accounts(rows)
    for count in np.unique(orders.count[rows]):
        own = members[np.repeat(orders.count[rows], orders.count[rows]) == count]
        own = own.reshape(-1, count)
        number, position = np.nonzero(np.arange(1, 2**count)[:, None] >> np.arange(count) & 1)
        candidate = first + np.arange(own.shape[0])[:, None] * (2**count - 1) + number
        found.append((candidate.reshape(-1), own[:, position].reshape(-1)))
        first += own.shape[0] * (2**count - 1)
    candidate, order = (np.concatenate(part) for part in zip(*found, strict=True))
    margins = _margins(run, orders, np.repeat(accounts[rows], sets), candidate, order)
    start = np.cumsum(sets) - sets
    top = np.maximum.reduceat(margins, start, axis=1)
    reached = np.flatnonzero(margins[0] == np.repeat(top[0], sets))
    mask = reached[np.searchsorted(reached, start)] - start + 1
    mask = np.where(before[0, rows] >= top[0], 0, mask)
    return np.maximum(top, before[:, rows]), margins[:, start + sets - 1], mask


def _all_filled(
    run: MarginRun,
    orders: OrderLegs,
    accounts: Int[np.ndarray, " account"],
    rows: Int[np.ndarray, " some"],
) -> Float[np.ndarray, "2 some"]:
    """Margins with all orders filled."""
    candidate = np.repeat(np.arange(rows.size), orders.count[rows])
    return _margins(run, orders, accounts[rows], candidate, orders.of_accounts(rows))


def _margins(
    run: MarginRun,
    orders: OrderLegs,
    owner: Int[np.ndarray, " candidate"],
    candidate: Int[np.ndarray, " fill"],
    order: Int[np.ndarray, " fill"],
) -> Float[np.ndarray, "2 candidate"]:
    """Initial and maintenance margin of accounts after sets of orders."""
    instrument, quantity, legs = orders.legs_of(order)
    found = order_margins(run, owner, instrument, quantity, np.repeat(candidate, legs))
    return _finite(np.stack(found), owner)


def _bound(
    run: MarginRun,
    orders: OrderLegs,
    accounts: Int[np.ndarray, " account"],
    rows: Int[np.ndarray, " some"],
) -> Float[np.ndarray, "2 some"]:
    """Margins with each account's losses of each scenario: one contract more that it holds."""
    order = orders.of_accounts(rows)
    account = np.repeat(np.arange(rows.size), orders.count[rows])
    instrument, quantity, legs = orders.legs_of(order)
    contracts = run.pnl.shape[0]
    pair = np.repeat(np.arange(order.size), legs) * contracts + instrument
    held, leg = np.unique(pair, return_inverse=True)  # an order may name a contract twice
    quantity = np.bincount(leg, quantity, minlength=held.size)
    positions = build_positions(held // contracts, held % contracts, quantity, accounts=order.size)
    losses = np.zeros((bucket_size(rows.size), run.pnl.shape[1]))
    with memory_errors():
        for some, pnl in stream_pnl(run.pnl, positions):
            np.add.at(losses, account[some], np.minimum(pnl, 0.0))
        table = jnp.concatenate([run.pnl, jnp.asarray(losses, run.pnl.dtype)])
    longer = eqx.tree_at(lambda r: r.pnl, run, table)
    each, owner = np.arange(rows.size), accounts[rows]
    found = order_margins(longer, owner, contracts + each, np.ones(rows.size), each)
    return _finite(np.stack(found), owner)


def _finite(
    margins: Float[np.ndarray, "2 candidate"], owner: Int[np.ndarray, " candidate"]
) -> Float[np.ndarray, "2 candidate"]:
    """`margins`, which must be numbers."""
    wrong = np.unique(owner[~np.isfinite(margins).all(axis=0)])
    require(
        wrong.size == 0,
        f"open_order_margins: the margin of accounts {wrong[:5].tolist()}, counted from 0, is not "
        "finite when orders fill. Check their quantities.",
    )
    return margins
