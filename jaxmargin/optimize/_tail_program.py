"""A linear program with conditions on tails, solved by cuts.

A tail measure is the largest of many weighted means of losses, one for each way to weigh the
scenarios that the measure allows. At any point its own weights are the largest; the mean with these
weights is a linear row that holds wherever the measure does. So a small program is solved, the
measure's weights at its optimum become a row more, and so on: each optimum is a lower bound, and
the first that meets all conditions is the answer. Scenarios enter in one product of matrices and
one selection of tails a round, on the device.

Every right side is raised by a little room, sized by the prices so that it costs less than the gap
allowed. So the loop ends at a vertex that covers by the measure's own evaluation, not one that
lacks a rounding; the lower bound is proved without the room.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxmargin.numerics import exact_einsum
from jaxmargin.optimize._certificate import Certificate, certify
from jaxmargin.optimize._simplex import solve_vertex
from jaxmargin.optimize._tail_rule import TailRule
from jaxmargin.risk import AbstractRiskMeasure

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "Cuts",
    "TailProgram",
    "TailSolution",
    "TailTable",
    "evaluate_tails",
    "solve_tails",
    "tail_tables",
]

_ROUNDING = 1e-12  # of the unit: what a sum of doubles in another order may differ by, and more
_LEAST_ROOM, _MOST_ROOM = 1e-11, 1e-3  # of the unit; HiGHS keeps rows to 1e-12 of it


@dataclass(frozen=True, eq=False)
class TailTable:
    """A `TailRule` on the device; the last row of `table` is cash, one in every scenario."""

    measure: AbstractRiskMeasure
    losses: Float[Array, "row scenario"]
    table: Float[Array, "factor scenario"]
    weight: Float[Array, " scenario"]
    venue: Int[np.ndarray, " row"]


@dataclass(frozen=True, eq=False)
class TailProgram:
    """Minimize `cost @ x` with `matrix @ x <= bound`, `0 <= x <= upper`, and all tails within.

    One unit of column j brings `scale[j]` times row `factor[j]` of the tables to `venue[j]`.

    Attributes:
        cost: of each column, >= 0.
        matrix: CSR, [row, column].
        bound: right sides.
        upper: most of each column; infinite where only rows bound it.
        ceiling: finite bound that every admissible x keeps.
        venue: of each column.
        factor: row of the tables.
        scale: sign and size.
        tables: conditions; their rows, one after another, are called constraints.
        tolerance: of each constraint.
        unit: amount of money that counts as large.
    """

    cost: Float[np.ndarray, " column"]
    matrix: "csr_array"
    bound: Float[np.ndarray, " row"]
    upper: Float[np.ndarray, " column"]
    ceiling: Float[np.ndarray, " column"]
    venue: Int[np.ndarray, " column"]
    factor: Int[np.ndarray, " column"]
    scale: Float[np.ndarray, " column"]
    tables: tuple[TailTable, ...]
    tolerance: Float[np.ndarray, " constraint"]
    unit: float


@dataclass(frozen=True, eq=False)
class Cuts:
    """Rows `coefficient @ x >= least - tolerance[constraint]`."""

    coefficient: "csr_array"
    least: Float[np.ndarray, " cut"]
    constraint: Int[np.ndarray, " cut"]


@dataclass(frozen=True, eq=False)
class TailSolution:
    """The cheapest point found, and the proof.

    Attributes:
        x: the point.
        risk: measure of each constraint at `x`, by its own evaluation.
        row_price: of the rows of the program, >= 0.
        tail_price: of each constraint, the sum of the prices of its cuts.
        reduced_cost: of each column.
        certificate: of `x` against the bound of the last program.
        cuts: all of them.
        rounds: programs solved.
        covered: whether every constraint holds at `x`.
    """

    x: Float[np.ndarray, " column"]
    risk: Float[np.ndarray, " constraint"]
    row_price: Float[np.ndarray, " row"]
    tail_price: Float[np.ndarray, " constraint"]
    reduced_cost: Float[np.ndarray, " column"]
    certificate: Certificate
    cuts: Cuts
    rounds: int
    covered: bool


def tail_tables(rules: Sequence[TailRule]) -> tuple[TailTable, ...]:
    """Rules on the device in double precision: assets, then positions, then cash."""
    with jax.enable_x64(True):
        return tuple(
            TailTable(
                rule.measure,
                jnp.asarray(rule.losses),
                jnp.asarray(np.concatenate([rule.growth, rule.units, np.ones((1, n))])),
                jnp.asarray(rule.weight),
                rule.venue,
            )
            for rule in rules
            for n in (rule.losses.shape[1],)
        )


@eqx.filter_jit
def _tails(
    measure: AbstractRiskMeasure,
    losses: Float[Array, "row scenario"],
    table: Float[Array, "factor scenario"],
    weight: Float[Array, " scenario"],
    exposure: Float[Array, "row factor"],
) -> tuple[Float[Array, " row"], Float[Array, "row factor"], Float[Array, " row"]]:
    """Measure of each row, and the means of the table and of the losses in its tail."""
    pnl = exposure @ table - losses
    tail = measure.weights(pnl, weight)
    means = exact_einsum("rs,fs->fr", tail, table).T  # in this order half the time on a CPU
    return -jnp.sum(tail * pnl, axis=-1), means, jnp.sum(tail * losses, axis=-1)


def evaluate_tails(
    program: TailProgram, x: Float[np.ndarray, " column"]
) -> tuple[Float[np.ndarray, " constraint"], Cuts]:
    """Measure of every constraint at `x`, and the cut that touches it there."""
    from scipy import sparse

    columns = x.size
    risk, least, coefficient = [], [], []
    for table in program.tables:
        factors = table.table.shape[0]
        held = np.bincount(
            program.venue * factors + program.factor,
            program.scale * x,
            (max(program.venue.max(initial=-1), table.venue.max()) + 1) * factors,
        ).reshape(-1, factors)
        with jax.enable_x64(True):
            found = _tails(
                table.measure,
                table.losses,
                table.table,
                table.weight,
                jnp.asarray(held[table.venue]),
            )
        value, mean, constant = (np.asarray(each) for each in found)
        own = table.venue[:, None] == program.venue[None, :]
        row, column = np.nonzero(own)
        entry = program.scale[column] * mean[row, program.factor[column]]
        coefficient.append(
            sparse.csr_array((entry, (row, column)), shape=(table.venue.size, columns))
        )
        risk.append(value)
        least.append(constant)
    count = program.tolerance.size
    return np.concatenate(risk), Cuts(
        sparse.csr_array(sparse.vstack(coefficient)), np.concatenate(least), np.arange(count)
    )


def solve_tails(
    program: TailProgram,
    cuts: Cuts,
    *,
    gap: float,
    most_rounds: int,
) -> TailSolution | None:
    """The optimum of `program` to a relative `gap`, or None if it is empty.

    Args:
        program: the program.
        cuts: to start from, such as those at a point near the optimum.
        gap: proved relative distance from the optimum at which to stop.
        most_rounds: programs solved at most.
    """
    rounding, room = _ROUNDING * program.unit, _LEAST_ROOM * program.unit
    rounds = 0
    while True:
        rounds += 1
        vertex = _master(program, cuts, room)
        if vertex is None and room > _LEAST_ROOM * program.unit:
            room = _LEAST_ROOM * program.unit
            vertex = _master(program, cuts, room)
        if vertex is None:
            return None
        x, price = vertex
        risk, new = evaluate_tails(program, x)
        violated = risk - program.tolerance > -rounding
        covered = not violated.any()
        if covered or rounds >= most_rounds:
            break
        cuts = _joined(cuts, _picked(new, violated))
        total = float(price[program.bound.size :].sum())
        wanted = 0.5 * gap * float(program.cost @ x) / total if total > 0.0 else 0.0
        room = float(np.clip(wanted, _LEAST_ROOM * program.unit, _MOST_ROOM * program.unit))
    matrix, bound = _with_cuts(program, cuts, 0.0)
    reduced, certificate = certify(
        program.cost, matrix, bound, np.zeros(x.size), program.ceiling, x, price
    )
    rows = program.bound.size
    return TailSolution(
        x=x,
        risk=risk,
        row_price=price[:rows],
        tail_price=np.bincount(cuts.constraint, price[rows:], program.tolerance.size),
        reduced_cost=reduced,
        certificate=certificate,
        cuts=cuts,
        rounds=rounds,
        covered=covered,
    )


def _master(
    program: TailProgram, cuts: Cuts, room: float
) -> tuple[Float[np.ndarray, " column"], Float[np.ndarray, " row"]] | None:
    matrix, bound = _with_cuts(program, cuts, room)
    vertex = solve_vertex(program.cost, matrix, bound, program.upper, unit=program.unit)
    return None if vertex is None else (vertex.x, np.maximum(vertex.price, 0.0))


def _with_cuts(
    program: TailProgram, cuts: Cuts, room: float
) -> tuple["csr_array", Float[np.ndarray, " row"]]:
    from scipy import sparse

    matrix = sparse.csr_array(sparse.vstack([program.matrix, -cuts.coefficient]))
    least = cuts.least - program.tolerance[cuts.constraint] + room
    return matrix, np.concatenate([program.bound, -least])


def _picked(cuts: Cuts, which: np.ndarray) -> Cuts:
    at = np.flatnonzero(which)
    return Cuts(cuts.coefficient[at], cuts.least[at], cuts.constraint[at])


def _joined(first: Cuts, second: Cuts) -> Cuts:
    from scipy import sparse

    return replace(
        first,
        coefficient=sparse.csr_array(sparse.vstack([first.coefficient, second.coefficient])),
        least=np.concatenate([first.least, second.least]),
        constraint=np.concatenate([first.constraint, second.constraint]),
    )
