"""What the package never does, seen in its source, and what its lock file holds."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "jaxmargin").rglob("*.py"))
# They run what a file says, or a shell.
CALLS = {"eval", "exec", "compile", "__import__", "np.load", "numpy.load", "os.system", "os.popen",
         "pd.read_pickle", "pd.eval", "pd.read_hdf"}  # fmt: skip
METHODS = {"read_pickle", "to_pickle", "query"}
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "ctypes"}
ARGUMENTS = {"shell", "allow_pickle"}


def name_of(node):
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def findings(tree):
    """Each forbidden import and call, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {(node.module or "").split(".")[0]}
        elif isinstance(node, ast.Call):
            called = name_of(node.func)
            if called in CALLS or called.rpartition(".")[2] in METHODS:
                yield node.lineno, called
            for keyword in node.keywords:
                if keyword.arg in ARGUMENTS and not (
                    isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                ):
                    yield node.lineno, f"{called}({keyword.arg}=...)"
            continue
        else:
            continue
        for name in names & MODULES:
            yield node.lineno, f"import {name}"


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from yaml import load", "eval('1')", "np.load(f, allow_pickle=True)",
     "subprocess.run(x, shell=True)", "pd.read_pickle(f)", "import joblib as j", "os.system('x')"],
)  # fmt: skip
def test_the_search_finds_what_it_looks_for(code):
    assert list(findings(ast.parse(code)))


def test_the_package_never_runs_what_a_file_says():
    found = {
        f"{path.relative_to(ROOT)}:{line} {what}"
        for path in SOURCES
        for line, what in findings(ast.parse(path.read_text()))
    }
    assert len(SOURCES) > 200 and not found


def test_every_csv_file_is_written_with_formulas_escaped():
    written = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr == "to_csv":
                    written.append((path.name, ast.unparse(node.func.value).split("(")[0]))
                assert node.func.attr not in ("to_excel", "write_csv"), path
    assert written and {made for _, made in written} == {"escape_formulas"}


def test_every_dependency_is_locked_by_hash():
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    for package in packages:
        if package["name"] == "jaxmargin":
            continue
        assert set(package["source"]) == {"registry"}, package["name"]
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert files and all(file["hash"].startswith("sha256:") for file in files), package["name"]
    assert len(packages) > 100
