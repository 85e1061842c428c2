"""Compiling ahead: the programs that a job needs now, and those it may need as its book grows."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jaxmargin.errors import require
from jaxmargin.jobs._ladder import account_buckets, ladder_blocks, ladder_rows, shape_of
from jaxmargin.jobs._load import load_inputs

if TYPE_CHECKING:
    from jaxmargin.book import Positions
    from jaxmargin.jobs._calculation import Calculation

__all__ = ["WarmResult", "run_warm"]

_GROWTH = 2  # times the present accounts, unless told


@dataclass(frozen=True)
class WarmResult:
    """What compiling ahead did.

    Attributes:
        accounts: largest number of accounts that was prepared for.
        compiled: programs compiled now.
        cached: programs that were in the cache already.
        seconds: wall-clock seconds of everything but reading.
        cold: seconds that the job itself took at first.
        warm: seconds that the job itself takes now, in this process.
    """

    accounts: int
    compiled: int
    cached: int
    seconds: float
    cold: float
    warm: float


def run_warm(
    path: Path, *, accounts: int | None = None, report: Callable[[str], None]
) -> WarmResult:
    """Compile what `run_margin` of the job at `path` needs, now and when its book has grown.

    The job is margined, then made-up positions on its contracts are, in every shape of block
    that up to `accounts` accounts are likely to need; see `ladder_rows`. What is compiled stays
    where JAX's persistent cache is; nothing else is written.

    Args:
        path: job file; market, contracts and scenarios are those of its runs.
        accounts: largest number of accounts to prepare for; None for twice the present ones.
        report: called with a line of text now and then, to show how far it is.

    Raises:
        InvalidInputError: with every problem of the inputs, or if `accounts` are too few.
        MemoryError: memory ran out, and did so with ever smaller chunks too.
    """
    inputs = load_inputs(path, safeguards=True)
    present = len(inputs.book.accounts)
    most = max(1, _GROWTH * present) if accounts is None else accounts
    require(
        most >= present,
        f"accounts (--accounts) {most}: the job has {present:,} accounts now. "
        "Give at least as many.",
    )
    from jaxmargin.jobs._calculation import build_calculation
    from jaxmargin.jobs._clock import measured

    with measured() as whole:
        with measured() as first:
            calculation = build_calculation(inputs)
            _margin(calculation, calculation.book.positions)
        report(f"The job itself took {first.cold:.1f} s, {first.compile:.1f} s of it to compile.")
        held = inputs.book.positions.groupby("account", observed=True).size()
        rows = ladder_rows(held.to_numpy(), len(inputs.book.instruments), most / max(present, 1))
        report(
            f"Preparing {sum(map(len, rows.values()))} sizes of blocks for up to {most:,} "
            "accounts; each takes about 1 to 3 s, if it is not in the cache."
        )
        _climb(calculation, rows, len(inputs.book.instruments), report)
        for size in account_buckets(present, most)[1:]:
            _margin(calculation, _with_accounts(calculation.book.positions, size))
        with measured() as again:
            again_calculation = build_calculation(inputs)
            _margin(again_calculation, again_calculation.book.positions)
    return WarmResult(
        accounts=most,
        compiled=whole.compiled,
        cached=whole.cached,
        seconds=whole.cold,
        cold=first.cold,
        warm=again.cold,
    )


def _margin(calculation: "Calculation", positions: "Positions") -> None:
    """Margin `positions` on the contracts of a job; the result is not kept."""
    import jax

    from jaxmargin.book import Book

    book = Book(calculation.book.instruments, positions)
    jax.block_until_ready(calculation.rulebook.requirement(book, calculation.market))


def _climb(
    calculation: "Calculation",
    rows: dict[int, list[int]],
    contracts: int,
    report: Callable[[str], None],
) -> None:
    """Margin one block of each shape of the ladder, a width at a time."""
    from jaxmargin.book import Positions, largest_block, slices

    book = calculation.book
    known = {shape_of(block) for block in slices(book.positions, largest_block())}
    start, done, left = time.perf_counter(), 0, sum(map(len, rows.values()))
    for width, sizes in rows.items():
        blocks = []
        for block in ladder_blocks(book, contracts, width, sizes):
            if shape_of(block) not in known:
                known.add(shape_of(block))
                blocks.append(block)
        if blocks:
            _margin(calculation, _with_accounts(Positions(tuple(blocks), book.positions.row), 1))
        done, left = done + len(sizes), left - len(sizes)
        estimate = left * (time.perf_counter() - start) / done
        report(
            f"Accounts of up to {width} positions: {len(blocks)} more sizes; "
            f"about {estimate:.0f} s left."
        )


def _with_accounts(positions: "Positions", accounts: int) -> "Positions":
    """The same blocks, and so many accounts, all in the first row."""
    import jax
    import numpy as np

    from jaxmargin.book import Positions

    return Positions(positions.blocks, jax.device_put(np.zeros(accounts, np.int32)))
