"""Sphinx configuration; the pages of the activations are generated from the catalogue before each build."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402 (found through the line above)

project = "xact"
copyright = "xact contributors"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence"]
exclude_patterns = ["_build", "examples"]
html_theme = "furo"
html_title = "xact"
html_static_path = ["_static"]
html_css_files = ["formula.css", "gallery.css"]
html_show_sphinx = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"


def setup(app):
    app.connect("builder-inited", lambda _: generate.write(HERE / "_generated"))
