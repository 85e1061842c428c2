"""Whole lots from fractions of lots, with every requirement still covered."""

import numpy as np
from jaxtyping import Float

from jaxmargin.optimize._linear import Allocation
from jaxmargin.optimize._postings import Postings, measure_postings
from jaxmargin.optimize._problem import AllocationProblem
from jaxmargin.optimize._rows import Rows

__all__ = ["round_allocation", "round_postings"]

_ABOVE = 1e-12  # of a requirement: covered by as much more, so that rounding of sums takes nothing
_ROUNDING = 1e-10  # of the amounts in a row, or of the room in it: nothing but rounding


def round_allocation(problem: AllocationProblem, allocation: Allocation) -> Postings:
    """The allocation in whole lots, each tier for itself; see `AllocationProblem.lot_value`.

    Every line is rounded down; then the cheapest lot for the collateral value that is still lacking
    is added within inventory and limits, until each venue has what `allocation` covered, and lots
    that turned out not to be needed are taken back, the dearest first. Whatever cannot be covered
    so is `shortfall`. Rules on movements are left to `optimize_lots`; `broken` tells.
    """
    return round_postings(problem, allocation.rows, allocation.posted, allocation.shortfall)


def round_postings(
    problem: AllocationProblem,
    rows: Rows,
    amount: Float[np.ndarray, " line"],
    shortfall: Float[np.ndarray, " venue"],
    *,
    take_back: bool = True,
) -> Postings:
    """`amount` in whole lots as `round_allocation` has it; venues may stay as short as given.

    `take_back` may go against rules on movements, which a search has kept.
    """
    lot = problem.lot_value[problem.asset]
    whole = lot > 0.0
    posted = np.array(amount)
    posted[whole] = lot[whole] * np.floor(posted[whole] / lot[whole] + 1e-9)
    state = _State(problem, rows, posted, shortfall)
    state.drop_excess_shares()
    for venue in np.argsort(-state.lack, kind="stable"):
        while state.lack[venue] > 0.0 and state.add_cheapest(int(venue)):
            pass
    for venue in range(problem.requirement.size if take_back else 0):
        state.take_back(venue)
    posted = np.maximum(state.posted, 0.0)  # sums of steps are rounded
    posted[whole] = lot[whole] * np.round(posted[whole] / lot[whole])
    return measure_postings(problem, posted, rows=rows)


class _State:
    """Amounts and the room they leave, while lots are added and taken back."""

    def __init__(
        self,
        problem: AllocationProblem,
        rows: Rows,
        posted: Float[np.ndarray, " line"],
        shortfall: Float[np.ndarray, " venue"],
    ) -> None:
        self.problem, self.posted = problem, posted
        self.lot = problem.lot_value[problem.asset]
        venues = problem.requirement.size
        self.columns = rows.matrix[venues:].tocsc()
        self.upper = rows.upper
        size = np.maximum(np.abs(rows.bound[venues:]), abs(self.columns) @ posted)
        self.tolerance = _ROUNDING * size
        self.room = rows.bound[venues:] - self.columns @ posted
        self.target = np.maximum(problem.requirement - shortfall, 0.0) * (1.0 + _ABOVE)
        self.noise = 2.0 * _ABOVE * problem.requirement  # no lot is worth posting for so little
        self.lack = self.target - np.bincount(problem.venue, problem.worth * posted, venues)
        order = np.argsort(problem.venue, kind="stable")
        count = np.bincount(problem.venue, minlength=venues)
        self.lines = np.split(order, np.cumsum(count)[:-1])

    def most(self, line: np.ndarray) -> np.ndarray:
        """Largest amount that each line could take more, by every row and its own bound."""
        found = np.maximum(self.upper[line] - self.posted[line], 0.0)
        part = self.columns[:, line]
        column = np.repeat(np.arange(line.size), np.diff(part.indptr))
        takes = part.data > 0.0
        most = np.maximum(self.room[part.indices[takes]], 0.0) / part.data[takes]
        np.minimum.at(found, column[takes], most)
        return found

    def move(self, line: int, amount: float) -> None:
        """Post `amount` more on `line`."""
        start, end = self.columns.indptr[line : line + 2]
        self.posted[line] += amount
        self.room[self.columns.indices[start:end]] -= amount * self.columns.data[start:end]
        self.lack[self.problem.venue[line]] -= amount * self.problem.worth[line]

    def add_cheapest(self, venue: int) -> bool:
        """One lot more where it is cheapest for what the venue lacks; False if there is none.

        Lots that cover all that is lacking compete by what they cost; while none does, by cost for
        collateral value.
        """
        line = self.lines[venue]
        most, lot, worth = self.most(line), self.lot[line], self.problem.worth[line]
        lack = self.lack[venue]
        step = np.where(lot > 0.0, lot, np.minimum(most, lack / worth))
        fits = (step <= most * (1.0 + _ROUNDING)) & (worth * step > _ABOVE * lack)
        fits &= (lot == 0.0) | (lack > self.noise[venue])
        if not fits.any():
            return False
        useful = np.minimum(worth * step, lack)
        price = np.where(fits, self.problem.cost[line] * step / np.where(fits, useful, 1.0), np.inf)
        best = int(np.argmin(price))
        self.move(int(line[best]), float(step[best]))
        return True

    def take_back(self, venue: int) -> None:
        """Lots without which the venue is still covered, the dearest first."""
        line = self.lines[venue]
        for one in line[np.argsort(-self.problem.cost[line] * self.lot[line], kind="stable")]:
            lot, worth = self.lot[one], self.problem.worth[one]
            while lot > 0.0 and self.posted[one] > 0.5 * lot:
                if self.lack[venue] + worth * lot > self.noise[venue]:
                    break
                start, end = self.columns.indptr[one : one + 2]
                row, value = self.columns.indices[start:end], self.columns.data[start:end]
                if np.any(self.room[row] + lot * value < -self.tolerance[row]):
                    break
                self.move(int(one), -float(lot))

    def drop_excess_shares(self) -> None:
        """Take back from groups above their share of what is posted, where rounding put them."""
        row, data = self.columns.indices, self.columns.data
        line = np.repeat(np.arange(self.posted.size), np.diff(self.columns.indptr))
        while True:
            over = self.room < -self.tolerance
            guilty = over[row] & (data > 0.0) & (self.posted[line] > 0.0)
            if not guilty.any():
                return
            price = self.problem.cost[line] / self.problem.worth[line]
            entry = int(np.argmax(np.where(guilty, price, -np.inf)))
            one, lot = int(line[entry]), float(self.lot[line[entry]])
            step = -float(self.room[row[entry]] / data[entry]) * (1.0 + _ROUNDING)
            if lot > 0.0:
                step = lot * np.ceil(step / lot)
            left = float(self.posted[one]) - step
            if left <= _ROUNDING * self.problem.available[self.problem.asset[one]]:
                step = float(self.posted[one])  # each step lowers the total, and so what may stay
            self.move(one, -step)
