"""Sizes that arrays are padded to, so that a slightly larger book compiles nothing new."""

__all__ = ["bucket_size", "slot_width"]


def bucket_size(count: int, *, smallest: int = 8) -> int:
    """The smallest of `smallest` x {1, 1.25, 1.5, 1.75} x 2^k that holds `count`.

    Pads by less than 25 % above `smallest`.
    """
    size = smallest
    while size * 2 <= count:
        size *= 2
    for quarters in (4, 5, 6, 7):
        if size * quarters // 4 >= count:
            return size * quarters // 4
    return size * 2


def slot_width(count: int) -> int:
    """The smallest of 10, 20, 30, 40, 60, 80, 120, ... position slots that holds `count`."""
    if count <= 10:
        return 10
    width = 20
    while width * 3 // 2 < count:
        width *= 2
    return width if count <= width else width * 3 // 2
