"""Links to files of the repository that have a page here lead to the page."""

from pathlib import Path

from sphinx.addnodes import pending_xref

ROOT = Path(__file__).parents[2]

#: Files beside `docs/` (without .md), and the pages that include them.
PAGES = {
    "README": "index",
    "CHANGELOG": "about/changes",
    "CONTRIBUTING": "about/contributing",
    "benchmarks/README": "results/method",
    "benchmarks/DATA": "results/data",
    "benchmarks/results/resampling": "results/resampling",
    "benchmarks/results/ensemble.development": "results/ensemble",
    "examples/README": "auto_examples/index",
}


def redirect(app, doctree):
    pages = {str(ROOT / file): page for file, page in PAGES.items()}
    folder = str(ROOT / "docs") + "/"
    for node in doctree.findall(pending_xref):
        target = node["reftarget"]
        if node.get("reftype") == "myst" and target in pages:
            node["reftarget"] = pages[target]
        elif node.get("reftype") == "myst" and target.startswith(folder):
            node["reftarget"] = target.removeprefix(folder)


def setup(app):
    app.connect("doctree-read", redirect)
    return {"parallel_read_safe": True}
