"""The README is short and its Python example runs."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_python_example_runs_and_prints_two_margins(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    exec(compile(code, str(README), "exec"), {})
    first, second = capsys.readouterr().out.replace("[", "").replace("]", "").split()[:2]
    assert float(first) > 0.0 and float(second) > 0.0


def test_it_has_fewer_than_150_lines():
    assert len(README.read_text().splitlines()) < 150
