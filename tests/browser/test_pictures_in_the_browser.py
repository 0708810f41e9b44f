"""The drawing scripts alone, in a bare page: no words leave the picture or lie on each other."""

import base64
import inspect

import ipywidgets
import numpy as np
import pytest

from initlab import Dataset, explorers
from initlab.explorers import (
    ActivationExplorer,
    CompareExplorer,
    FoldExplorer,
    PhaseExplorer,
    SignalExplorer,
    TrainingExplorer,
)
from initlab.explorers.picture import Picture

# Draws a picture, and returns the boxes of all words: [words, left, top, right, bottom].
DRAW = """
async ([bytes, values, wide]) => {
  const binary = atob(bytes);
  const table = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  const all = { ...values, table: new DataView(table.buffer) };
  const model = { get: (name) => all[name], on() {}, off() {} };
  const element = document.createElement("div");
  element.style.width = `${wide}px`;
  document.body.replaceChildren(element);
  window.boxes = [];
  window.explorers.render({ model, el: element });
  const canvas = element.querySelector("canvas").getBoundingClientRect();
  return [window.boxes, canvas.width, canvas.height];
}
"""
# Notes the words; a picture that is begun anew begins with a clear canvas.
WATCH = """
const pen = CanvasRenderingContext2D.prototype;
const [write, clear] = [pen.fillText, pen.clearRect];
pen.fillText = function (words, x, y) {
  const size = this.measureText(words);
  const corners = [
    [x - size.actualBoundingBoxLeft, y - size.actualBoundingBoxAscent],
    [x + size.actualBoundingBoxRight, y + size.actualBoundingBoxDescent],
  ].map(([left, top]) => new DOMPoint(left, top).matrixTransform(this.getTransform()));
  const [xs, ys] = [corners.map((corner) => corner.x), corners.map((corner) => corner.y)];
  window.boxes.push([words, Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]);
  write.call(this, words, x, y);
};
pen.clearRect = function (...box) {
  window.boxes = [];
  clear.apply(this, box);
};
"""


@pytest.fixture(scope="module")
def page(chromium):
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.add_style_tag(content=f"body {{font-family: sans-serif}} {Picture._css}")
    script = Picture._esm.replace("export default", "window.explorers =")
    page.add_script_tag(content=f"{WATCH} {script} Object.assign(window, {{percent, shown}});")
    return page


def training():
    rng = np.random.default_rng(0)
    x, y = rng.random((200, 784), dtype=np.float32), rng.integers(10, size=200)
    explorer = TrainingExplorer(Dataset(x, y, x, y), steps=100)
    for start in ("He", "std 1", "Xavier"):
        explorer.start.value = start
        explorer.train()
        explorer.wait()
    return explorer


EXPLORERS = {
    "activations": lambda: ActivationExplorer(std="He", activation="relu", inputs=100),
    "no signal": lambda: ActivationExplorer(std=0.0, activation="relu", depth=8, inputs=50),
    "overflow": lambda: ActivationExplorer(std=10.0, activation="relu", depth=30, inputs=50),
    "signals": lambda: SignalExplorer(std="Xavier"),
    "comparison": lambda: CompareExplorer("Xavier", 1.0, inputs=100),
    "two piles": lambda: FoldExplorer(std=10.0, width=1000),
    "fold off scale": lambda: FoldExplorer(std=1.0, activation="identity"),
    "plane": lambda: PhaseExplorer(depth=5, width=20),
    "training": training,
}


@pytest.mark.parametrize("wide", [1300, 620])
@pytest.mark.parametrize("name", EXPLORERS)
def test_words_stay_in_the_picture_and_apart_from_each_other(page, name, wide):
    explorer = EXPLORERS[name]()
    explorer.wait()
    picture = explorer.picture
    values = {key: getattr(picture, key) for key in ("position", "position_b", "difference")}
    values |= {"message": picture.message, "locked": False}
    encoded = base64.b64encode(picture.table).decode()
    explorer.close()
    boxes, width, height = page.evaluate(DRAW, [encoded, values, wide])
    assert len(boxes) > 5
    for words, left, top, right, bottom in boxes:
        assert -1 <= left <= right <= width + 1, words
        assert -1 <= top <= bottom <= height + 1, words
    for index, (words, *box) in enumerate(boxes):
        for other, *second in boxes[:index]:
            across = min(box[2], second[2]) - max(box[0], second[0])
            down = min(box[3], second[3]) - max(box[1], second[1])
            subscript = 1 in (len(words), len(other))
            assert across <= 1 or down <= 1 or subscript, (words, other)


def test_every_explorer_is_drawn():
    kinds = [kind for kind in vars(explorers).values() if inspect.isclass(kind)]
    drawn = {type(make()) for make in EXPLORERS.values()}
    assert drawn == {kind for kind in kinds if issubclass(kind, ipywidgets.VBox)}


def test_the_page_writes_numbers_as_the_captions_do(page):
    shares = [0.0, 0.004, 0.006, 0.5, 0.994, 0.996, 1.0]
    expected = ["0 %", "< 1 %", "1 %", "50 %", "99 %", "> 99 %", "100 %"]
    assert [page.evaluate(f"percent({share})") for share in shares] == expected
    numbers = {"0": "0", "0.01234": "0.0123", "1e-5": "1.0e-5", "12345": "1.2e+4", "-3": "-3"}
    assert {number: page.evaluate(f"shown({number})") for number in numbers} == numbers
    assert page.evaluate("[percent(NaN), shown(NaN), shown(Infinity)]") == [
        "none",
        "none",
        "overflow",
    ]
