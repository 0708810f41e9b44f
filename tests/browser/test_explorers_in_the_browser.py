"""The explorers as a hand and an eye meet them: in JupyterLab, in Chromium or Chrome."""

import itertools
import json
import re
import time
from pathlib import Path

import lab_in_browser
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
# What makes an explorer with a table, and its std sliders.
EXPLORERS = {
    "ActivationExplorer(std=1.0)": ["std"],
    "SignalExplorer(std=1.0)": ["std"],
    "CompareExplorer('Xavier', 1.0)": ["std", "std_b"],
    "FoldExplorer(std=1.0)": ["std"],
}
# Controls that change what a hand does later, not what is to be seen now.
UNSEEN = {"lock"}
PICTURE = ".initlab-picture canvas"


def notebooks_with_explorers():
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    return [path.name for path in paths if "Explorer(" in path.read_text(encoding="utf-8")]


class Explorer:
    """One explorer in a small notebook of its own."""

    def __init__(self, lab, code, sliders):
        self.lab, self.page, self.sliders = lab, lab.page, sliders
        name = code.partition("(")[0]
        path = lab.root / f"{name}.ipynb"
        cells = f"from initlab.explorers import {name}\nexplorer = {code}\nexplorer", "explorer"
        lab_in_browser.write_notebook(path, *cells)
        lab.open(path.name)
        lab.run(0)
        self.begin()

    def begin(self):
        """Go back to how it was at first."""
        state = self.lab.ask("explorer.reset(); explorer.wait(); print(explorer.state)")
        self.page.wait_for_selector(f'{PICTURE}[data-ready="true"]')
        self.until(lambda: self.state_box().input_value() == state)

    def until(self, condition):
        """Wait until a condition holds; page and kernel tell each other the news in a while."""
        deadline = time.monotonic() + lab_in_browser.PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it never came"
            time.sleep(0.02)

    def value(self, name):
        """Return what the kernel says that a control is set to."""
        return json.loads(self.lab.ask(f"import json; print(json.dumps(explorer.{name}.value))"))

    def drawn(self, name="std", view=0):
        """Return the std that a picture says it shows."""
        text = self.page.locator(PICTURE).nth(view).get_attribute(f"data-{name.replace('_', '-')}")
        return float(text)

    def pixels(self, view=0):
        return self.page.locator(PICTURE).nth(view).evaluate("canvas => canvas.toDataURL()")

    def caption(self):
        return self.page.locator(".initlab-caption").first.inner_text()

    def control(self, name):
        return self.page.locator(f".initlab-{name.replace('_', '-')}").first

    def handle(self, name):
        return self.control(name).locator(".noUi-handle")

    def state_box(self):
        return self.page.locator(".initlab-explorer input[type=text]").first

    def button(self, words):
        return self.page.get_by_role("button", name=words, exact=True).first

    def sees(self, condition, argument=None):
        """Wait until a condition on the first canvas holds."""
        self.page.wait_for_function(
            f"(argument) => {{const canvas = document.querySelector('{PICTURE}');"
            f" return {condition};}}",
            arg=argument,
        )

    def sees_other_pixels_than(self, before):
        self.sees("canvas.dataset.ready === 'true' && canvas.toDataURL() !== argument", before)

    def agrees(self, name):
        """Wait until picture, readout and kernel say the same std."""
        readout = self.control(name).locator(".widget-readout")
        self.until(lambda: self.value(name) == self.drawn(name))
        self.until(lambda: self.lab.ask(f"print(explorer.{name}.label)") == readout.inner_text())


@pytest.fixture(scope="module", params=EXPLORERS, ids=lambda code: code.partition("(")[0])
def opened(lab, request):
    return Explorer(lab, request.param, EXPLORERS[request.param])


@pytest.fixture
def explorer(opened):
    opened.begin()
    opened.lab.errors.clear()
    yield opened
    assert opened.lab.errors == []


def test_keys_move_the_slider_and_the_picture_asks_no_kernel(explorer):
    for name in explorer.sliders:
        explorer.handle(name).focus()
        seen = [(explorer.drawn(name), explorer.pixels())]
        with explorer.lab.busy(explorer.lab.root):
            for key in ("ArrowRight", "Home", "ArrowRight", "End", "ArrowLeft"):
                explorer.page.keyboard.press(key)
                seen.append((explorer.drawn(name), explorer.pixels()))
        for before, after in itertools.pairwise(seen):
            assert before[0] != after[0]
            assert before[1] != after[1]
        explorer.agrees(name)


def test_picture_follows_the_mouse_while_the_button_is_down(explorer):
    mouse = explorer.page.mouse
    for name in explorer.sliders:
        track = explorer.control(name).locator(".noUi-base").bounding_box()
        knob = explorer.handle(name).bounding_box()
        mouse.move(knob["x"] + knob["width"] / 2, knob["y"] + knob["height"] / 2)
        mouse.down()
        seen = {}
        for part in (0.8, 0.6, 0.4, 0.2, 0.9):
            mouse.move(track["x"] + part * track["width"], track["y"] + 3, steps=3)
            seen[explorer.drawn(name)] = explorer.pixels()
        mouse.up()
        assert len(seen) == len(set(seen.values())) == 5
        explorer.agrees(name)


def change(explorer, name):
    """Change a control once, as a hand does."""
    control = explorer.control(name)
    if explorer.handle(name).count():
        explorer.handle(name).press("Home")
    elif control.locator("select").count():
        chosen = control.locator("select")
        chosen.select_option(index=2 if chosen.evaluate("box => box.selectedIndex") == 1 else 1)
    elif control.locator("input").count():
        control.locator("input").fill("7")
        explorer.page.keyboard.press("Enter")
    else:
        control.click()


def test_every_control_changes_kernel_picture_and_caption(explorer):
    state = explorer.lab.ask("print(explorer.state)")
    names = [part.partition("=")[0] for part in state.split()]
    assert set(explorer.sliders) < set(names)
    for name in explorer.lab.ask("print(*getattr(explorer, 'named', []))").split():
        explorer.button(name).click()
        std = explorer.lab.ask(f"print(explorer.std.from_text('{name}', explorer.width.value))")
        explorer.sees("canvas.dataset.std === String(Number(argument))", std)
    for name in names:
        explorer.begin()
        value, pixels, caption = explorer.value(name), explorer.pixels(), explorer.caption()
        change(explorer, name)
        if name not in UNSEEN:
            explorer.sees_other_pixels_than(pixels)
        explorer.until(lambda name=name, value=value: explorer.value(name) != value)
        if name in UNSEEN:
            continue
        assert explorer.caption() == explorer.lab.ask("print(explorer.reading().caption)"), name
        assert name == "difference" or explorer.caption() != caption, name


def test_a_pasted_state_is_shown_and_reset_goes_back(explorer):
    pixels, caption = explorer.pixels(), explorer.caption()
    box = explorer.state_box()
    before = box.input_value()
    box.fill("std=10 activation=relu width=30")
    explorer.page.keyboard.press("Enter")
    explorer.sees_other_pixels_than(pixels)
    explorer.sees("Number(canvas.dataset.std) === 10")
    assert explorer.value("activation") == "relu"
    assert explorer.caption() != caption
    explorer.agrees("std")
    box.fill("std=-1")
    explorer.page.keyboard.press("Enter")
    explorer.page.get_by_text("must be a number from 0 to 10").first.wait_for()
    explorer.button("reset").click()
    explorer.sees("canvas.toDataURL() === argument", pixels)
    assert explorer.caption() == caption
    assert box.input_value() == before


def test_two_views_follow_one_hand_and_a_cell_can_run_again(explorer):
    page = explorer.page
    explorer.lab.run(1)
    page.locator(PICTURE).nth(1).and_(page.locator('[data-ready="true"]')).wait_for()
    pixels = explorer.pixels(0), explorer.pixels(1)
    explorer.handle("std").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert explorer.drawn(view=0) == explorer.drawn(view=1)
    explorer.agrees("std")
    assert explorer.pixels(0) != pixels[0]
    assert explorer.pixels(1) != pixels[1]
    page.evaluate("window.panel.content.widgets[1].model.clearExecution()")
    explorer.lab.run(0)
    explorer.begin()
    assert page.locator(PICTURE).count() == 1
    explorer.handle("std").focus()
    page.keyboard.press("ArrowRight")
    explorer.agrees("std")


# The colours that are seen most in a picture, whatever its width is to a pixel.
COLORS = """(() => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Map();
    for (let at = 0; at < data.length; at += 4) {
        const color = data.slice(at, at + 4).join();
        if (data[at + 3] === 255) seen.set(color, (seen.get(color) ?? 0) + 1);
    }
    const most = [...seen].sort((a, b) => b[1] - a[1]).slice(0, 2);
    return most.map(([color]) => color).sort().join(" ");
})()"""


def test_a_dark_theme_draws_in_other_colours(explorer):
    light = explorer.page.locator(PICTURE).first.evaluate(f"canvas => {COLORS}")
    assert light
    theme = "window.jupyterapp.commands.execute('apputils:change-theme', {theme: '%s'})"
    explorer.page.evaluate(theme % "JupyterLab Dark")
    explorer.sees(f"{COLORS} !== argument", light)
    explorer.page.evaluate(theme % "JupyterLab Light")
    explorer.sees(f"{COLORS} === argument", light)


def test_picture_fits_the_window_and_the_screen(explorer):
    page = explorer.page
    fits = "canvas.width === Math.round(canvas.clientWidth * devicePixelRatio)"
    wide = page.locator(PICTURE).evaluate("canvas => canvas.width")
    size = page.viewport_size
    page.set_viewport_size({"width": 1100, "height": size["height"]})
    explorer.sees(f"canvas.width < argument && {fits}", wide)
    page.set_viewport_size(size)
    explorer.sees(f"canvas.width === argument && {fits}", wide)
    # Moved to a finer screen: seen at the next picture at the latest.
    page.evaluate("Object.defineProperty(window, 'devicePixelRatio', {value: 2, writable: true})")
    explorer.handle("std").press("ArrowRight")
    explorer.sees(f"canvas.width === 2 * argument && {fits}", wide)
    page.evaluate("window.devicePixelRatio = 1")
    explorer.handle("std").press("ArrowLeft")
    explorer.sees(f"canvas.width === argument && {fits}", wide)


def test_locked_sliders_keep_their_distance_up_to_the_end(lab):
    explorer = Explorer(lab, "CompareExplorer(0.1, 1.0)", ["std", "std_b"])
    places = "print(explorer.std.index, explorer.std_b.index)"
    first, second = map(int, lab.ask(places).split())
    explorer.control("lock").click()
    explorer.page.wait_for_function(
        "document.querySelector('.initlab-lock').matches('.mod-active')"
    )
    explorer.handle("std").press("ArrowRight")
    explorer.until(lambda: lab.ask(places) == f"{first + 1} {second + 1}")
    explorer.handle("std_b").press("ArrowRight")
    explorer.until(lambda: lab.ask(places) == f"{first + 2} {second + 2}")
    explorer.handle("std").press("End")  # B is at its end first, and A waits for it
    explorer.until(lambda: lab.ask(places) == f"{121 - (second - first)} 121")
    assert explorer.drawn("std_b") == 10
    explorer.button("swap A and B").click()
    explorer.until(lambda: lab.ask(places) == f"121 {121 - (second - first)}")
    explorer.handle("std").press("ArrowLeft")
    explorer.until(lambda: lab.ask(places) == f"120 {120 - (second - first)}")
    explorer.control("lock").click()
    explorer.handle("std").press("Home")
    explorer.until(lambda: lab.ask(places) == f"0 {120 - (second - first)}")
    assert lab.errors == []


# A training that goes on as far as it is told: so none is over before it has been looked at.
PACED = """
import time
from initlab.explorers import TrainingExplorer, training
limit, train = 0, training.training_curve

def paced(settings, dataset, callback):
    def told(step, loss):
        callback(step, loss)
        while step + 1 >= limit:
            time.sleep(0.01)
            callback(step, loss)
    return train(settings, dataset, told)

training.training_curve = paced
explorer = TrainingExplorer(steps=3000, depth=8)
explorer
"""


def test_curves_grow_while_the_kernel_answers_and_stop_and_keep_are_seen(lab):
    lab_in_browser.write_notebook(lab.root / "TrainingExplorer.ipynb", PACED)
    lab.open("TrainingExplorer.ipynb")
    lab.run(0)
    page, canvas = lab.page, lab.page.locator(PICTURE)
    page.locator(f'{PICTURE}[data-step="0"]').wait_for()
    page.locator(".initlab-rate select").select_option("0.1")
    page.get_by_text("rate 0.1: press train.").first.wait_for()
    page.get_by_role("button", name="train", exact=True).click()
    pictures = set()
    for step in (20, 40, 60):
        assert lab.ask(f"limit = {step}; print(limit)") == str(step)  # the kernel answers
        page.locator(f'{PICTURE}[data-step="{step}"]').wait_for()
        pictures.add(canvas.evaluate("canvas => canvas.toDataURL()"))
    assert len(pictures) == 3
    page.get_by_role("button", name="stop", exact=True).press("Enter")
    page.get_by_text("(stopped)").first.wait_for()
    assert lab.ask("print(explorer.reading().steps)") == canvas.get_attribute("data-step") == "60"
    page.get_by_role("button", name="keep", exact=True).press("Enter")
    page.locator(".initlab-start select").select_option("Xavier")
    page.get_by_role("button", name="train", exact=True).press("Enter")
    page.get_by_text("Xavier, relu, 8 hidden layers, rate 0.1: step 60").first.wait_for()
    assert lab.ask("print(explorer.picture.table.count(b'\"color\"'))") == "2"
    lab.ask("explorer.close()")
    assert lab.errors == []


def test_reopened_without_its_kernel_a_notebook_shows_the_picture_and_with_it_the_explorer(lab):
    path, page = lab.root / "reopened.ipynb", lab.page
    lab_in_browser.write_notebook(path, "import initlab.explorers as e\ne.PhaseExplorer()")
    lab.open(path.name)
    for output in lab.run(0):
        assert {"image/png", "application/vnd.jupyter.widget-view+json"} <= set(output["data"])
    page.evaluate("window.panel.context.save()")
    page.evaluate("window.panel.dispose(); window.panel = null")  # its kernel goes on running
    lab.open(path.name)
    page.locator(f'{PICTURE}[data-ready="true"]').wait_for()
    lab.open(path.name)  # another kernel, which knows nothing of the file's views ...
    page.evaluate("window.panel.dispose(); window.panel = null")
    lab.open(path.name)  # ... and goes on running, as when the page is loaded again
    page.locator(".jp-OutputArea-output img").wait_for()
    for _ in range(2):  # what the first one saves is opened by the second
        page.evaluate("window.panel.context.save()")
        lab.open(path.name)
        page.locator(".jp-OutputArea-output img").wait_for()
        assert page.locator(".jp-OutputArea-output").count() == 1
    assert lab.errors == []


def cells_to_run(sources):
    """Return the indices of the imports, the explorer and what reads it right behind."""
    indices = list(sources)
    at = next(number for number, index in enumerate(indices) if "Explorer(" in sources[index])
    imports = [index for index in indices[:at] if "use_style()" in sources[index]]
    after = [index for index in indices[at + 1 : at + 2] if "explorer." in sources[index]]
    return imports, indices[at], after


@pytest.mark.parametrize("notebook", notebooks_with_explorers())
def test_explorer_of_a_notebook_follows_the_hand(lab, notebook):
    lab.open(notebook)
    imports, explorer, after = cells_to_run(lab.sources())
    for index in itertools.chain(imports, [explorer], after):
        kinds = {output["output_type"] for output in lab.run(index)}
        assert "error" not in kinds, lab.sources()[index]
    lab.page.locator(f'{PICTURE}[data-ready="true"]').first.wait_for()
    assert lab.errors == []
    if "TrainingExplorer(" in lab.sources()[explorer]:
        if not after:  # the notebook leaves it to the reader
            lab.page.get_by_role("button", name="train", exact=True).press("Enter")
            lab.page.locator(f'{PICTURE}:not([data-step="0"])').first.wait_for()
            lab.page.get_by_role("button", name="stop", exact=True).press("Enter")
            lab.page.get_by_text("(stopped)").first.wait_for()
        assert int(lab.page.locator(PICTURE).first.get_attribute("data-step")) > 0
        return
    of_plane = "PhaseExplorer(" in lab.sources()[explorer]
    slider, shows = ("sigma-w", "data-sigma-w") if of_plane else ("std", "data-std")
    handle = lab.page.locator(f".initlab-{slider} .noUi-handle").first
    handle.focus()
    handle.press("End")  # wherever it begins
    for key in ("Home", "ArrowRight", "End", "ArrowLeft"):
        before = lab.page.locator(PICTURE).first.get_attribute(shows)
        handle.press(key)
        assert lab.page.locator(PICTURE).first.get_attribute(shows) != before
    assert lab.errors == []


FIRST_LOOK = """
from initlab.explorers import {0} as kind
explorer = kind(std="Xavier", activation="sigmoid").only_the_slider()
explorer
"""
# In words, and as Python says what the page must say.
SAID = """
from initlab.explorers import captions
others = [one.description for name, one in explorer._controls.items() if name != "std"]
names = [name for name in explorer.named if name.isalpha()]
print(*names, *others, "state", "reset", "across inputs", sep=";")
print(captions.first_look(explorer.reading().caption))
"""


@pytest.mark.parametrize(
    "name", [code.partition("(")[0] for code, sliders in EXPLORERS.items() if len(sliders) == 1]
)
def test_for_a_first_look_no_word_is_to_be_seen_that_is_not_explained(lab, name):
    path = lab.root / f"first_look_{name}.ipynb"
    lab_in_browser.write_notebook(path, FIRST_LOOK.format(name))
    lab.open(path.name)
    lab.run(0)
    lab.page.wait_for_selector(f'{PICTURE}[data-ready="true"]')
    lab.page.wait_for_function(f"document.querySelector('{PICTURE}').ariaLabel.startsWith('std 0')")
    output = lab.page.locator(".jp-OutputArea-output").first
    seen, (words, caption) = output.inner_text(), lab.ask(SAID).splitlines()
    assert caption in seen
    for word in words.split(";"):
        assert not re.search(rf"\b{re.escape(word)}\b", seen), word
    slider = output.get_by_role("slider")
    assert slider.count() == 1
    slider.press("Home")
    lab.page.wait_for_function(f"document.querySelector('{PICTURE}').dataset.std === '0'")
    assert lab.errors == []
