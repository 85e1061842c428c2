"""Which venue should hold which position, and what collateral should lie there for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from jaxmargin.errors import InvalidInputError, require
from jaxmargin.optimize._problem import AllocationProblem
from jaxmargin.optimize._rows import Rows, rows_of
from jaxmargin.optimize._tail_cuts import (
    JointAllocation,
    joint_answer,
    joint_program,
    large_amount,
    require_settings,
    solve_short,
    start_cuts,
)
from jaxmargin.optimize._tail_program import TailProgram, solve_tails
from jaxmargin.optimize._tail_rule import TailRule

__all__ = ["MovablePositions", "Placement", "optimize_placement"]


@dataclass(frozen=True, eq=False)
class MovablePositions:
    """Positions of which the sum over all venues is given, but not where they lie.

    No venue holds the opposite of a position to make room for more of it elsewhere. What is long
    here and short there is two positions.

    Attributes:
        quantity: [position] signed sum over all venues.
        held: [position, venue] where they lie today, with the sign of `quantity`; zeros for trades
            that are yet to be done.
        cost: [position, venue] of moving one unit there or away, >= 0, for one period as the cost
            of collateral is: a fee over the periods that the position will stay.
        eligible: [position, venue] whether the venue takes it.
        sign: [position] direction of each, found here.

    Raises:
        InvalidInputError: naming field, place and cure.
    """

    quantity: np.ndarray
    held: np.ndarray
    cost: np.ndarray
    eligible: np.ndarray
    sign: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Raises `InvalidInputError`; see the class."""
        quantity = np.array(self.quantity, np.float64)
        require(quantity.ndim == 1, f"quantity must have one axis; got shape {quantity.shape}.")
        held, cost = np.array(self.held, np.float64), np.array(self.cost, np.float64)
        eligible = np.array(self.eligible)
        require(
            held.ndim == 2 and held.shape[0] == quantity.size,
            f"held must have a row for each of {quantity.size} positions and a column for each "
            f"venue; got shape {held.shape}.",
        )
        for name, table in (("cost", cost), ("eligible", eligible)):
            require(
                table.shape == held.shape,
                f"{name} must have the shape of held, {held.shape}; got {table.shape}.",
            )
        require(eligible.dtype == bool, f"eligible must be true or false; got {eligible.dtype}.")
        for name, table in (("quantity", quantity), ("held", held), ("cost", cost)):
            _refuse(name, ~np.isfinite(table), table, "be finite")
        _refuse("cost", cost < 0.0, cost, "not be negative")
        sign = np.sign(np.where(quantity == 0.0, held.sum(axis=1), quantity))
        other = (
            "have the sign of quantity; write what is long here and short there as two positions"
        )
        _refuse("held", held * sign[:, None] < 0.0, held, other)
        nowhere = (quantity != 0.0) & ~eligible.any(axis=1)
        _refuse("quantity", nowhere, quantity, "be zero where no venue is eligible")
        given = {"quantity": quantity, "held": held, "cost": cost, "eligible": eligible}
        for name, array in (given | {"sign": sign}).items():
            object.__setattr__(self, name, array)


@dataclass(frozen=True, eq=False)
class Placement:
    """The cheapest home of every position, with the collateral for it.

    Attributes:
        quantity: signed, of each position at each venue.
        trading_cost: of the moves that lead there.
        cost: of moves and collateral together, for one period.
        position_price: what one unit more of each position, in its direction, adds to `cost`;
            negative where it hedges more than it costs.
        joint: collateral, risks, shortfalls and prices as of `optimize_joint`; the bound of its
            certificate is of `cost`.
    """

    quantity: Float[np.ndarray, "position venue"]
    trading_cost: float
    cost: float
    position_price: Float[np.ndarray, " position"]
    joint: JointAllocation


def optimize_placement(
    problem: AllocationProblem,
    rules: TailRule | Sequence[TailRule],
    positions: MovablePositions,
    *,
    liquidation_cost: Float[np.ndarray, " line"] | float = 0.0,
    gap: float = 1e-9,
    most_rounds: int = 1000,
) -> Placement:
    """Place positions and collateral together at the least cost; see `optimize_joint`.

    P&L is linear in quantities and the measures are convex, so the same cuts apply: which venue
    should hold a hedge is answered with a proof. Where a rule is not convex, see
    `optimize_first_order`.

    Args:
        problem: see `optimize_joint`; requirements are those that do not move with the positions.
        rules: with `units` of the positions; `losses` are of what does not move.
        positions: what may be placed.
        liquidation_cost: see `optimize_joint`.
        gap: see `optimize_joint`.
        most_rounds: see `optimize_joint`.

    Raises:
        InvalidInputError: if shapes do not fit or a cost or setting is out of range.
        RuntimeError: see `optimize_allocation`.

    References:
        Ghamami, S. and Glasserman, P. (2019), "Submodular risk allocation", Management Science
        65(10), 4656-4675.
    """
    given = (rules,) if isinstance(rules, TailRule) else tuple(rules)
    _check_shapes(problem, given, positions)
    require_settings("optimize_placement", gap, most_rounds)
    stays = np.where(positions.eligible, np.abs(positions.held), 0.0)
    signed = stays * positions.sign[:, None]
    with_stays = tuple(
        replace(rule, losses=rule.losses - signed.T[rule.venue] @ rule.units) for rule in given
    )
    rows = rows_of(problem)
    base = joint_program(problem, rows, with_stays, liquidation_cost)
    size = _sizes(given[0])
    program = _with_moves(base, rows, positions, stays, size)
    cuts = start_cuts(program)
    unit = max(
        large_amount(problem, program, cuts),
        float((size * np.abs(positions.quantity)).max(initial=0.0)),
    )
    program = replace(program, unit=unit)
    found = solve_tails(program, cuts, gap=gap, most_rounds=most_rounds)
    if found is None:
        found = solve_short(problem, program, cuts, gap=gap, most_rounds=most_rounds)
    lines, venues = problem.asset.size, problem.requirement.size
    moved = found.x[lines : lines + 2 * stays.size].reshape(2, -1, venues) / size[:, None]
    away = positions.cost * np.where(positions.eligible, 0.0, np.abs(positions.held))
    trading = float(np.sum(positions.cost * moved) + away.sum())
    certificate = found.certificate
    certificate = replace(certificate, bound=certificate.bound + float(away.sum()))
    joint = joint_answer(problem, rows, program, replace(found, certificate=certificate))
    more, less = found.row_price[rows.bound.size :].reshape(2, -1)
    return Placement(
        quantity=(stays + moved[0] - moved[1]) * positions.sign[:, None],
        trading_cost=trading,
        cost=trading + joint.allocation.cost,
        position_price=(less - more) * size,
        joint=joint,
    )


def _with_moves(
    base: TailProgram,
    rows: Rows,
    positions: MovablePositions,
    stays: Float[np.ndarray, "position venue"],
    size: Float[np.ndarray, " position"],
) -> TailProgram:
    """With a column for every move to a venue, one for every move away, and their totals.

    Columns are in money, `size` a unit, so that they are as large as those of collateral.
    """
    from scipy import sparse

    count, venues = stays.shape
    total = np.abs(positions.quantity)
    away = (stays * size[:, None]).ravel()
    # the totals bound what moves in; a bound of its own would share their price
    to = np.where(positions.eligible, (total * size)[:, None], 0.0).ravel()
    free = np.where(positions.eligible, np.inf, 0.0).ravel()
    position = np.repeat(np.arange(count), venues)
    sums = sparse.csr_array(
        (np.ones(position.size), (position, np.arange(position.size))),
        shape=(count, position.size),
    )
    total_rows = sparse.hstack([sums, -sums])
    to_place = (total - stays.sum(axis=1)) * size
    scale = (positions.sign / size)[position]
    cost = positions.cost.ravel() / size[position]
    first = base.tables[0].table.shape[0] - 1 - count
    return replace(
        base,
        cost=np.concatenate([base.cost, cost, cost]),
        matrix=sparse.csr_array(
            sparse.block_array(
                [[rows.matrix, None], [None, sparse.vstack([total_rows, -total_rows])]]
            )
        ),
        bound=np.concatenate([base.bound, to_place, -to_place]),
        upper=np.concatenate([base.upper, free, away]),
        ceiling=np.concatenate([base.ceiling, to, away]),
        venue=np.concatenate([base.venue, np.tile(np.arange(venues), 2 * count)]),
        factor=np.concatenate([base.factor, first + position, first + position]),
        scale=np.concatenate([base.scale, scale, -scale]),
    )


def _sizes(rule: TailRule) -> Float[np.ndarray, " position"]:
    """Mean absolute P&L of one unit of each position; one where it is always zero."""
    mean = np.abs(rule.units) @ (rule.weight / rule.weight.sum())
    return np.where(mean > 0.0, mean, 1.0)


def _check_shapes(
    problem: AllocationProblem, rules: tuple[TailRule, ...], positions: MovablePositions
) -> None:
    count, venues = positions.held.shape
    require(
        venues == problem.requirement.size,
        f"held must have a column for each of {problem.requirement.size} venues; got {venues}.",
    )
    for number, rule in enumerate(rules):
        require(
            rule.units.shape[0] == count,
            f"rules[{number}].units must have a row for each of {count} positions; got "
            f"{rule.units.shape[0]}.",
        )


def _refuse(name: str, bad: np.ndarray, table: np.ndarray, rule: str) -> None:
    at = np.argwhere(bad)
    if len(at):
        raise InvalidInputError(
            f"{name} must {rule}; {len(at)} of {bad.size} do not, the first at "
            f"{at[0].tolist()}: {table[tuple(at[0])]}."
        )
