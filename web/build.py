"""The course as pages that need nothing but a browser: ``python web/build.py``.

Needs the extra ``web`` of the project, and, for building only, node and KaTeX (``npm install
--prefix web``): formulas are set here, and not by the reader's browser.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import pages
import tables

from initlab import workbook
from initlab.classroom.ballot import Ballot
from initlab.explorers import ActivationExplorer
from initlab.explorers.picture import Picture

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def main():
    """Build the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "web")
    stems = [path.stem for path in NOTEBOOKS]
    parser.add_argument("--only", nargs="+", choices=stems, help="only these notebooks")
    parser.add_argument("--few-tables", action="store_true", help="only what each page starts with")
    given = parser.parse_args()
    chosen = [path for path in NOTEBOOKS if not given.only or path.stem in given.only]
    out = given.out.resolve()
    if out.is_dir() and any(out.iterdir()) and not (out / "_static" / "initlab.js").is_file():
        sys.exit(f"web: {out} has other files; it would be emptied")
    katex = find_katex()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="web-", dir=out.parent) as room:
        source, fresh = Path(room, "source"), Path(room, "new")
        wanted = prepare(source, chosen, katex)
        wanted = [one for some in wanted for one in (some[:1] if given.few_tables else some)]
        made = tables.write(source / "extra" / "tables", set(wanted), ROOT / "build" / "tables")
        print(f"tables: {len(set(wanted))}, of these new: {made}")
        os.environ["INITLAB_KATEX"] = str(katex / "katex.min.js")
        os.environ["INITLAB_SOME_PAGES"] = "1" if given.only else ""
        run_sphinx(source, fresh)
        shutil.rmtree(out, ignore_errors=True)
        fresh.rename(out)
    print(f"open {out / 'index.html'}")


def run_sphinx(source, fresh):
    """Build the pages, and make what they share lighter."""
    from sphinx.cmd.build import main as sphinx

    strictly = ["-q", "-W", "--keep-going", "-b", "html", "-d", f"{source}/.doctrees"]
    failed = sphinx([*strictly, str(source), str(fresh)])
    if failed:
        sys.exit(failed)
    colors = fresh / "_static" / "pygments.css"
    colors.write_text(pages.rules_in_use(read(colors), map(read, fresh.glob("*.html"))), "utf-8")
    for name in (".buildinfo", "objects.inv"):
        (fresh / name).unlink(missing_ok=True)


def find_katex():
    """Return the folder of KaTeX, or say what is missing."""
    if shutil.which("node") is None:
        sys.exit("web: node is missing (https://nodejs.org); it sets the formulas when building")
    folder = Path(os.environ.get("INITLAB_KATEX_DIST", HERE / "node_modules" / "katex" / "dist"))
    if not (folder / "katex.min.js").is_file():
        sys.exit(
            "web: KaTeX is missing; run: npm install --no-package-lock --prefix web\n"
            "or name its folder dist in INITLAB_KATEX_DIST"
        )
    return folder.resolve()


def prepare(source, chosen, katex):
    """Write all that Sphinx is given; return for each explorer the settings that it can show."""
    extra, static = source / "extra", source / "_static"
    for folder in (extra / "pictures", static / "katex"):
        folder.mkdir(parents=True)
    wanted = []
    for path in chosen:
        notebook = json.loads(read(path))
        wanted += [pages.offered_by(**told) for told in pages.explorers_of(notebook)]
        page = pages.page_of(notebook, path.stem, extra / "pictures")
        (source / path.name).write_text(json.dumps(page), "utf-8")
    workbook.fill(extra / "notebooks")
    (extra / "notebooks" / ".handed_out.json").unlink()
    explorer = ActivationExplorer(std=1.0)  # of the cover
    data, words = explorer._repr_mimebundle_()
    explorer.close()
    wanted.append(pages.offered_by(**data[pages.EXPLORER]))
    still = pages.figure({"data": data, "metadata": words}, extra / "pictures", "cover")
    cover = pages.explorer(**data[pages.EXPLORER], number=1, still=still, simple=True)
    fill = {
        "EXPLORER": f"```{{raw}} html\n{cover}\n```",
        "SERIES": "\n".join(pages.in_a_line(path.stem, json.loads(read(path))) for path in chosen),
        "NOTEBOOKS": "\n".join(path.stem for path in chosen),
        "LICENCE": read(ROOT / "LICENSE"),
    }
    for path in HERE.glob("*.md"):
        text = read(path)
        for name, words in fill.items():
            text = text.replace(f"<!-- {name} -->", words)
        (source / path.name).write_text(text, "utf-8")
    shutil.copyfile(ROOT / "notebooks" / "TEACHING.md", source / "teaching.md")
    shutil.copyfile(HERE / "conf.py", source / "conf.py")
    (static / "initlab.js").write_text(script(), "utf-8")
    shutil.copyfile(HERE / "static" / "icon.svg", static / "icon.svg")
    styles = [read(HERE / "static" / "page.css"), Picture._css, Ballot._css]
    without = re.sub(r"/\*.*?\*/", "", "\n".join(styles), flags=re.DOTALL)
    (static / "page.css").write_text(re.sub(r"\s*\n\s*", "\n", without), "utf-8")
    # Every browser that runs the pages reads the newest of the three kinds of fonts.
    fonts = re.sub(
        r",url\([^)]*\) format\(\"(woff|truetype)\"\)", "", read(katex / "katex.min.css")
    )
    (static / "katex" / "katex.min.css").write_text(fonts, "utf-8")
    shutil.copytree(
        katex / "fonts",
        static / "katex" / "fonts",
        ignore=shutil.ignore_patterns("*.ttf", "*.woff"),
    )
    return wanted


def script():
    """Return the one script of all pages: what draws and asks in notebooks, and its hosts here."""
    parts = [
        f"const picture = {wrapped(Picture._esm, 'initialize, render', more=', decode')};",
        f"const ballot = {wrapped(Ballot._esm, 'render', more=', element')};",
        *(read(HERE / "static" / name) for name in ("explorers.js", "bets.js")),
    ]
    # One classic script, since modules can't be loaded from a folder on disk; without comments.
    lines = (line.lstrip() for line in "\n".join(parts).splitlines())
    code = [line for line in lines if line and not line.startswith("//")]
    return "\n".join(['(() => {\n"use strict";', *code, "})();\n"])


def wrapped(module, exports, more=""):
    """Return a module as an expression that has its exports, and more of its names."""
    export = f"export default {{ {exports} }};"
    if export not in module:
        raise ValueError(f"a script no longer has the line {export!r}")
    return f"(() => {{\n{module.replace(export, '')}\nreturn {{ {exports}{more} }};\n}})()"


def read(path):
    """Return the text of a file."""
    return path.read_text("utf-8")


if __name__ == "__main__":
    main()
