"""The shape of the package: rooms with doors, imports that point down, short files."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "focalsk"

# What each room may import, through its door.
ROOMS = {
    "_compat": set(),
    "losses": {"_compat"},
    "nets": {"_compat", "losses"},
    "tables": {"_compat"},
    "estimators": {"_compat", "losses", "nets", "tables"},
    "search": {"_compat", "nets", "estimators"},
    "export": {"_compat", "nets", "estimators", "search"},
    "persistence": {"_compat", "nets"},
    "displays": {"_compat", "estimators"},
    "comparison": {"_compat", "losses", "nets", "tables", "estimators", "search", "displays"},
    "_arguments": {"_compat"},
    "cli": {
        "_compat", "_arguments", "tables", "estimators", "persistence", "comparison", "__version__",
    },
    "__main__": {"cli"},
}  # fmt: skip
OPTIONAL = {
    "duckdb", "hypothesis", "imblearn", "matplotlib", "mpmath", "onnx", "onnxruntime", "onnxscript",
    "polars", "pytest", "skl2onnx", "skops",
}  # fmt: skip
MAX_FILE_LINES = 400  # besides docstrings
MAX_BODY_LINES = 50

FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent.name != "moved")
MODULES = [path for path in FILES if path.relative_to(PACKAGE) != Path("__init__.py")]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def room_of(path: Path) -> str:
    return name_of(path).split(".")[0]


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything imported anywhere in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inner(path: Path) -> Iterator[list[str]]:
    """Yield what a file imports of focalsk's, without that first name."""
    return (name.split(".")[1:] for name in imports(path) if name.startswith("focalsk."))


def third_parties(*rooms: str) -> set[str]:
    """Top-level names of all that the rooms' files import, besides Python's and focalsk's."""
    paths = [path for path in MODULES if room_of(path) in rooms]
    return {name.split(".")[0] for path in paths for name in imports(path)} - {
        "focalsk",
        *sys.stdlib_module_names,
    }


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[bool(ast.get_docstring(function)) :]
    return function.body[-1].end_lineno - first[0].lineno + 1 if first else 0


def docstring_lines(path: Path) -> int:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, documented))
    texts = [node.body[0] for node in nodes if ast.get_docstring(node)]
    return sum(text.end_lineno - text.lineno + 1 for text in texts)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_rooms_import_downward_and_through_doors(path):
    room = room_of(path)
    foreign = [name for name in inner(path) if name[0] != room]
    upward = sorted({name[0] for name in foreign} - ROOMS[room])
    assert not upward, f"the room {room!r} may not import {upward}"
    private = [".".join(name) for name in foreign if len(name) > 1 and name[1].startswith("_")]
    private = [name for name in private if not name.startswith("_compat")]
    assert not private, f"{private} are behind doors: import them from their rooms"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_of_a_room_form_no_circle(path):
    """A file is not imported, however indirectly, by what it imports when it is loaded."""

    def loaded_by(path: Path) -> Iterator[Path]:
        for node in ast.parse(path.read_text("utf-8")).body:  # not what functions import later
            if isinstance(node, ast.ImportFrom) and node.module.startswith(f"focalsk.{room}"):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                files = [ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in names]
                yield from (file for file in files if file.is_file())

    room, seen, todo = room_of(path), set(), [path]
    while todo:
        for file in set(loaded_by(todo.pop())) - seen:
            assert file != path
            seen.add(file)
            todo.append(file)


def test_torch_is_all_that_the_losses_stand_on():
    assert third_parties("losses") == {"torch"}
    below = {name[0] for path in MODULES if room_of(path) == "losses" for name in inner(path)}
    assert below <= {"losses", "_compat"}, "followed no further: these may load anything"


def test_tables_know_no_net():
    assert not third_parties("tables") & {"torch", "skorch"}


def test_few_names_at_the_top():
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix != ".typed"}
    public = sorted(name for name in names if not name.startswith("_"))
    assert len(public) <= 12, public


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_are_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines()) - docstring_lines(path)
    assert lines <= MAX_FILE_LINES, f"{path.name} has {lines} lines"
    functions = (
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = {node.name: body_lines(node) for node in functions if body_lines(node) > MAX_BODY_LINES}
    assert not long, f"{path.name} has functions of more than {MAX_BODY_LINES} lines: {long}"


@pytest.fixture(scope="module")
def loaded() -> list[set[str]]:
    """What a process has loaded after torch, after the losses, and after all of focalsk."""
    told = "; print(*{name.split('.')[0] for name in sys.modules})\n"
    lines = ["import torch", "import focalsk.losses", "from focalsk import *"]
    code = "import sys\n" + told.join([*lines, ""])
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [set(line.split()) for line in run.stdout.splitlines()]


def test_import_loads_no_optional_library(loaded):
    assert "skorch" in loaded[2]
    unwanted = sorted(loaded[2] & OPTIONAL)
    assert not unwanted, f"import focalsk loads {unwanted}"


def test_losses_load_no_other_library(loaded):
    """Transitively: nothing that torch itself does not load."""
    assert loaded[1] - loaded[0] == {"focalsk"}


@pytest.mark.slow
def test_names_of_version_0_1_still_import():
    code = """
from focalsk.batches import ArrayDataset
from focalsk.class_weight import compute_alpha
from focalsk.classifier import FocalNetClassifier
from focalsk.early_stopping import BestEpoch
from focalsk.losses import FocalLoss, SigmoidFocalLoss, focal_loss, sigmoid_focal_loss
from focalsk.margins import softmax_focal
from focalsk.model_selection import FocalGridSearchCV, FocalRandomizedSearchCV
from focalsk.modules import FocalMLP, StackedMLP
from focalsk.net import FocalNet
from focalsk.posterior import focal_posterior, sigmoid_focal_posterior
from focalsk.comparison import ARMS, Comparison, compare_resampling
import focalsk
assert focalsk.FocalNet is FocalNet is focalsk.net.FocalNet
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, check=True)


def test_nothing_here_imports_what_has_moved() -> None:
    """Old paths are for the code of users; they lack what was added since."""
    folders = ("benchmarks", "docs", "examples")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    assert files
    old = {f"focalsk.{path.stem}" for path in (PACKAGE / "_compat" / "moved").glob("[!_]*.py")}
    found = {file.name: sorted(old & set(imports(file))) for file in files}
    assert not {name: paths for name, paths in found.items() if paths}
