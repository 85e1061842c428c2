"""Watching a job intraday: margins and calls again whenever an input changes."""

from jaxmargin.jobs.watch._calls import call_table as call_table
from jaxmargin.jobs.watch._clock import Clock as Clock
from jaxmargin.jobs.watch._clock import SystemClock as SystemClock
from jaxmargin.jobs.watch._loop import WatchResult as WatchResult
from jaxmargin.jobs.watch._loop import run_watch as run_watch
