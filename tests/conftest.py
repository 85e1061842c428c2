"""Strict numeric settings for every test, chosen before anything is computed."""

import gc
import importlib
import os
import pkgutil
import sys
from pathlib import Path

import jax
import pytest

if not os.environ.get("JAXMARGIN_TEST_OPTIMIZED"):
    # Most of the time of the tests is compiling: so it takes half of it, and running little more.
    # With the variable set to 1 the tests run the programs that people get.
    flags = ["--xla_backend_optimization_level=1"]
    if jax.__version_info__ < (0, 11):  # later ones do not know it, and end at once
        flags.append("--xla_cpu_use_fusion_emitters=false")
    os.environ.setdefault("XLA_FLAGS", " ".join(flags))
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
os.environ["JAXMARGIN_DATA_ROOT"] = Path(__file__).anchor  # jobs read each other's results here

gc.set_threshold(50_000, 20, 20)  # tracing makes millions of objects that no cycle holds

_MOST_MAPS = 20_000  # of the 65,530 that Linux allows a process by default


@pytest.fixture(scope="session", autouse=True)
def _programs_compiled_once(tmp_path_factory, request):
    """Keep compiled programs in a folder that all processes of the run share, and no other run."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):  # of one process of several
        folder = folder.parent
    jax.config.update("jax_compilation_cache_dir", str(folder / "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture(scope="module", autouse=True)
def _room_for_compiled_programs():
    """Give up compiled programs after a module when they have become many.

    Each takes three memory maps, and the compiler crashes where there are none left.
    """
    yield
    maps = Path("/proc/self/maps")
    if not maps.exists() or len(maps.read_text().splitlines()) > _MOST_MAPS:
        jax.clear_caches()
        gc.collect()


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the pictures out of pages of results, which take most of the time."""
    for name in ("drivers", "margins", "proofs", "systemic"):
        monkeypatch.setattr(f"jaxmargin.report.page._{name}.inline_svg", lambda *_, **__: "")


@pytest.fixture
def run_command(monkeypatch, capsys):
    """Run the command line in this process, in the tests' precision and devices.

    Takes the words after `jaxmargin`; its exit code, output and errors.
    """
    import jaxmargin.cli
    from jaxmargin.cli import main

    for module in pkgutil.iter_modules(jaxmargin.cli.__path__, "jaxmargin.cli."):
        if hasattr(importlib.import_module(module.name), "prepare_jax"):
            monkeypatch.setattr(f"{module.name}.prepare_jax", lambda: None)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["jaxmargin", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run
