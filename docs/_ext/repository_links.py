"""Links from a page to a file of the repository that is no page: kept as text in the site, where the file does not lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def as_text(app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, child: nodes.Element) -> nodes.Node | None:
    """Return the text of a link whose target is a file outside the site; other unknown targets stay unknown, and are warned of."""
    page = Path(env.doc2path(node["refdoc"])).parent
    target = str(node["reftarget"]).split("#")[0]
    return child if target and (page / target).exists() else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("missing-reference", as_text)
    return {"parallel_read_safe": True, "version": "1"}
