"""Nothing in the package runs text or files as code, but what is named here."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "focalsk"
RUNS = {
    "eval", "exec", "os.system", "os.popen", "subprocess.run", "subprocess.Popen",
    "subprocess.call", "subprocess.check_output", "pickle.load", "pickle.loads", "joblib.load",
    "torch.load", "cloudpickle.load", "cloudpickle.loads", "dill.load", "pd.read_pickle",
    "pandas.read_pickle", "importlib.import_module", "import_module", "__import__", "np.load",
}  # fmt: skip
# File, what it calls, and why that may be.
ALLOWED = {
    ("persistence/_fitted.py", "joblib.load"): "only with --allow-pickle",
    ("persistence/_trust.py", "import_module"): "names of a tuple in the file",
    ("export/_libraries.py", "import_module"): "optional libraries, by names in the code",
    ("__init__.py", "import_module"): "rooms of the package",
    ("_compat/_checkpoint.py", "np.load"): "with allow_pickle=False",
}


def calls(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), ast.unparse(node)


def test_code_is_run_in_known_places_only():
    found = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in PACKAGE.rglob("*.py")
        for name, _ in calls(path)
        if name in RUNS
    }
    assert found == set(ALLOWED)


def test_arrays_are_read_without_pickles():
    read = [
        text for path in PACKAGE.rglob("*.py") for name, text in calls(path) if name == "np.load"
    ]
    assert read
    assert all("allow_pickle=False" in text for text in read)
