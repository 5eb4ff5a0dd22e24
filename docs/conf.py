"""Settings of the site: the markdown of ``docs/``, the notebooks and the docstrings, by Sphinx.

The source is the whole repository, so that a link that works in it works on the site as well.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from myst_nb.core.render import MimeData, NbElementRenderer
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

import mnstudy

# A kernel with settings of its own, not the user's; it says on standard error what is wrong alone.
KERNEL = TemporaryDirectory()
SETTINGS = Path(KERNEL.name) / "profile_default/ipython_kernel_config.py"
SETTINGS.parent.mkdir()
SETTINGS.write_text("c.IPKernelApp.log_level = 40\nc.HistoryManager.enabled = False\n", "utf-8")
os.environ["IPYTHONDIR"] = KERNEL.name

project = "mnstudy"
author = "The mnstudy developers"
version = release = mnstudy.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "notebooks/*.ipynb",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "data/README.md",
    "benchmarks/README.md",
    "tests/reference/README.md",
]

myst_heading_anchors = 4

# Notebooks are committed with their outputs; only the page of figures is run.
nb_execution_mode = "force"
nb_execution_excludepatterns = ["notebooks/*"]
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 900  # of a cell, on a busy machine
nb_merge_streams = True

autosummary_generate = False
autodoc_typehints = "none"  # numpydoc's sections say the types
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_math_renderer = "mathml"  # the others need LaTeX, or fetch a script from the network
html_theme = "pydata_sphinx_theme"
html_title = "mnstudy"
html_static_path = ["site/static"]
html_extra_path = ["site/extra"]
html_css_files = ["mnstudy.css"]
html_copy_source = False
html_show_search_summary = False  # of a site on disk a browser reads no page by script
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {
    "logo": {"text": "mnstudy"},
    "header_links_before_dropdown": 5,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": {  # none beside notebooks: their tables are wide
        page: ["page-toc"] for page in ("docs/*", "*/README", "tests/*/README", "C*", "R*")
    },
    "footer_start": [],
    "footer_end": [],
    "back_to_top_button": True,
}
ALONE = ["index", "how_a_verdict_is_made", "disclosure", "glossary", "citing"]  # no page beneath
html_sidebars = {f"docs/{page}": [] for page in ALONE}


# docutils takes an index of an accented letter for a limit, unless the letter is in a group.
ACCENTED = re.compile(r"\\(?:bar|hat|tilde) *(?:\\?[A-Za-z]|\\[a-z]+|\{[^{}]*\})(?=_)")


class Public(SphinxDirective):
    """Public names of a module: a table of their first lines, then each in full."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return what autosummary and autodoc make of the names."""
        module = {"mnstudy": mnstudy, "mnstudy.stats": mnstudy.stats}[self.arguments[0]]
        told = {n: getattr(module, n) for n in " ".join(self.content).split()}
        told = {n: x for n, x in told.items() if callable(x)}  # a page says the others in its text
        lines = [f".. currentmodule:: {module.__name__}", "", ".. autosummary::", ""]
        lines += [f"   {name}" for name in told]
        for name, x in told.items():
            how = ["autoclass", "   :members:"] if isinstance(x, type) else ["autofunction"]
            lines += ["", f".. {how[0]}:: {name}", *how[1:]]
        return self.parse_text_to_nodes("\n".join(["```{eval-rst}", *lines, "```"]))


RENDER_IMAGE = NbElementRenderer.render_image


def render_image(self: NbElementRenderer, data: MimeData) -> list[nodes.Element]:
    """Say of a figure what its output says of it, which MyST-NB leaves out."""
    found = RENDER_IMAGE(self, data)
    said = data.output_metadata.get(data.mime_type, {}).get("alt", "Drawn by the code above.")
    for image in (image for node in found for image in node.findall(nodes.image)):
        image.setdefault("alt", said)
    return found


def show_formula(page: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """Write a formula in TeX as MathML, which browsers draw by themselves."""
    tex = ACCENTED.sub(r"{{}\g<0>}", node.astext())
    tag = "div" if isinstance(node, nodes.math_block) else "span"
    try:
        page.body.append(f'<{tag} class="formula">{tex2mathml(tex, as_block=tag == "div")}</{tag}>')
    except MathError as error:
        logging.getLogger(__name__).warning("%s in %s", error, tex, location=node)
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Make known what these pages need beside the extensions."""
    NbElementRenderer.render_image = render_image
    app.add_directive("public", Public)
    app.add_html_math_renderer("mathml", (show_formula, None), (show_formula, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
