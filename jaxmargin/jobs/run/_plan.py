"""What a run is: what it reads, by which settings and versions, cut into which shards."""

import importlib.metadata
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxmargin.errors import InvalidInputError
from jaxmargin.jobs.run._sealed import digest, read_sealed, write_sealed

__all__ = ["PLAN_FILE", "RunPlan", "platform_facts", "read_plan", "require_same", "write_plan"]

PLAN_FILE = "plan.json"
_PACKAGES = ("jax", "jaxlib", "numpy", "pandas", "pyarrow")  # each decides bytes of the results
_SETTINGS = ("jax_enable_x64", "jax_default_matmul_precision")
_NO_MATTER = ("--xla_force_host_platform_device_count", "--xla_dump")  # flags that change no result


@dataclass(frozen=True)
class RunPlan:
    """A run and its shards: blocks of accounts that follow each other, in the order of names.

    Attributes:
        makes: everything that the results depend on, in plain types: inputs (name and SHA-256 of
            every file), settings, accounts_per_shard, versions and platform.
        accounts: number of accounts of the book.
        tables: names of the tables that every shard has.
    """

    makes: Mapping[str, Any]
    accounts: int
    tables: tuple[str, ...]

    @property
    def identity(self) -> str:
        """SHA-256 of `makes`: runs of one identity have the same results."""
        return digest(self.makes)

    @property
    def shards(self) -> int:
        """Number of shards; one for a book without accounts."""
        return max(1, -(-self.accounts // self.makes["accounts_per_shard"]))

    def rows(self, shard: int) -> tuple[int, int]:
        """First account of a shard, and the first after it, counted from 0."""
        size = self.makes["accounts_per_shard"]
        return shard * size, min((shard + 1) * size, self.accounts)


def platform_facts(precision: str) -> tuple[dict[str, str], dict[str, str]]:
    """Versions of all that computes and writes, and what it computes on and how.

    One device or several: programs for one round otherwise in the last bit, those for two or more
    do not. With x64 on, as by JAX_ENABLE_X64 or an earlier job of the process, a job in f32 too
    has a market in double precision.

    Args:
        precision: of the job, f32 or f64.
    """
    import jax

    from jaxmargin import __version__

    double, matmul = (getattr(jax.config, name) for name in _SETTINGS)
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    device = {
        "platform": jax.default_backend(),
        "kind": jax.devices()[0].device_kind,
        "devices": "one" if jax.device_count() == 1 else "several",
        "x64": "on" if precision == "f64" or double else "off",
        "matmul_precision": str(matmul or "default"),
        "xla_flags": " ".join(
            flag
            for flag in os.environ.get("XLA_FLAGS", "").split()
            if not flag.startswith(_NO_MATTER)
        ),
    }
    return {"jaxmargin": __version__, **versions}, device


def write_plan(plan: RunPlan, out: Path) -> None:
    """Write `plan.json` to the folder of a run."""
    content = {
        "identity": plan.identity,
        **plan.makes,
        "accounts": plan.accounts,
        "shards": plan.shards,
        "tables": list(plan.tables),
    }
    write_sealed(content, out / PLAN_FILE)


def read_plan(out: Path) -> RunPlan | None:
    """The plan of the folder of a run; None if there is none, or it is damaged."""
    content = read_sealed(out / PLAN_FILE)
    if content is None:
        return None
    accounts, tables = content.pop("accounts"), tuple(content.pop("tables"))
    del content["identity"], content["shards"]
    return RunPlan(content, accounts, tables)


def require_same(plan: RunPlan, makes: Mapping[str, Any], out: Path) -> None:
    """Raise unless a run of `makes` is that of a folder; names what differs.

    Raises:
        InvalidInputError: see above.
    """
    if plan.makes == makes:
        return
    cure = "Give another --out; what is there stays as it is."
    found = [
        f"{out}: a run with other {what}. {cure}"
        for what in sorted(_differences(plan.makes, makes))
    ]
    raise InvalidInputError(found)


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> set[str]:
    """In words, what differs between two runs."""
    before, after = _inputs(then), _inputs(now)
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    found = {f"content of the input {name}" for name in names}
    for part in ("versions", "platform"):
        was, is_now = dict(_flat(then[part])), dict(_flat(now[part]))
        found |= {
            f"{part}: {name} {was.get(name)} there, {is_now.get(name)} now"
            for name in {*was, *is_now}
            if was.get(name) != is_now.get(name)
        }
    rest = [
        dict(_flat({k: v for k, v in makes.items() if k not in ("inputs", "versions", "platform")}))
        for makes in (then, now)
    ]
    found |= {
        f"{name}: {rest[0].get(name)} there, {rest[1].get(name)} now"
        for name in {*rest[0], *rest[1]}
        if rest[0].get(name) != rest[1].get(name)
    }
    return found


def _inputs(makes: Mapping[str, Any]) -> dict[str, list[str]]:
    """Hashes of the inputs by name: two folders may have files of one name."""
    found: dict[str, list[str]] = {}
    for entry in makes["inputs"]:
        found.setdefault(entry["file"], []).append(entry["sha256"])
    return found


def _flat(content: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their place, such as `settings.rulebook.level`."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
