"""Sphinx, for the pages that ``build.py`` has prepared; see there."""

import os
import re

from sphinxcontrib.katex import KaTeXServer

project = "initlab"
author = "the initlab authors"
copyright = "the initlab authors"
extensions = [
    "myst_nb",
    "sphinxcontrib.katex",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
html_theme = "furo"
html_title = "initlab"
html_show_sphinx = False
html_copy_source = False
html_show_search_summary = False  # it would have to read files, which a page on disk may not
html_static_path = ["_static"]
html_extra_path = ["extra"]
html_css_files = ["page.css"]
html_favicon = "_static/icon.svg"
# Without the script nothing is hidden.
shown = "document.documentElement.classList.add('initlab-shown')"
html_js_files = [("initlab.js", {"defer": "defer", "onerror": shown})]
html_theme_options = {"navigation_with_keys": True}
templates_path = []
exclude_patterns = ["extra"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = "code"
nb_code_prompt_hide = "code"
napoleon_google_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"
katex_prerender = True
katex_js_path = os.environ["INITLAB_KATEX"]
# Over a port: over a file the extension connects before KaTeX listens, one time in a few.
KaTeXServer.start_server_process = KaTeXServer.start_network_socket
katex_css_path = "katex/katex.min.css"
# Titles of notebooks begin at level one, and their parts may skip a level in a folded answer.
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type", "ref.python"]
if os.environ.get("INITLAB_SOME_PAGES"):  # then links to the others lead nowhere
    suppress_warnings.append("myst.xref_missing")


def tab_stop(found):
    """Return the beginning of preformatted text, which the keyboard reaches if it is wide."""
    lines = re.sub(r"<[^>]*>|&\w+;", "", found[1]).splitlines()
    return f'<pre tabindex="0">{found[1]}' if max(map(len, lines)) > 100 else found[0]


def lighten(app, page, template, context, doctree):
    """Leave out of a page what it can do without, and name the level of the captions."""
    context["css_files"] = [
        # page.css has the few rules of it that are needed.
        one
        for one in context["css_files"]
        if "mystnb" not in str(getattr(one, "filename", one))
    ]
    for part in ("body", "furo_navigation_tree"):
        if part in context:
            text = context[part].replace('role="heading"', 'role="heading" aria-level="2"')
            # The source of a formula stands in its notebook.
            text = re.sub(r"<annotation [^>]*>.*?</annotation>", "", text, flags=re.DOTALL)
            # Names, brackets and blanks have no colour of their own.
            text = re.sub(r'<span class="(?:n|p|w)">([^<]*)</span>', r"\1", text)
            # Long lines scroll, by keyboard, too.
            text = re.sub(r"<pre>(.*?</pre>)", tab_stop, text, flags=re.DOTALL)
            context[part] = text.replace("<span></span>", "").replace(" notranslate", "")


def setup(app):
    """Connect to Sphinx, after the theme."""
    app.connect("html-page-context", lighten, priority=900)
