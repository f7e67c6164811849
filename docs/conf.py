"""Configuration of the documentation: `pip install '.[docs]'`, then `sphinx-build -W -n docs build/docs`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # for api_pages

import seqfuse

project = "seqfuse"
author = "The seqfuse authors"
copyright = author
version = release = seqfuse.__version__

extensions = [
    "api_pages",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["_build"]
default_role = "api"  # below

# Nothing is downloaded while the documentation is built, so there is no intersphinx. Docstrings name types of NumPy and
# Python in prose, and signatures are shown without annotations: the types stand under "Parameters".
autodoc_typehints = "none"
autodoc_class_signature = "mixed"
autosummary_generate = False
numpydoc_show_class_members = False  # api_pages lists the members
nitpicky = True
nitpick_ignore_regex: list[tuple[str, str]] = []

myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

html_theme = "pydata_sphinx_theme"
html_title = f"seqfuse {release}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options: dict[str, Any] = {
    "logo": {"text": "seqfuse"},
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
    "collapse_navigation": True,  # open branches in every page would make the build three times as long
    "navigation_depth": 3,
}
# Pages without a section of their own need no left sidebar.
html_sidebars = {page: [] for page in ("index", "installation", "tour", "changelog")}

# Equations render without a network: copy_mathjax puts what is needed of the package sphinx-mathjax-offline there.
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {"options": {"menuOptions": {"settings": {"enrich": False}}}}  # no speech, whose engine is large

# For `sphinx-build -b linkcheck`, which .ci/full runs.
linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_anchors = False


def api_role(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = ()
) -> tuple[list[Any], list[Any]]:
    """Make a link of `name` in a docstring if it is in the API reference, and literal text if it is not.

    Docstrings write functions and arguments alike in single backquotes, as NumPy's do. Only the former are targets, so
    this role, unlike `py:obj`, does not warn about a name that it does not find.
    """
    from docutils import nodes
    from sphinx import addnodes

    env = inliner.document.settings.env
    literal = nodes.literal(rawtext, text, classes=["xref", "py"])
    reference = addnodes.pending_xref(
        rawtext,
        literal,
        refdomain="py",
        reftype="obj",
        reftarget=text.removesuffix("()"),
        refdoc=env.docname,
        seqfuse_optional=True,
    )
    reference.line = lineno
    reference["py:module"] = env.ref_context.get("py:module")
    reference["py:class"] = env.ref_context.get("py:class")
    return [reference], []


def keep_optional(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Resolve a reference of the role `api` that has no target to its literal text."""
    return contnode if node.get("seqfuse_optional") else None


def copy_mathjax(app: Any, exception: Exception | None) -> None:
    """Copy MathJax and its fonts, without its other output formats and its speech engine."""
    from sphinx.util.fileutil import copy_asset

    if exception is None and app.builder.format == "html":
        source = Path(importlib.import_module("sphinx-mathjax-offline").__path__[0]) / "static" / "mathjax"
        target = Path(app.outdir) / "_static" / "mathjax"
        for name in ("output/chtml/fonts", "input/tex/extensions", "a11y"):
            copy_asset(source / name, target / name)
        copy_asset(source / "tex-chtml.js", target)


def setup(app: Any) -> None:
    """Connect the functions above to Sphinx."""
    app.add_role("api", api_role)
    app.connect("missing-reference", keep_optional)
    app.connect("build-finished", copy_mathjax)
