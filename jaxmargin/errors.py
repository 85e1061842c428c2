"""The one error a user sees for bad input, and the one way to raise it."""

from collections.abc import Sequence

__all__ = ["InvalidInputError", "require"]


class InvalidInputError(ValueError):
    """Input that cannot be used, said once and clearly.

    Attributes:
        problems: every problem found, each a sentence that names what, where and the cure.
    """

    problems: tuple[str, ...]

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


def require(condition: bool, message: str) -> None:
    """Raise `InvalidInputError(message)` unless `condition` holds."""
    if not condition:
        raise InvalidInputError(message)
