"""Leave the views of widgets out of saved notebooks: without a kernel they would be errors.

What an explorer shows remains: its picture, and its state.
"""

import json
from pathlib import Path

VIEW = "application/vnd.jupyter.widget-view+json"

for path in sorted(Path(__file__).parent.glob("*.ipynb")):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(VIEW, None)
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
