"""From a set of settings to the rule itself: keys of the tables are names of its fields."""

from dataclasses import MISSING, fields
from typing import Any, TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from jaxmargin.errors import InvalidInputError
from jaxmargin.io._problems import Problems, nearest
from jaxmargin.io._rulebook_parameters import RulebookSettings
from jaxmargin.io._toml import is_number

__all__ = ["build_rulebook"]

_OTHERS = "default"  # the table of coins that have none of their own
_TOP = ("source", "date", "assumed", "parameters", "assets")
_Rule = TypeVar("_Rule", bound=eqx.Module)


def build_rulebook(
    kind: type[_Rule],
    settings: RulebookSettings,
    assets: list[str],
    needed: set[str],
    problems: Problems,
) -> _Rule | None:
    """A rule from the tables of a set, whose keys are the names of its fields.

    Numbers and lists come from [parameters]; a field with one entry, or one list, by asset comes
    from the tables [assets.COIN], and [assets.default] for coins that have none. Lists by asset
    are padded to one length by their last entry. Fields that are modules of their own are tables
    in turn.

    Args:
        kind: class of the rule.
        settings: the set.
        assets: assets of the market, in its order.
        needed: those that contracts of the book are written on; the others get zeros where the
            set does not have them.
        problems: where problems go.

    Returns:
        The rule; None if something is missing or wrong.
    """
    where = f"{settings.file}, [{settings.name}]"
    shared, tables = settings.content.get("parameters", {}), settings.content.get("assets", {})
    for name, table in (("parameters", shared), ("assets", tables)):
        if not isinstance(table, dict):
            problems.add(f"{where}, {name}", "not a table", f"Write [{settings.name}.{name}].")
            return None
    for key in settings.content.keys() - set(_TOP):
        problems.add(
            where, f"unknown key {key!r}{nearest(key, _TOP)}", f"Its keys are {', '.join(_TOP)}."
        )
    rows = {name: table for name, table in tables.items() if isinstance(table, dict)}
    for name in tables.keys() - rows.keys():
        problems.add(f"{where}, assets.{name}", "not a table", "Write a table of settings.")
    reader = _Builder(where, assets, needed, problems)
    before = len(problems.found)
    rule = reader.build(kind, shared, rows, "")
    for coin, table in rows.items():
        known = reader.by_asset
        for key in table.keys() - known:
            problems.add(
                f"{where}, assets.{coin}",
                f"unknown key {key!r}{nearest(key, known)}",
                f"Its keys are {', '.join(sorted(known))}." if known else "Take it out.",
            )
    return rule if len(problems.found) == before else None


class _Builder:
    """Builds modules from tables; collects every problem."""

    def __init__(self, where: str, assets: list[str], needed: set[str], problems: Problems) -> None:
        self.where, self.assets, self.needed, self.problems = where, assets, needed, problems
        self.by_asset: set[str] = set()

    def build(self, kind: type[_Rule], shared: Any, rows: dict[str, Any], prefix: str) -> Any:
        """An instance of `kind`, or None."""
        if not isinstance(shared, dict):
            self.problems.add(f"{self.where}, {prefix}", "not a table", "Write it as a table.")
            return None
        values, complete, expected = {}, True, set()
        for field in fields(kind):
            name = f"{prefix}{field.name}"
            dims = _dims(field.type)
            if dims[:1] == ("asset",):
                values[field.name] = self._by_asset(field.name, name, rows, deep=len(dims) == 2)
            elif isinstance(field.type, type) and issubclass(field.type, eqx.Module):
                expected.add(field.name)
                inner = {
                    coin: table.get(field.name, {})
                    for coin, table in rows.items()
                    if isinstance(table.get(field.name, {}), dict)
                }
                values[field.name] = self.build(
                    field.type, shared.get(field.name, {}), inner, f"{name}."
                )
            else:
                expected.add(field.name)
                default = field.default if field.default is not MISSING else None
                values[field.name] = self._shared(
                    name, shared.get(field.name, default), field.type, len(dims)
                )
            complete &= values[field.name] is not None
        for key in shared.keys() - expected:
            hint = nearest(key, expected)
            self.problems.add(
                f"{self.where}, parameters", f"unknown key {prefix + key!r}{hint}",
                f"Its keys are {', '.join(sorted(expected))}." if expected else "Take it out.",
            )  # fmt: skip
        if not complete:
            return None
        try:
            return kind(**values)
        except InvalidInputError as error:
            self.problems.add(self.where, str(error).rstrip("."), "Correct the set.")
            return None

    def _shared(self, name: str, value: Any, kind: Any, depth: int) -> Any:
        place = f"{self.where}, parameters.{name}"
        if kind in (str, bool, int):
            if type(value) is kind:
                return value
            words = {str: "a text", bool: "true or false", int: "a whole number"}[kind]
        elif depth == 0:
            if is_number(value):
                return float(value) if kind is float else jnp.asarray(float(value))
            words = "a number; write 5 % as 0.05"
        else:
            if _is_table(value, depth):
                return jnp.asarray(np.array(value, np.float64))
            words = "a list of numbers"
        self.problems.add(place, f"got {value!r}", f"Give {words}.")
        return None

    def _by_asset(self, key: str, name: str, rows: dict[str, Any], *, deep: bool) -> Any:
        self.by_asset.add(name.split(".", maxsplit=1)[0])
        found: list[Any] = []
        for asset in self.assets:
            table = rows.get(asset, rows.get(_OTHERS))
            value = None if table is None else table.get(key)
            if value is None and asset not in self.needed:
                value = [0.0] if deep else 0.0
            if not (_is_table(value, 1) if deep else is_number(value)):
                words = "a list of numbers" if deep else "a number; write 5 % as 0.05"
                what = "no value" if value is None else f"got {value!r}"
                place = f"{self.where}, assets.{asset}.{name}"
                self.problems.add(place, what, f"Give {words}.")
                found.append(None)
                continue
            found.append(value)
        if any(value is None for value in found):
            return None
        if not deep:
            return jnp.asarray(np.array(found, np.float64))
        length = max(len(value) for value in found)
        padded = [value + [value[-1]] * (length - len(value)) for value in found]
        return jnp.asarray(np.array(padded, np.float64))


def _dims(kind: Any) -> tuple[str, ...]:
    """Names of the axes of an annotated array; none for a scalar, and for what is no array."""
    words = getattr(kind, "dim_str", "").split()
    return tuple(word for word in words if not word.startswith("*"))


def _is_table(value: Any, depth: int) -> bool:
    """Whether `value` is lists of numbers, so deep, not empty and all of one length."""
    if depth == 0:
        return is_number(value)
    if not (isinstance(value, list) and value):
        return False
    same = depth == 1 or len({len(each) for each in value if isinstance(each, list)}) == 1
    return same and all(_is_table(each, depth - 1) for each in value)
