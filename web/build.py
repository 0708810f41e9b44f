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
from pathlib import Path

import pages
import tables

from initlab import workbook
from initlab.classroom.ballot import Ballot
from initlab.explorers.picture import Picture

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# The explorer of the cover.
COVER = {
    "kind": "ActivationExplorer",
    "state": "std=1 activation=sigmoid initializer=normal depth=5 width=100 inputs=1000 seed=0",
    "shown": "",
}


def main():
    """Build the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "web")
    parser.add_argument("--only", nargs="+", metavar="NOTEBOOK", help="only these notebooks")
    parser.add_argument("--few-tables", action="store_true", help="only what each page starts with")
    given = parser.parse_args()
    katex = find_katex()
    chosen = [path for path in NOTEBOOKS if not given.only or path.stem in given.only]
    source = given.out.with_name(f"{given.out.name}-source")
    shutil.rmtree(source, ignore_errors=True)
    wanted = prepare(source, chosen, katex)
    if given.few_tables:
        wanted = [some[0] for some in wanted]
    else:
        wanted = [one for some in wanted for one in some]
    kept = ROOT / "build" / "tables"
    made = tables.write(kept, wanted)
    print(f"tables: {len(set(wanted))}, of these new: {len(made)}")
    (source / "extra" / "tables").mkdir()
    for one in set(wanted):
        name = f"{tables.name_of(one)}.js"
        shutil.copyfile(kept / name, source / "extra" / "tables" / name)
    shutil.rmtree(given.out, ignore_errors=True)
    os.environ["INITLAB_KATEX"] = str(katex / "katex.min.js")
    os.environ["INITLAB_SOME_PAGES"] = "1" if given.only else ""
    from sphinx.cmd.build import main as sphinx

    strictly = ["-q", "-W", "--keep-going", "-b", "html", "-d", f"{source}/.doctrees"]
    failed = sphinx([*strictly, str(source), str(given.out)])
    if failed:
        sys.exit(failed)
    colors = given.out / "_static" / "pygments.css"
    colors.write_text(re.sub(r" */\*.*?\*/", "", read(colors)), "utf-8")
    for name in (".buildinfo", "objects.inv"):
        (given.out / name).unlink(missing_ok=True)
    print(f"open {given.out / 'index.html'}")


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
        notebook = json.loads(path.read_text("utf-8"))
        wanted += [pages.offered_by(**told) for told in pages.explorers_of(notebook)]
        page = pages.page_of(notebook, path.stem, extra / "pictures")
        (source / path.name).write_text(json.dumps(page), "utf-8")
    workbook.fill(extra / "notebooks")
    (extra / "notebooks" / ".handed_out.json").unlink()
    wanted.append(pages.offered_by(**COVER))
    cover = pages.place(**COVER, number=1, still="")
    fill = {
        "EXPLORER": f"```{{raw}} html\n{cover}\n```",
        "NOTEBOOKS": "\n".join(path.stem for path in chosen),
        "LICENCE": (ROOT / "LICENSE").read_text("utf-8"),
    }
    for path in HERE.glob("*.md"):
        text = path.read_text("utf-8")
        for name, words in fill.items():
            text = text.replace(f"<!-- {name} -->", words)
        (source / path.name).write_text(text, "utf-8")
    teaching = (ROOT / "notebooks" / "TEACHING.md").read_text("utf-8")
    (source / "teaching.md").write_text(teaching, "utf-8")
    shutil.copyfile(HERE / "conf.py", source / "conf.py")
    (static / "initlab.js").write_text(script(), "utf-8")
    styles = [read(HERE / "static" / "page.css"), Picture._css, Ballot._css]
    (static / "page.css").write_text("\n".join(styles), "utf-8")
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
    drawing = Picture._esm.replace("export default { initialize, render };", "")
    asking = Ballot._esm.replace("export default { render };", "")
    parts = [
        f"const picture = (() => {{\n{drawing}\nreturn {{ initialize, render, decode }};\n}})();",
        f"const ballot = (() => {{\n{asking}\nreturn {{ render }};\n}})();",
        *(read(HERE / "static" / name) for name in ("explorers.js", "bets.js")),
    ]
    # Classic scripts, since modules can't be loaded from a folder on disk; without comments.
    lines = (line.strip() for line in "\n".join(parts).splitlines())
    code = [line for line in lines if line and not line.startswith("//")]
    return "\n".join(['"use strict";', *code])


def read(path):
    """Return the text of a file."""
    return path.read_text("utf-8")


if __name__ == "__main__":
    main()
