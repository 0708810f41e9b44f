"""A bet as a student places it in JupyterLab: by mouse, by keyboard, and seen again tomorrow."""

import lab_in_browser
import pytest

VIEW = "application/vnd.jupyter.widget-view+json"
LETTERS = """
from initlab.classroom import Prediction
bet = Prediction("Which side?", {"a": "heads", "b": "%s"})
bet
"""
NUMBER = """
from initlab.classroom import Prediction
bet = Prediction("How many of <b>100</b>?", unit="%")
bet
"""
ASKED = "Which side?\n  (a) heads\n  (b) tails"
SAVE = "window.jupyterapp.commands.execute('docmanager:save')"
BET, ELSEWHERE, REVEAL = range(3)


@pytest.fixture
def cells(lab, request):
    """Open a notebook: a bet, another view of it, and the measurement; return what cells show."""

    def open_with(source, measured):
        path = lab.root / "bets" / f"{request.node.name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        lab_in_browser.write_notebook(path, source, "bet", f"bet.reveal({measured!r})")
        lab.open(f"bets/{path.name}")
        lab.run(BET)

    yield open_with
    assert lab.errors == []


AGAIN = "To change your mind, run this cell again."


def form(lab, cell=BET):
    return lab.page.locator(".jp-Cell").nth(cell).locator(".initlab-bet")


def commit(lab):
    return form(lab).get_by_role("button", name="commit")


def shows(lab, cell, text):
    """Wait until the output of a cell is a text and nothing else, in the page and in the file."""
    lab.page.wait_for_function(
        """([index, text]) => {
            const outputs = window.panel.content.widgets[index].model.outputs.toJSON();
            return outputs.length === 1 && Object.keys(outputs[0].data).join() === "text/plain"
                && outputs[0].data["text/plain"] === text;
        }""",
        arg=[cell, text],
    )
    output = lab.page.locator(".jp-Cell").nth(cell).locator(".jp-OutputArea-output")
    output.get_by_text(text.splitlines()[-1]).wait_for()
    assert form(lab, cell).count() == 0


def test_by_mouse_the_mind_changed_and_reopened_after_the_kernel_has_ended(lab, cells):
    cells(LETTERS % "tails", "b")
    answers = form(lab).get_by_role("radio")
    assert [box.is_checked() for box in answers.all()] == [False, False]
    commit(lab).click()
    form(lab).get_by_text("Choose an answer first").wait_for()
    lab.run(ELSEWHERE)
    form(lab).get_by_text("heads").click()
    form(lab, ELSEWHERE).locator(":checked").wait_for()  # two views of one bet
    commit(lab).click()
    for cell in (BET, ELSEWHERE):
        shows(lab, cell, f"{ASKED}\nYou bet (a): heads\n{AGAIN}")
    (output,) = lab.run(BET)
    assert set(output["data"]) == {"text/plain", VIEW}
    assert output["data"]["text/plain"] == ASKED
    assert [box.is_checked() for box in answers.all()] == [True, False]
    form(lab).get_by_text("You bet (a): heads").wait_for()
    answers.nth(1).click()
    commit(lab).click()
    bet = f"{ASKED}\nYou bet (b): tails"
    shows(lab, BET, f"{bet}\n{AGAIN}")
    (output,) = lab.run(REVEAL)
    assert "You knew it" in output["text"]
    assert output["text"].endswith("\nBets won so far: 1 of 1.\n")
    for cell in (BET, ELSEWHERE):
        shows(lab, cell, bet)
    lab.run(BET)
    shows(lab, BET, bet)
    lab.page.evaluate(SAVE)
    path = lab.page.evaluate("window.panel.context.path")
    lab.open(path)  # with another kernel
    shows(lab, BET, bet)
    assert lab.page.get_by_text("Error displaying widget").count() == 0


def test_by_keyboard_while_the_kernel_is_busy(lab, cells):
    cells(LETTERS % "edge", "b")
    form(lab).get_by_role("radio").first.focus()
    with lab.busy(lab.root):  # so no answer has arrived before the next, nor before the click
        for key in ("Space", "ArrowDown", "Tab", "Enter"):
            lab.page.keyboard.press(key)
    shows(lab, BET, f"Which side?\n  (a) heads\n  (b) edge\nYou bet (b): edge\n{AGAIN}")


@pytest.mark.parametrize("keys", [["Enter"], ["Tab", "Enter"]], ids=len)
def test_a_number_by_keyboard(lab, cells, keys):
    cells(NUMBER, 50)
    box = form(lab).get_by_role("textbox")
    assert box.input_value() == ""
    form(lab).get_by_text("How many of <b>100</b>?").wait_for()
    form(lab).get_by_text("%").wait_for()
    # Into the box, wherever JupyterLab has put the focus in the meantime.
    box.press_sequentially("1,5")
    box.press("Enter")
    form(lab).get_by_text("Type a number, such as").wait_for()
    box.fill("")
    box.press_sequentially("47.5")
    for key in keys:
        lab.page.keyboard.press(key)
    shows(lab, BET, f"How many of <b>100</b>? (a number, in %)\nYou bet: 47.5 %\n{AGAIN}")
    (output,) = lab.run(REVEAL)
    assert output["text"].startswith("You bet: 47.5 %\nMeasured: 50 %\nYou knew it.")


def test_without_a_bet_the_question_stays(lab, cells):
    cells(LETTERS % "none", "b")
    asked = "Which side?\n  (a) heads\n  (b) none"
    (output,) = lab.run(REVEAL)
    assert output["text"] == "Measured (b): none\n"
    shows(lab, BET, asked)


# JupyterLab lays its cells out a while after the window has changed, so all is asked at one moment.
WRAPPED = """form => {
    const [label] = form.querySelectorAll("label:nth-of-type(2)");
    const [inside, around] = [label, form].map((one) => one.getBoundingClientRect());
    const lines = inside.height / parseFloat(getComputedStyle(label).fontSize);
    const below = form.querySelector("button").getBoundingClientRect().top >= inside.bottom;
    const fits = inside.right <= around.right && around.right <= window.innerWidth;
    return lines > 4 && label.scrollWidth <= label.clientWidth && fits && below;
}"""


def test_long_answers_wrap_in_a_narrow_window(lab, cells):
    cells(LETTERS % ("many words, " * 40), "b")
    size = lab.page.viewport_size
    for width in (size["width"], 700):
        lab.page.set_viewport_size({"width": width, "height": size["height"]})
        lab.page.wait_for_function(WRAPPED, arg=form(lab).element_handle())
    lab.page.set_viewport_size(size)
