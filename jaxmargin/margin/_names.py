"""Names of the parts of a margin."""

import re

__all__ = ["component_name"]


def component_name(kind: type) -> str:
    """`ExpectedShortfall` as `expected_shortfall`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
