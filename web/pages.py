"""A notebook as a page: what its readers see, with figures, explorers and bets for a page.

The outputs are the saved ones. Check cells are left out, and folded code stays folded. A figure
becomes an image with the notebook's alternative text, an explorer or a bet a place that the scripts
of the page bring to life (``static/``). Without scripts, the still picture and all texts are there.
"""

import ast
import base64
import html
import json
import math
import re
import struct

import tables

from initlab.classroom.sheet import ANSWERS, Sheet, parts_of

EXPLORER = "application/vnd.initlab.explorer+json"
MEASURED = re.compile(r"^Measured(?: \((?P<letter>\w+)\))?: (?P<said>.*)$", re.MULTILINE)
# A paragraph that tells how to use a notebook in Jupyter.
IN_JUPYTER = re.compile(r"^In Jupyter, (?:.+\n?)+", re.MULTILINE)
VERDICT = re.compile(r"\b(\d+) (holds|half true|false|depends on the draw)\b")
NUMBERS = re.compile(r"(?P<value>\S+?)(?: [^\d(]\S*)?(?: \((?P<low>\S+) to (?P<high>\S+)\))?$")


def page_of(notebook, name, pictures):
    """Return a notebook as it is given to Sphinx.

    Parameters
    ----------
    notebook : dict
    name : str
        Of the file, without its ending.
    pictures : Path
        The folder for its figures.

    Returns
    -------
    dict
    """
    cells = [cell for cell in notebook["cells"] if "check" not in _tags(cell)]
    bets, places = _bets(cells, name) | _sheets(cells, name), 0
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            cell["source"] = IN_JUPYTER.sub("", "".join(cell["source"]))
            continue
        asks = number in bets
        tags = [
            f"until-{bet['id']}" for bet in bets.values() if number in bet["hides"] and not asks
        ]
        if is_folded(cell):
            tags.append("hide-input")
        cell["metadata"] = {"tags": tags}
        outputs = []
        for output in cell["outputs"]:
            data = output.get("data", {})
            if EXPLORER in data:
                places += 1
                still = figure(output, pictures, f"{name}-{number}-{len(outputs)}")
                outputs.append(_html(explorer(**data[EXPLORER], number=places, still=still)))
            elif "image/png" in data:
                outputs.append(_html(figure(output, pictures, f"{name}-{number}-{len(outputs)}")))
            else:
                if "text" in output:  # on a page the sheet tells of votes
                    output["text"] = "".join(output["text"]).removeprefix("no votes\n")
                if "text/markdown" in data:
                    words = "".join(data["text/markdown"])
                    data["text/markdown"] = words.replace(".ipynb)", ".html)")
                outputs.append(output)
        if asks:
            place = _sheet if "claims" in bets[number] else _ballot
            outputs = [_html(place(bets[number]))]
        cell["outputs"] = outputs
    link = (
        "<p><em>Here all cells have been run: place your bets, look, and move the sliders.</em>"
        f' (<a href="notebooks/{name}.ipynb" download>Download this notebook</a>,'
        ' and <a href="run.html">run it yourself</a>.)</p>'
    )
    told = {"cell_type": "markdown", "id": "download", "metadata": {}, "source": link}
    cells.insert(1, told)
    return notebook | {"cells": cells}


def in_a_line(name, notebook):
    """Return a link to a notebook, with the question that it begins with."""
    begin = "".join(notebook["cells"][0]["source"])
    title = re.search(r"^# (.*)$", begin, re.MULTILINE)[1]
    question = re.search(r"^\*\*(.*)\*\*$", begin, re.MULTILINE)
    return f"- [{title}]({name}.ipynb)" + (f": {question[1]}" if question else "")


def is_folded(cell):
    """Return whether a cell's code is folded on a page: as in the notebook, and imports, too."""
    imports = "".join(cell["source"]).startswith(("import ", "from "))
    return imports or cell["metadata"].get("jupyter", {}).get("source_hidden", False)


def _tags(cell):
    return cell["metadata"].get("tags", [])


def _html(text):
    data = {"text/html": text, "text/plain": ""}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def figure(output, pictures, name):
    """Write a figure into the folder, and return it as HTML with its alternative text."""
    png = base64.b64decode(output["data"]["image/png"])
    (pictures / f"{name}.png").write_bytes(png)
    wide, high = struct.unpack(">II", png[16:24])
    words = output["metadata"].get("image/png", {}).get("alt", "")
    source = f"pictures/{name}.png"
    return (
        f'<a href="{source}" title="the figure alone"><img class="initlab-figure" src="{source}"'
        f' width="{wide}" height="{high}" loading="lazy" alt="{html.escape(words)}"></a>'
    )


def rules_in_use(styles, texts):
    """Return the rules for the colours of code, without comments and those that no page needs."""
    used = {name for text in texts for name in re.findall(r'<span class="(\w+)">', text)}
    lines = re.sub(r" */\*.*?\*/", "", styles).splitlines()
    needed = [re.search(r"\.highlight \.(\w+) ", line) for line in lines]
    pairs = zip(lines, needed, strict=True)
    return "\n".join(line for line, name in pairs if name is None or name[1] in used)


# --------------------------------------------------------------------------------- explorers


def explorers_of(notebook):
    """Return what a notebook has saved of its explorers: kind, state, and what is shown."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return [one["data"][EXPLORER] for one in outputs if EXPLORER in one.get("data", {})]


def offered_by(kind, state, shown):
    """Return all settings that an explorer on a page can show, those it begins with first."""
    shown = shown.split()
    values, settings = tables.read(kind, state)
    offered = tables.offered(kind, settings)
    if kind == "CompareExplorer":
        offered.append(tables.other_side(kind, values))
    if shown:
        fixed = [name for name in settings.__dataclass_fields__ if name not in shown]
        offered = [
            one
            for one in offered
            if all(getattr(one, name) == getattr(settings, name) for name in fixed)
        ]
    return list(dict.fromkeys(offered))


def explorer(kind, state, shown, number, still, simple=False):
    """Return the place of an explorer: what the page's script needs, and a still picture.

    One that shows only some controls is bare: it has no buttons, and a simple picture.
    """
    values, settings = tables.read(kind, state)
    offered = offered_by(kind, state, shown)
    fields = settings.__dataclass_fields__
    varying, fixed = [], []
    for name, one in fields.items():
        options = list(dict.fromkeys(tables.as_text(getattr(other, name)) for other in offered))
        label = one.metadata["label"] or name
        if len(options) > 1:
            known = [tables.as_text(option) for option in one.metadata.get("options", [])]
            options.sort(key=known.index if known else int)
            varying.append({"name": name, "label": label, "options": options})
        elif not shown:
            fixed.append(f"{label} {options[0]}")
    names = [one["name"] for one in varying]
    told = {
        "kind": kind,
        "number": number,
        "bare": bool(shown),
        "simple": simple or bool(shown),
        "version": tables.version(),
        "state": values,
        "controls": varying,
        "fixed": fixed,
        "tables": {
            " ".join(tables.as_text(getattr(one, name)) for name in names): tables.name_of(one)
            for one in offered
        },
    }
    # Each setting can be chosen whatever the others are.
    if len(told["tables"]) != math.prod(len(one["options"]) for one in varying):
        raise ValueError(f"{kind}: not all settings are offered with all others")
    inside = still + _told(told)
    return f'<div class="initlab-place" id="explorer-{number}" data-kind="{kind}">{inside}</div>'


def _told(values):
    """Return what a script is told, where it finds it; no text ends the element early."""
    data = json.dumps(values).replace("<", "\\u003c")
    return f'<script type="application/json">{data}</script>'


# -------------------------------------------------------------------------------------- bets


def _bets(cells, page):
    """Return the bets of a page, by the number of the cell that asks.

    Each knows its question, choices and unit, the answer that was measured, and which cells show
    it: those up to its measurement, and the figures that follow at once.
    """
    bets, revealed = {}, {}
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        nodes = list(ast.walk(ast.parse("".join(cell["source"]), f"{page}, cell {number}")))
        for node in nodes:
            call = getattr(node, "value", None)
            if isinstance(node, ast.Assign) and _calls(call, "Prediction"):
                given = {one.arg: ast.literal_eval(one.value) for one in call.keywords}
                question, *rest = map(ast.literal_eval, call.args)
                name = node.targets[0].id
                bets[number] = {
                    "id": name.replace("_", "-"),
                    "name": name,
                    "page": page,
                    "question": question,
                    "choices": list((rest[0] if rest else given.get("choices", {})).items()),
                    "unit": given.get("unit", ""),
                }
        answers = [
            node.func
            for node in nodes
            if isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "reveal"
        ]
        answers.sort(key=lambda func: func.lineno)
        # Each bet once: one may be revealed in two branches.
        names = list(dict.fromkeys(func.value.id for func in answers))
        revealed |= {name: (number, names) for name in names}
    if len({bet["name"] for bet in bets.values()}) < len(bets):
        raise ValueError(f"{page}: two bets have the same name")
    for asked, bet in bets.items():
        if bet["name"] not in revealed:
            raise ValueError(f"{page}: {bet['name']} is never revealed")
        shown, names = revealed[bet["name"]]
        bet |= _measured(cells[shown], bet, names)
        end = shown + 1
        while end < len(cells) and cells[end]["cell_type"] == "code" and end not in bets:
            end += 1
        bet["hides"] = range(asked + 1, end)
    return bets


def _calls(node, name):
    return isinstance(node, ast.Call) and getattr(node.func, "id", None) == name


def _measured(cell, bet, revealed):
    """Return what a cell printed for a bet: the answer, and between which numbers one wins."""
    streams = [output["text"] for output in cell["outputs"] if output["output_type"] == "stream"]
    found = list(MEASURED.finditer("".join("".join(text) for text in streams)))
    if len(found) != len(revealed):
        raise ValueError(f"{bet['name']}: {len(revealed)} answers asked for, {len(found)} printed")
    one = found[revealed.index(bet["name"])]
    if bet["choices"]:
        return {"answer": one["letter"], "said": one[0]}
    numbers = NUMBERS.fullmatch(one["said"])
    if numbers is None:
        raise ValueError(f"{bet['name']}: no number in {one[0]!r}")
    value, low, high = (
        None if text is None else float(text.replace(",", "")) for text in numbers.groups()
    )
    found = {"answer": value, "said": one[0], "spread": low is not None}
    if low is None:  # as Prediction.reveal
        low, high = sorted((0.9 * value, 1.1 * value))
    return found | {"low": low, "high": high}


def _ballot(bet):
    told = {name: value for name, value in bet.items() if name not in ("hides", "name")}
    choices = "".join(
        f"<li>({html.escape(letter)}) {html.escape(text)}</li>" for letter, text in bet["choices"]
    )
    return (
        f'<div class="initlab-bet-place" id="bet-{bet["id"]}"><p>{html.escape(bet["question"])}</p>'
        f"<ul>{choices}</ul>{_told(told)}</div>"
    )


def _sheets(cells, page):
    """Return the sheet of a page, by the number of the cell that shows it, as ``_bets`` does.

    The verdicts are read from the alternative text of the board that answers it.
    """
    sheets = {}
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "code" or "Sheet()" not in "".join(cell["source"]):
            continue
        shown, verdicts = _board(cells, number)
        sheet = Sheet()
        if verdicts.keys() != sheet.votes.keys():
            raise ValueError(f"{page}: the board judges claims {list(verdicts)}")
        claims = [
            {"number": one, "text": text, "parts": parts_of(one), "verdict": verdicts[one]}
            for one, text, *_ in sheet.lines([])
        ]
        hides = range(number + 1, shown + 1)
        sheets[number] = {"id": "sheet", "page": page, "claims": claims, "hides": hides}
    return sheets


def _board(cells, start):
    """Return the number of the first cell from a start whose figure tells verdicts, and these."""
    for number, cell in enumerate(cells[start:], start):
        for output in cell.get("outputs", []):
            words = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            verdicts = {int(claim): verdict for claim, verdict in VERDICT.findall(words)}
            if verdicts:
                return number, verdicts
    raise ValueError(f"no board answers the sheet of cell {start}")


def _sheet(sheet):
    claims = "".join(
        f"<li>{html.escape(claim['text'])}{''.join(map(_part, claim['parts']))}</li>"
        for claim in sheet["claims"]
    )
    told = {name: value for name, value in sheet.items() if name != "hides"} | {"answers": ANSWERS}
    return f'<div class="initlab-sheet-place" id="sheet"><ol>{claims}</ol>{_told(told)}</div>'


def _part(text):
    return f"<br><small>{html.escape(text)}</small>"
