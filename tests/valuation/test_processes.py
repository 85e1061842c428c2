"""Accounts shared out over processes by `jax.distributed`: the margins of one process."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_cpu_collectives_implementation", "gloo")
if {processes} > 1:
    jax.distributed.initialize("127.0.0.1:{port}", {processes}, {rank})
assert jax.process_count() == {processes} and jax.device_count() == 2 * {processes}
import numpy as np
from kinds import RULEBOOKS, book, market, shocks
from jaxmargin.valuation import revalue
result = RULEBOOKS[0].requirement(book(203), market())
assert result.execution.devices == 2 * {processes}
pnl = revalue(book(203), market(), shocks())
np.savez({out!r}, initial=result.initial, worst=result.worst_scenario, pnl=pnl)
if {processes} > 1:
    jax.distributed.shutdown()
"""


def start(folder, processes, rank, port):
    out = folder / f"{processes}-{rank}.npz"
    program = PROGRAM.format(
        tests=str(Path(__file__).parents[1]),
        processes=processes,
        rank=rank,
        port=port,
        out=str(out),
    )
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "JAX_PLATFORMS": "cpu",
    }
    return out, subprocess.Popen([sys.executable, "-c", program], env=environment)


def finished(started):
    results = []
    try:
        for out, process in started:
            assert process.wait(timeout=600) == 0
            results.append(np.load(out))
    finally:
        for _, process in started:
            if process.poll() is None:
                process.kill()
    return results


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_two_processes_give_the_margins_of_one_bit_for_bit(tmp_path):
    (one,) = finished([start(tmp_path, 1, 0, 0)])
    port = free_port()
    both = finished([start(tmp_path, 2, rank, port) for rank in range(2)])
    assert one["initial"].shape == (203,) and one["initial"].max() > 0.0
    for several in both:
        for name in ("initial", "worst", "pnl"):
            np.testing.assert_array_equal(several[name], one[name])
