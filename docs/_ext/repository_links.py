"""Links to files of the repository that have a page here lead to the page."""

from pathlib import Path

from sphinx.addnodes import download_reference, pending_xref

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
    "benchmarks/results/performance": "results/performance",
    "benchmarks/results/stacks": "results/stacks",
    "examples/README": "auto_examples/index",
}

#: Scripts and modules that have a page: all in the gallery, and these.
MODULES = {
    "focalsk/estimators/_prior_correction": "api/generated/focalsk.PriorCorrectedClassifier",
    "focalsk/nets/_focal_net": "api/generated/focalsk.FocalNet",
}


def page_of(path):
    """The page that a Python file has, if any."""
    name = path.relative_to(ROOT).with_suffix("").as_posix()
    shown = (ROOT / "docs/auto_examples" / path.name).with_suffix(".rst").exists()
    return f"auto_{name}" if name == f"examples/{path.stem}" and shown else MODULES.get(name)


def redirect_scripts(app, doctree):
    """Links to files of Python are links to their pages; of what has none, to the file."""
    here = Path(app.env.doc2path(app.env.docname)).parent
    for node in list(doctree.findall(download_reference)):
        target = node["reftarget"]
        path = (here / target).resolve()
        page = page_of(path) if path.is_relative_to(ROOT) else None
        if page:
            link = pending_xref(
                "", refdomain="std", reftype="doc", reftarget=f"/{page}", refexplicit=True
            )
            link.source, link.line = node.source, node.line
            link += node.children
            link["refdoc"] = app.env.docname
            node.replace_self(link)


def redirect(app, doctree):
    pages = {str(ROOT / file): page for file, page in PAGES.items()}
    here = Path(app.env.doc2path(app.env.docname)).parent
    for node in list(doctree.findall(pending_xref)):
        target = node["reftarget"]
        if node.get("reftype") != "myst":
            continue
        if target in pages:
            node["reftarget"] = pages[target]
        elif target.startswith(f"{ROOT}/docs/"):
            node["reftarget"] = target.removeprefix(f"{ROOT}/docs/")
        elif target.startswith(f"{ROOT}/") or (target and (here / target).is_dir()):
            node.replace_self(node.children)  # a file without a page is named, not linked


def setup(app):
    app.connect("doctree-read", redirect)
    app.connect("doctree-read", redirect_scripts)
    return {"parallel_read_safe": True}
