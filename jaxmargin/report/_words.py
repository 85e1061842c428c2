"""Names and numbers as people read them."""

import math
import unicodedata

__all__ = ["exact", "full", "name_whole", "rounded", "rounded_error", "short_name"]

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # control, direction, surrogates, separators
_SCALES = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
_UNKNOWN = "not known"


def name_whole(name: object, longest: int = 300) -> str:
    r"""A name with what cannot be seen written out, as `\x00` or `\u202e`; cut in the middle.

    Args:
        name: any value; its text is taken.
        longest: characters that are kept.
    """
    text = str(name)
    if len(text) > longest:
        head = (longest - 1) * 3 // 4
        text = text[:head] + "…" + text[-(longest - 1 - head) :]
    return "".join(
        mark.encode("unicode_escape").decode() if unicodedata.category(mark) in _HIDDEN else mark
        for mark in text
    )


def short_name(name: object, longest: int = 40) -> str:
    """A name as `name_whole`, of at most so many characters, whatever is in it."""
    text = name_whole(name, longest)
    return text if len(text) <= longest else name_whole(text, longest)


def exact(value: float | int, unit: str = "") -> str:
    """Cents of amounts, six digits of those below one."""
    if not math.isfinite(value):
        return _UNKNOWN if math.isnan(value) else ("∞" if value > 0.0 else "-∞")
    text = f"{value:,.2f}" if abs(value) >= 1.0 or value == 0.0 else f"{value:.6g}"
    return f"{text} {unit}".rstrip()


def full(value: float | int, unit: str = "") -> str:
    """All digits, to be read from a title: as many as a file has, cents at least."""
    text = exact(value)
    if math.isfinite(value):
        cents, digits = f"{value:,.2f}", f"{value:,.15g}"
        text = cents if float(f"{value:.2f}") == float(f"{value:.15g}") else digits
    return f"{text} {unit}".rstrip()


def rounded(value: float | int) -> str:
    """Three digits that matter, or whole numbers; millions and more in words."""
    if not math.isfinite(value):
        return exact(value)
    size = abs(value)
    for scale, word in _SCALES:
        if size >= 0.9995 * scale:
            return f"{_three(value / scale)} {word}"
    return f"{value:,.0f}" if size >= 999.5 else _three(value)


def rounded_error(error: float | int, *, up: bool = False) -> str:
    """An uncertainty to two digits, as none has more meaning: 15,931.7 is 16,000.

    Args:
        error: not negative.
        up: whether never to less than it is, as a bound must be.
    """
    if not math.isfinite(error) or error == 0.0:
        return exact(error) if error else "0"
    digits = 1 - math.floor(math.log10(abs(error)))
    found = round(error, digits)
    if up and found < error * (1.0 - 1e-12):  # less the last digits of a sum
        found = round(found + 10.0**-digits, digits)
    return f"{found:,.{max(digits, 0)}f}"


def _three(value: float | int) -> str:
    if value == 0.0:
        return "0"
    value = float(f"{value:.3g}")  # 9.999 has the digits of 10.0
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 6)}f}"
