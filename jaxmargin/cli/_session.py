"""What commands share: settings of the process, and a bar while work goes on."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["prepare_jax", "progress_bar"]


def prepare_jax() -> bool:
    """Keep compiled programs between runs, in a folder that only the user can write.

    A folder that is another's, or that others can write, is not used, and a warning says so: who
    can write there could put programs into later runs.

    Returns:
        Whether they are kept: not with a read-only home, where each run compiles anew.
    """
    import jax

    from jaxmargin.jobs._cores import devices_are_set, usable_cores

    if not devices_are_set():
        # accounts are shared out over devices: without a GPU, one for each core, and two at least,
        # as programs for one may round the last bit of a standard error otherwise
        jax.config.update("jax_num_cpu_devices", max(usable_cores(), 2))
    cache = Path(os.environ.get("JAXMARGIN_CACHE") or Path.home() / ".cache" / "jaxmargin")
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        why = _not_private(cache)
    except OSError:
        return False
    if why is not None:
        from jaxmargin.report import print_plain

        print_plain(
            [f"warning: compiled programs are not kept: {cache} {why}. Run chmod 700 {cache}, or "
             "set JAXMARGIN_CACHE to a folder of your own."],
            error=True,
        )  # fmt: skip
        return False
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return os.access(cache, os.W_OK)


def _not_private(folder: Path) -> str | None:
    """Why others could write to a folder; None if only the user can."""
    facts = folder.stat()
    if hasattr(os, "getuid") and facts.st_uid != os.getuid():
        return "belongs to another user"
    if os.name == "posix" and facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "can be written by others"
    return None


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on the terminal while work goes on; nothing where there is no terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
