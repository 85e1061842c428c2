"""The command that watches a job intraday."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxmargin.cli._operations import LogFile, LogFormat
from jaxmargin.cli._scenarios import JobFile
from jaxmargin.cli._session import prepare_jax
from jaxmargin.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

    from jaxmargin.jobs import SystemClock

__all__ = ["watch"]

_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_LISTED = 5  # calls printed at each update


def watch(
    job: JobFile,
    out: Annotated[Path, typer.Option(help="Folder for the updates of this job; made if absent.")],
    every: Annotated[str, typer.Option(help="Between two looks at the inputs: 60s, 5m or 1h.")] = (
        "60s"
    ),
    call_at: Annotated[
        float,
        typer.Option(
            help="Requirement per collateral above which a call is opened: 1.1 for 110 %."
        ),
    ] = 1.1,
    updates: Annotated[
        int | None, typer.Option(min=1, help="End after so many updates; never unless given.")
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Latest updates that stay in the folder; all unless given."),
    ] = None,
    most_age: Annotated[
        str,
        typer.Option(help="Oldest that a mark of the market may be: 60m; any age unless given."),
    ] = "",
    uplift: Annotated[
        float,
        typer.Option(help="Share by which margins are raised while they are stale: 0.1 for 10 %."),
    ] = 0.0,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", help="Print counts alone: no account, no amount, no problem."),
    ] = False,
    log: LogFile = None,
    log_format: LogFormat = "text",
    metrics: Annotated[
        Path | None, typer.Option(help="File of figures for Prometheus, such as watch.prom.")
    ] = None,
) -> None:
    """Margin a job again whenever its inputs change, and say who must post more collateral.

    While some inputs are bad, the others are margined beside the last good ones, no margin falls,
    and status.json says that all is stale. Ctrl-C or SIGTERM end it after the update in hand.
    """
    seconds = _seconds("--every", every)
    age = _seconds("--most-age", most_age) / 60.0 if most_age else None
    prepare_jax()
    from jaxmargin.jobs import SystemClock, run_watch
    from jaxmargin.jobs.run import log_to
    from jaxmargin.report import print_plain

    clock, last = SystemClock(), {"update": None, "problems": [], "warnings": []}

    def report(status: dict[str, Any], calls: "pd.DataFrame") -> None:
        if status["update"] != last["update"]:
            print_plain(_update_lines(status, calls, quiet=quiet))
        if status["problems"] != last["problems"]:
            print_plain(_problem_lines(status, quiet=quiet), error=True)
        if status["warnings"] != last["warnings"]:
            print_plain([f"warning: {each}" for each in status["warnings"]], error=True)
        last.update({name: status[name] for name in last})

    with log_to(log, log_format), _ended_by_signals(clock):
        result = run_watch(
            job, out, every=seconds, call_at=call_at, updates=updates, keep=keep, most_age=age,
            uplift=uplift, clock=clock, report=report, metrics=metrics,
        )  # fmt: skip
    print_plain([f"Ended after {result.updates:,} updates; the last is {out / 'current'}."])


@contextmanager
def _ended_by_signals(clock: "SystemClock") -> Iterator[None]:
    """Ctrl-C and SIGTERM stop the clock; a second one ends the process as it would without us."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def end(number: int, frame: object) -> None:
        clock.stop()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _seconds(option: str, text: str) -> float:
    """A length of time in seconds: 60s, 5m, 1h; a number alone is seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|m|min|h)?", text.strip())
    value = float(found[1]) * _SECONDS[found[2] or ""] if found else 0.0
    if value <= 0.0:
        raise InvalidInputError(f"{option}: {text!r} is no length of time. Write 60s, 5m or 1h.")
    return value


def _update_lines(status: dict[str, Any], calls: "pd.DataFrame", *, quiet: bool) -> list[str]:
    counts = status["calls"]
    first = (
        f"{status['as_of']}  update {status['update']} ({status['mode']}): "
        f"{status['charged']:,} accounts margined; calls {counts['opened']:,} opened, "
        f"{counts['continued']:,} continued, {counts['closed']:,} closed"
    )
    if quiet:
        return [f"{first}."]
    opened = calls[calls["status"] == "opened"].sort_values("call", ascending=False)
    lines = [
        f"  {row['account']}: call {row['call']:,.2f}; {row['reason']}"
        for _, row in opened.head(_LISTED).iterrows()
    ]
    if len(opened) > _LISTED:
        lines.append(f"  and {len(opened) - _LISTED:,} more in calls.parquet")
    return [f"{first}; {counts['amount']:,.2f} called.", *lines]


def _problem_lines(status: dict[str, Any], *, quiet: bool) -> list[str]:
    if not status["problems"]:
        return [f"{status['checked']}  inputs are good again."]
    stale = f"{status['checked']}  update {status['update']} is stale since {status['since']}"
    if quiet:
        count = len(status["problems"])
        return [f"{stale}; {count:,} problem{'s' * (count != 1)} in status.json."]
    return [f"{stale}:", *(f"  {problem}" for problem in status["problems"])]
