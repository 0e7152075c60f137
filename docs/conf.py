"""The documentation site: Markdown pages as they lie here, the API from docstrings, the command line from the commands."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE / "_ext")]

from dualnet import __version__  # noqa: E402

project = "dualnet"
author = "the dualnet developers"
copyright = "the dualnet developers"  # noqa: A001
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "command_pages",
    "docstring_text",
    "http_pages",
    "parameter_limits",
    "repository_links",
]
exclude_patterns = ["_ext", "results/*/per_user", "Thumbs.db"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
smartquotes_action = "qe"  # not dashes: --out is an option, and must stay two hyphens

autosummary_generate = True
autodoc_typehints = "none"  # the numpydoc sections say them
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = False
default_role = "code"

html_theme = "furo"
html_title = f"dualnet {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
templates_path = ["_templates"]
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False
suppress_warnings = [
    "myst.xref_missing",  # links to files of the repository are checked by a test, see repository_links
    "misc.highlighting_failure",  # psql's own commands stand among SQL
]
