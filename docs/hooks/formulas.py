# ruff: noqa: RUF001
"""Formulas: from the LaTeX of docstrings and pages to MathML, which browsers show without script.

Knows what the docstrings use and no more; an unknown command ends the build, so that no formula is
shown wrong.
"""

import re
from html import escape, unescape
from typing import Any

from mkdocs.exceptions import PluginError

__all__ = ["mathml", "on_page_content"]

_IDENTIFIERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "pi": "π", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "phi": "ϕ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "ell": "ℓ", "Delta": "Δ", "Phi": "Φ", "Sigma": "Σ", "Omega": "Ω", "top": "⊤", "infty": "∞",
}  # fmt: skip
_OPERATORS = {
    "le": "≤", "ge": "≥", "ne": "≠", "in": "∈", "pm": "±", "mp": "∓", "times": "×", "mid": "∣",
    "propto": "∝", "sim": "∼", "succeq": "⪰", "dots": "…", "cdot": "⋅", "to": "→",
    "partial": "∂", "approx": "≈", "%": "%", "&": "&amp;",
}  # fmt: skip
_FENCES = {
    "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "lVert": "‖", "rVert": "‖",
    "lvert": "|", "rvert": "|", "{": "{", "}": "}",
}  # fmt: skip
_SPACES = {
    ",": "0.17em", ";": "0.28em", ":": "0.22em", "!": "-0.17em", " ": "0.3em",
    "quad": "1em", "qquad": "2em",
}  # fmt: skip
_FUNCTIONS = {"max", "min", "ln", "exp", "sin", "cosh", "log"}
_LARGE = {"sum": "∑", "prod": "∏", "int": "∫"}
_ACCENTS = {"hat": "^", "bar": "¯", "widehat": "^", "tilde": "~"}
_SIZES = {"big": "1.25em", "Big": "1.8em", "left": "", "right": ""}
_LIMITS = {"sum", "prod", "max", "min"}  # what stands below them in a formula of its own

_FENCE = '<mo stretchy="false" lspace="0" rspace="0">'
_SIMPLE = (
    {name: f"<mi>{sign}</mi>" for name, sign in _IDENTIFIERS.items()}
    | {name: f"<mo>{sign}</mo>" for name, sign in _OPERATORS.items()}
    | {name: f"{_FENCE}{sign}</mo>" for name, sign in _FENCES.items()}
    | {name: f'<mspace width="{width}"/>' for name, width in _SPACES.items()}
    | {"textstyle": ""}
)
_SIGNS = {sign: f"{_FENCE}{sign}</mo>" for sign in "()[]|"} | {
    ",": '<mo separator="true">,</mo>',
    "*": "<mo>∗</mo>",
    "/": '<mo lspace="0.1em" rspace="0.1em" stretchy="false">/</mo>',
}
# Without a mathematical font, browsers set scripts by the box of what carries them.
_BOX = '<mpadded height="0.45em" depth="0.15em">'
_STRUT = '<mpadded height="0.9em" depth="0.45em"><mspace width="0"/></mpadded>'
_SHORT = 90  # of the markup of one letter or parenthesis
_AFTER_THESE = set("([{=+-/^_|,<>") | {"\\,", "\\ ", "\\quad", "\\qquad", "\\le", "\\ge", "\\in"}
_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
_WORDS = re.compile(r"\\(text|mathrm|operatorname)\{([^}]*)\}")
_TOKEN = re.compile(_WORDS.pattern + r"|\\([A-Za-z]+|.)|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
_SPAN = re.compile(r'<(span|div) class="arithmatex">(.*?)</\1>', re.DOTALL)


def mathml(latex: str, *, display: bool) -> str:
    """The MathML of a formula.

    Raises:
        ValueError: a command is not known, or braces do not close.
        IndexError: it ends where something must follow.
    """
    body = _Parser(latex, display).row(end=None)
    kind = ' display="block"' if display else ""
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"{kind}><mrow>{body}</mrow></math>'


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Replace the formulas of a page that Markdown has set apart."""

    def one(match: re.Match[str]) -> str:
        inner = unescape(match[2]).strip()
        display = inner.startswith("\\[")
        try:
            shown = mathml(inner[2:-2].strip(), display=display)
        except (ValueError, IndexError) as error:
            raise PluginError(f"{page.file.src_uri}: formula {inner!r}: {error}") from None
        return f'<div class="formula">{shown}</div>' if display else shown

    return _SPAN.sub(one, html)


class _Parser:
    """Reads one formula from left to right."""

    def __init__(self, latex: str, display: bool) -> None:
        self.tokens = [m[0] for m in _TOKEN.finditer(latex)]
        # a space after a backslash is a command, any other says nothing
        self.tokens = ["\\ " if t[0] == "\\" and t[1:].isspace() else t for t in self.tokens]
        self.tokens = [token for token in self.tokens if not token.isspace()]
        self.display, self.at = display, 0

    def row(self, end: str | None) -> str:
        """Everything up to the token `end`, or to the end of the formula."""
        parts = []
        while self.at < len(self.tokens):
            if self.tokens[self.at] == end:
                self.at += 1
                return "".join(parts)
            parts.append(self.scripted())
        if end is not None:
            raise ValueError(f"no {end!r}")
        return "".join(parts)

    def scripted(self) -> str:
        """An atom with its primes, subscript and superscript."""
        name = self.tokens[self.at].removeprefix("\\")
        base = self.atom()
        below, above = self.scripts()
        limits, before = self.display and name in _LIMITS, ""
        if (below or above) and name in _SIZES:
            before, base = base, _STRUT
        elif (below or above) and not limits and len(base) < _SHORT:
            base = f"{_BOX}{base}</mpadded>"
        if below and above:
            tag = "munderover" if limits else "msubsup"
            base = f"<{tag}>{base}<mrow>{below}</mrow><mrow>{above}</mrow></{tag}>"
        elif below or above:
            tags = ("munder", "mover") if limits else ("msub", "msup")
            tag = tags[0] if below else tags[1]
            base = f"<{tag}>{base}<mrow>{below or above}</mrow></{tag}>"
        return before + base + (self.room() if name in _FUNCTIONS else "")

    def scripts(self) -> tuple[str, str]:
        """What stands below and above; primes are above."""
        below, above = "", ""
        while self.at < len(self.tokens) and self.tokens[self.at] in {"'", "_", "^"}:
            sign, self.at = self.tokens[self.at], self.at + 1
            if sign == "_":
                below += self.atom()
            else:
                above += "<mo>′</mo>" if sign == "'" else self.atom()
        return below, above

    def room(self) -> str:
        """Room between a function and an argument without parentheses."""
        rest = self.tokens[self.at] if self.at < len(self.tokens) else "("
        close = {"(", ")", ",", "\\big", "\\Big", "\\left", "\\,"}
        return "" if rest in close else '<mspace width="0.17em"/>'

    def follows_operator(self) -> bool:
        """Whether the token just read begins a term."""
        return self.at < 2 or self.tokens[self.at - 2] in _AFTER_THESE

    def atom(self) -> str:
        """One symbol, group or command, without scripts."""
        token = self.tokens[self.at]
        self.at += 1
        if token == "{":
            return f"<mrow>{self.row(end='}')}</mrow>"
        if token == "-":
            return '<mo form="prefix">−</mo>' if self.follows_operator() else "<mo>−</mo>"
        if words := _WORDS.fullmatch(token):
            return _upright(*words.groups())
        if token.startswith("\\"):
            return self.command(token[1:])
        kind = "mn" if token[0].isdigit() else "mi" if token.isalpha() else "mo"
        return _SIGNS.get(token) or f"<{kind}>{escape(token)}</{kind}>"

    def argument(self) -> str:
        """A group, or one character: of tfrac12 the 1."""
        token = self.tokens[self.at]
        if len(token) > 1 and token.isdigit():
            self.tokens[self.at : self.at + 1] = list(token)
        return self.atom()

    def command(self, name: str) -> str:
        """What stands for a command and its arguments."""
        if name in _SIMPLE:
            shown = _SIMPLE[name]
        elif name in _FUNCTIONS:
            space = "" if self.follows_operator() else '<mspace width="0.17em"/>'
            shown = f"{space}<mi>{name}</mi>"
        elif name in _LARGE:
            shown = f'<mo largeop="{str(self.display).lower()}">{_LARGE[name]}</mo>'
        elif name in _ACCENTS:
            shown = f'<mover accent="true">{self.atom()}<mo>{_ACCENTS[name]}</mo></mover>'
        elif name in _SIZES:
            shown = self.fence(_SIZES[name])
        elif name == "frac":
            shown = f"<mfrac>{self.argument()}{self.argument()}</mfrac>"
        elif name == "tfrac":
            shown = f'<mstyle displaystyle="false">{self.command("frac")}</mstyle>'
        elif name == "sqrt":
            shown = f"<msqrt>{self.argument()}</msqrt>"
        else:
            raise ValueError(f"unknown command \\{name}")
        return shown

    def fence(self, size: str) -> str:
        """A parenthesis of a stated size, or as high as what it holds."""
        token = self.tokens[self.at]
        self.at += 1
        symbol = _FENCES.get(token.removeprefix("\\"), token)
        limits = f' minsize="{size}" maxsize="{size}"' if size else ""
        return f'<mo stretchy="true" symmetric="true"{limits}>{symbol}</mo>'


def _upright(command: str, words: str) -> str:
    text = escape(words.replace("\\&", "&").replace("\\_", "_").replace("\\,", " "))
    if command == "text":  # spaces at its ends count
        return f"<mtext>{text.replace(' ', _NO_BREAK_SPACE)}</mtext>"
    space = '<mspace width="0.17em"/>' if command == "operatorname" else ""
    return f'<mi mathvariant="normal">{text}</mi>{space}'
