"""Links to files of the repository that have a page here lead to the page."""

from pathlib import Path

from sphinx.addnodes import pending_xref

ROOT = Path(__file__).parents[2]

#: Files beside `docs/` (without .md), and the pages that include them.
PAGES = {
    "README": "index",
    "CHANGELOG": "about/changes",
    "CONTRIBUTING": "about/contributing",
    "SECURITY": "about/security",
    "benchmarks/README": "results/method",
    "benchmarks/DATA": "results/data",
    "benchmarks/results/resampling": "results/resampling",
    "benchmarks/results/ensemble.report": "results/ensemble",
    "benchmarks/results/ensemble.development": "results/ensemble_development",
    "benchmarks/results/ensemble_ablation": "results/ensemble_ablation",
    "benchmarks/results/where_gamma_helps": "results/where_gamma_helps",
    "examples/README": "auto_examples/index",
}


def redirect(app, doctree):
    pages = {str(ROOT / file): page for file, page in PAGES.items()}
    for node in list(doctree.findall(pending_xref)):
        target = node["reftarget"]
        if node.get("reftype") != "myst":
            continue
        if target in pages:
            node["reftarget"] = pages[target]
        elif target.startswith(f"{ROOT}/docs/"):
            node["reftarget"] = target.removeprefix(f"{ROOT}/docs/")
        elif target.startswith(f"{ROOT}/"):
            node.replace_self(node.children)  # a file without a page is named, not linked


def setup(app):
    app.connect("doctree-read", redirect)
    return {"parallel_read_safe": True}
