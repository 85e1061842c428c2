"""Accounts shared out over devices and processes: the margins of one device to the last bit."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest
from kinds import RULEBOOKS, book, market, shocks

from jaxmargin.valuation import revalue

ACCOUNTS = 203  # no multiple of the devices
PROGRAM = """
import sys
sys.path[:0] = [{tests!r}, {folder!r}]
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_compilation_cache_dir", {cache!r})
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)
if {processes} > 1:
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize("127.0.0.1:{port}", {processes}, {rank})
import numpy as np
from test_devices import margins, slopes
assert jax.process_count() == {processes} and jax.device_count() == {devices} * {processes}
found = margins() | (slopes() if {processes} == 1 else {{}})
np.savez({out!r}, **found)
if {processes} > 1:
    jax.distributed.shutdown()
"""


def margins():
    """Margins by one rulebook over the devices that there are, and accounts' P&L."""
    result = RULEBOOKS[0].requirement(book(ACCOUNTS), market())
    assert result.execution.devices == jax.device_count()
    pnl = revalue(book(ACCOUNTS), market(), shocks())
    return {"initial": result.initial, "worst": result.worst_scenario, "pnl": pnl}


def slopes():
    """Derivatives of all margins together by every quantity and by spot prices."""
    held = book(ACCOUNTS)

    def total(quantities, spot):
        moved = eqx.tree_at(lambda b: [e.quantity for e in b.positions.blocks], held, quantities)
        state = eqx.tree_at(lambda m: m.spot, market(), spot)
        return RULEBOOKS[0].requirement(moved, state).initial.sum()

    quantities = [block.quantity for block in held.positions.blocks]
    by_quantity, by_spot = jax.grad(total, argnums=(0, 1))(quantities, market().spot)
    flat = np.concatenate([np.asarray(leaf).reshape(-1) for leaf in by_quantity])
    return {"by_quantity": flat, "by_spot": by_spot}


def start(folder, devices, processes=1, rank=0, port=0):
    """The file of a process with so many devices, and the process."""
    out = folder / f"{rank}.npz"
    program = PROGRAM.format(
        tests=str(Path(__file__).parents[1]), folder=str(Path(__file__).parent), out=str(out),
        cache=jax.config.jax_compilation_cache_dir,
        devices=devices, processes=processes, rank=rank, port=port,
    )  # fmt: skip
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": str(devices), "JAX_PLATFORMS": "cpu"}
    return out, subprocess.Popen([sys.executable, "-c", program], env=environment)


def finished(started):
    """What the processes found, once all have ended well."""
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


@pytest.fixture(scope="module")
def one():
    """By the one device of this process."""
    assert jax.device_count() == 1
    return margins()


def assert_same_margins(several, one):
    assert several["initial"].shape == (ACCOUNTS,) and several["initial"].max() > 0.0
    for name in ("initial", "worst", "pnl"):
        np.testing.assert_array_equal(several[name], one[name])


def test_four_devices_give_the_margins_and_slopes_of_one_bit_for_bit(one, tmp_path):
    (several,) = finished([start(tmp_path, 4)])
    assert_same_margins(several, one)
    expected = slopes()
    np.testing.assert_array_equal(several["by_quantity"], expected["by_quantity"])
    np.testing.assert_allclose(several["by_spot"], expected["by_spot"], rtol=1e-12)


def test_two_processes_of_two_devices_give_the_margins_of_one_bit_for_bit(one, tmp_path):
    port = free_port()
    both = finished([start(tmp_path, 2, 2, rank, port) for rank in range(2)])
    for several in both:
        assert_same_margins(several, one)
