"""The documentation's configuration; `make docs` builds it, without a network."""

import os
import sys
import warnings
from pathlib import Path

import matplotlib

from focalsk import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
os.environ.setdefault("OMP_NUM_THREADS", "1")
matplotlib.use("Agg")

project = "focalsk"
author = "The focalsk developers"
project_copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "mathml",
    "repository_links",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["_build", "_ext", "_templates"]
templates_path = ["_templates"]

# Pages ------------------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
highlight_language = "none"  # of blocks that name none: what a program printed

# API --------------------------------------------------------------------------------------------

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings have them
python_maximum_signature_line_length = 60
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# Gallery ----------------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(demo|several_processes)\.py|/_",
    "doc_module": ("focalsk",),
    "backreferences_dir": "api/backreferences",
    "within_subsection_order": "gallery_order.run_here_first",
    "default_thumb_file": str(HERE / "_static" / "no_picture.png"),
    "image_scrapers": ("matplotlib",),
    "image_srcset": ["2x"],
    "remove_config_comments": True,
    "show_memory": False,
    "capture_repr": (),
    "show_signature": False,
    "write_computation_times": False,
    "abort_on_example_error": True,
    "plot_gallery": "True",
}
# As in the tests, an example's warning is an error.
warnings.filterwarnings("error", module=r"__main__|focalsk\.")

# Looks ------------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = f"focalsk {release}"
html_static_path = ["_static"]
html_css_files = ["focalsk.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "focalsk"},
    "show_toc_level": 2,
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
