"""Leave the views of widgets out of saved notebooks: without a kernel they would be errors.

What an explorer shows remains: its picture, and its state. The cells are numbered as in a run with
the checks, which the tests make.
"""

import json
from pathlib import Path

VIEW = "application/vnd.jupyter.widget-view+json"

for path in sorted(Path(__file__).parent.glob("*.ipynb")):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(code, start=1):
        cell["execution_count"] = number
        for output in cell["outputs"]:
            output.get("data", {}).pop(VIEW, None)
            if "execution_count" in output:
                output["execution_count"] = number
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
