"""The check that every measure with a confidence level makes."""

from jaxmargin.errors import require

__all__ = ["require_level"]


def require_level(name: str, level: float) -> None:
    """Raise `InvalidInputError` unless the level of the measure `name` lies in (0, 1)."""
    require(
        0.0 < level < 1.0,
        f"{name}.level must lie in (0, 1); got {level!r}. Write 97.5 % as 0.975.",
    )
