"""The errors a user sees: for bad input, with the one way to raise it, and for jobs."""

from collections.abc import Sequence

__all__ = ["InvalidInputError", "JobError", "UnavailableInputError", "require"]


class InvalidInputError(ValueError):
    """Input that cannot be used, said once and clearly.

    Attributes:
        problems: every problem found, each a sentence that names what, where and the cure, in one
            line; characters that a terminal would not show as they are stand escaped.
        exit_code: of the command line.
    """

    exit_code: int = 2
    problems: tuple[str, ...]

    def __init__(self, problems: str | Sequence[str]) -> None:
        listed = (problems,) if isinstance(problems, str) else problems
        self.problems = tuple("".join(map(_shown, problem)) for problem in listed)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type["InvalidInputError"], tuple[tuple[str, ...]]]:
        """Each problem stays one where an error comes from another process."""
        return type(self), (self.problems,)


class UnavailableInputError(InvalidInputError):
    """Input that cannot be read now, though the same command may find it sound in a while.

    As where a server does not answer, or another program is writing a file.
    """

    exit_code = 1


class JobError(RuntimeError):
    """A job that cannot go on although its input is sound; a final subclass says why.

    Attributes:
        exit_code: of the command line.
    """

    exit_code: int = 1


def _shown(letter: str) -> str:
    return letter if letter.isprintable() else repr(letter)[1:-1]


def require(condition: bool, message: str) -> None:
    """Raise `InvalidInputError(message)` unless `condition` holds."""
    if not condition:
        raise InvalidInputError(message)
