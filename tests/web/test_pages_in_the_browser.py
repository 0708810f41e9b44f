"""The pages as their readers use them: slider, hand and finger, bets, links, search, the dark."""

import json
from itertools import pairwise, product

import pages
import pytest
import tables
from site_of_pages import SOME, WEB, miss, notebook_of

from initlab.classroom import Prediction, prediction
from initlab.classroom.sheet import Sheet
from initlab.explorers import captions
from initlab.explorers.tables import ScrubTable

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


def places_of(names):
    """Return each place that has sliders: page, number, and what the notebook has saved."""
    found = []
    for name in names:
        for number, one in enumerate(pages.explorers_of(notebook_of(name)), start=1):
            if one["kind"] != "TrainingExplorer":
                found.append((name, number, one))
    return found


def show_all(page):
    """Show what open bets hide, if there are any."""
    shown = page.get_by_role("button", name="show all measurements")
    if shown.is_visible():
        shown.click()


def draw_all(page):
    """Scroll to each explorer of a page, until it is drawn."""
    show_all(page)
    for place in page.locator(".initlab-place").all():
        place.scroll_into_view_if_needed()
        place.locator("canvas").wait_for()


def wake(page, number=1):
    show_all(page)
    place = page.locator(f"#explorer-{number}")
    place.scroll_into_view_if_needed()
    place.locator("canvas").wait_for()
    page.wait_for_function(
        "number => document.querySelector(`#explorer-${number} .initlab-caption`).textContent",
        arg=number,
    )
    return place


def caption_of(place):
    return place.locator(".initlab-caption").text_content()


def known_caption(one, *steps, **other):
    """Return Python's caption so many steps from where an explorer begins, with other settings."""
    values, settings = tables.read(one["kind"], one["state"])
    sides = [settings]
    if one["kind"] == "CompareExplorer":
        sides.append(tables.other_side(one["kind"], values))
    found = []
    for side, letter in zip(sides, ("", "_b"), strict=False):
        table = ScrubTable(tables.replace(side, **other) if not letter else side)
        sliders = tables._labels(table.settings)
        positions = [at(slider, values[name + letter]) for name, slider in slid(one, sliders)]
        positions = [a + b for a, b in zip(positions, steps if not letter else [0], strict=False)]
        position = positions[0]
        if len(positions) == 2:
            position += positions[1] * len(sliders[0]["labels"])
        found.append(table.reading(position).caption)
    if len(found) == 2:
        return f"A: {found[0]} B: {found[1]}"
    return captions.first_look(found[0]) if one["shown"] else found[0]


def slid(one, sliders):
    names = ["sigma_w", "sigma_b"] if one["kind"] == "PhaseExplorer" else ["std"]
    return zip(names, sliders, strict=True)


def at(slider, text):
    return [label.partition(" (")[0] for label in slider["labels"]].index(text)


def test_nothing_goes_wrong_on_any_page_from_a_folder_or_over_http(visit, site, server):
    paths = [path.stem for path in site.glob("*.html")]
    for base, name in product([site.as_uri(), server], paths):
        page = visit(name, base)
        page.wait_for_load_state()
        draw_all(page)
        page.context.close()


def test_each_explorer_moves_by_key_and_says_what_python_says(visit, names):
    for name, number, one in places_of(names):
        page = visit(name)
        place = wake(page, number)
        steps = (0, 0) if one["kind"] == "PhaseExplorer" else (0,)
        assert caption_of(place) == known_caption(one, *steps)
        place.locator("input[type=range]").first.focus()
        for key in ("ArrowLeft", "ArrowLeft", "ArrowRight"):
            page.keyboard.press(key)
        assert caption_of(place) == known_caption(one, -1, *steps[1:])
        page.context.close()


def test_each_explorer_follows_mouse_and_finger(visit, names):
    for name, number, _ in places_of(names):
        for settings in ({}, PHONE):
            page = visit(name, **settings)
            place = wake(page, number)
            slider = place.locator("input[type=range]").first
            box, before = slider.bounding_box(), caption_of(place)
            # Inside the slider, wherever a picture that has just come has moved it.
            begin, end = (
                {"x": part * box["width"], "y": box["height"] / 2} for part in (0.6, 0.25)
            )
            if settings:
                slider.tap(position=end)
            else:
                slider.hover(position=begin)
                page.mouse.down()
                slider.hover(position=end)
                page.mouse.up()
            assert caption_of(place) != before
            page.context.close()


def test_a_link_shows_exactly_this_picture(visit, site):
    page = visit("index")
    place = wake(page)
    for _ in range(3):
        place.locator("input[type=range]").press("ArrowRight")
    seen = caption_of(place)
    page.wait_for_function("location.hash.includes('std=')")
    hash_ = page.evaluate("location.hash")
    assert caption_of(wake(visit(f"index.html{hash_}"))) == seen
    # A link that is opened while its page is open.
    page.evaluate("location.hash = '#explorer-1&std=10'")
    page.wait_for_function("document.querySelector('.initlab-readout').textContent === '10'")


def test_a_link_reaches_an_explorer_far_down_the_page(visit):
    page = visit(f"{SOME[0]}.html#explorer-2&std=0.1")
    place = page.locator("#explorer-2")
    place.locator("canvas").wait_for()
    page.wait_for_function("scrollY > 1000")
    page.wait_for_function(
        "document.querySelector('#explorer-2 .initlab-readout').textContent === '0.1'"
    )
    assert place.evaluate("one => one.getBoundingClientRect().top") < 900


@pytest.mark.parametrize(
    "values", ["std", "std=constructor", "std=abc", "std=1e999", "activation=foo", "depth=17", "%"]
)
def test_what_an_address_cannot_mean_leaves_the_explorer_as_it_began(visit, values):
    page = visit(f"index.html#explorer-1&{values}")
    place = wake(page)
    assert place.locator(".initlab-readout").text_content() == "1"
    if values in ("activation=foo", "depth=17"):
        place.get_by_text("Not all that the address asks for is on this page.").first.wait_for()
    place.locator("input[type=range]").press("ArrowRight")
    page.wait_for_function("location.hash.includes('std=1.059')")
    hash_ = page.evaluate("location.hash")
    assert "activation=sigmoid" in hash_
    assert "depth=5" in hash_


def test_a_section_stays_in_the_address_until_a_hand_moves_something(visit, names):
    name = "05_mnist" if "05_mnist" in names else SOME[0]
    page = visit(f"{name}.html#exercises")
    for place in page.locator(".initlab-place").all():
        place.scroll_into_view_if_needed()
        place.locator("canvas").wait_for()
    page.wait_for_timeout(600)
    assert page.evaluate("location.hash") == "#exercises"


def test_a_link_to_a_section_wins_over_a_hand_that_has_just_moved(visit):
    page = visit("index")
    wake(page).locator("input[type=range]").press("ArrowRight")
    page.evaluate("location.hash = '#the-course'")
    page.wait_for_timeout(600)
    assert page.evaluate("location.hash") == "#the-course"


def readouts(place):
    return place.locator(".initlab-readout").all_text_contents()


def test_two_explorers_side_by_side_are_swapped_locked_and_reset(visit, names):
    if "03_xavier" not in names:
        pytest.skip("only the pages of all notebooks have this explorer")
    page = visit("03_xavier")
    number = next(n for name, n, one in places_of(names) if one["kind"] == "CompareExplorer")
    place = wake(page, number)
    first = caption_of(place)
    sliders = place.locator("input[type=range]")
    sliders.first.press("ArrowRight")
    a, b = readouts(place)
    assert a != b
    place.get_by_role("button", name="swap A and B").click()
    page.wait_for_function(
        "([number, a]) => document.querySelectorAll("
        "`#explorer-${number} .initlab-readout`)[1].textContent === a",
        arg=[number, a],
    )
    assert readouts(place) == [b, a]
    assert place.locator("select").first.input_value() == "tanh"
    place.get_by_role("button", name="lock").click()
    selects = place.locator("select")
    selects.nth(1).select_option("uniform")  # the weights of A
    page.wait_for_function("location.hash.includes('initializer=uniform')")
    sliders.first.press("ArrowRight")
    now = readouts(place)
    assert now[0] != b
    assert now[1] != a  # locked, still
    place.get_by_role("button", name="swap A and B").click()
    page.wait_for_function("location.hash.includes('initializer_b=uniform')")
    assert selects.nth(1).input_value() == "normal"
    place.get_by_role("button", name="difference").click()
    page.wait_for_function("location.hash.includes('difference=True')")
    assert "lock=True" in page.evaluate("location.hash")
    place.get_by_role("button", name="reset").click()
    page.wait_for_function(
        "([number, words]) => document.querySelector("
        "`#explorer-${number} .initlab-caption`).textContent === words",
        arg=[number, first],
    )
    assert place.locator('button[aria-pressed="true"]').count() == 0


def test_a_recorded_training_runs_is_kept_and_ends_as_in_python(visit, names, site):
    if "05_mnist" not in names:
        pytest.skip("only the pages of all notebooks have this explorer")
    page = visit("05_mnist")
    show_all(page)
    place = page.locator("#explorer-1")
    place.scroll_into_view_if_needed()
    (one,) = pages.explorers_of(notebook_of("05_mnist"))
    _, settings = tables.read(one["kind"], one["state"])
    script = (site / "tables" / f"{tables.name_of(settings)}.js").read_text("utf-8")
    head = json.loads(script.split(",", 1)[1].rsplit(',"', 1)[0])
    assert len(head["captions"]) == tables.MOMENTS + 1
    place.get_by_role("button", name="train", exact=True).click()
    page.wait_for_function("document.querySelector('canvas').dataset.step > 0")
    assert int(place.locator("canvas").get_attribute("data-step")) < settings.steps  # it grows
    page.wait_for_function(
        "words => document.querySelector('.initlab-caption').textContent === words",
        arg=f"{head['captions'][-1]} (Recorded.)",
    )
    place.get_by_role("button", name="keep").click()
    place.get_by_role("combobox", name="rate").select_option("1")
    place.get_by_role("button", name="train", exact=True).click()
    page.wait_for_function(
        "document.querySelector('.initlab-caption').textContent.includes('rate 1: step 1000 of')"
    )
    picture = place.locator("canvas")
    both = picture.evaluate("one => one.toDataURL()")
    place.get_by_role("button", name="forget").click()
    assert picture.evaluate("one => one.toDataURL()") != both
    place.get_by_role("combobox", name="rate").select_option("0.3")
    assert "press train" in caption_of(place)
    place.get_by_role("button", name="reset").click()
    assert picture.get_attribute("data-step") == "0"


def test_a_recorded_training_stands_still_for_those_who_want_no_motion(visit, names):
    if "05_mnist" not in names:
        pytest.skip("only the pages of all notebooks have this explorer")
    page = visit("05_mnist", reduced_motion="reduce")
    show_all(page)
    place = page.locator("#explorer-1")
    place.scroll_into_view_if_needed()
    place.get_by_role("button", name="train", exact=True).click()
    page.wait_for_function("document.querySelector('canvas').dataset.step > 0")
    assert "step 1000 of 1000" in caption_of(place)


def test_the_last_choice_is_shown_however_late_the_others_come(visit, server, names):
    if "03_xavier" not in names:
        pytest.skip("only the pages of all notebooks have other tables")
    page = visit("index", server)
    place = wake(page)
    held = []
    page.route("**/tables/*relu*", lambda route: held.append(route))
    choice = place.get_by_role("combobox", name="activation")
    choice.select_option("relu")
    page.wait_for_timeout(200)
    choice.select_option("tanh")
    page.wait_for_function("location.hash.includes('tanh')")
    drawn = place.locator("canvas").evaluate("one => one.toDataURL()")
    with page.expect_response("**/tables/*relu*"):
        held[0].continue_()
    page.wait_for_timeout(300)
    assert place.locator("canvas").evaluate("one => one.toDataURL()") == drawn
    assert choice.input_value() == "tanh"


def test_a_link_is_copied(visit, server):
    page = visit("index", server)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    place = wake(page)
    place.locator("input[type=range]").press("ArrowRight")
    place.get_by_role("button", name="copy link").click()
    place.get_by_role("button", name="copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    assert "#explorer-1&std=1.059" in page.url


def test_a_first_picture_that_fails_can_be_asked_for_again(visit, server):
    page = visit("index", server)
    # Scripts are added to the head; at first this one cannot be.
    page.add_init_script(
        """addEventListener("DOMContentLoaded", () => {
            const append = document.head.append;
            document.head.append = (one) => one.onerror();
            window.mend = () => { document.head.append = append; };
        })"""
    )
    page.reload()
    again = page.get_by_role("button", name="try again")
    again.click()
    again.wait_for()
    assert again.count() == 1
    page.evaluate("mend()")
    again.click()
    assert caption_of(wake(page))
    assert again.count() == 0


def test_without_its_script_a_page_hides_nothing(chromium, site):
    page = chromium.new_page()
    page.route("**/initlab.js*", lambda route: route.abort())
    page.goto((site / f"{SOME[0]}.html").as_uri())
    hidden = page.locator('.cell[class*="tag_until-"] > .cell_output')
    hidden.first.wait_for()
    assert all(one.is_visible() for one in hidden.all())
    page.close()


def test_what_cannot_be_fetched_is_said(visit, server):
    page = visit("index", server)
    place = wake(page)
    before = caption_of(place)
    page.evaluate("() => { document.head.append = (one) => one.onerror(); }")
    place.get_by_role("combobox", name="activation").select_option("relu")
    page.wait_for_function(
        "document.querySelector('.initlab-caption').textContent.includes('could not be fetched')"
    )
    assert place.get_by_role("combobox", name="activation").input_value() == "sigmoid"
    place.locator("input[type=range]").press("ArrowRight")
    place.locator("input[type=range]").press("ArrowLeft")
    assert caption_of(place) == before


def test_another_setting_is_fetched_and_drawn(visit, names, site):
    if not (site / "tables" / "activation-tanh-normal-5-100-1000-0.js").is_file():
        pytest.skip("only the pages of all notebooks have other tables")
    page = visit("index")
    place = wake(page)
    place.get_by_role("combobox", name="activation").select_option("tanh")
    one = {"kind": "ActivationExplorer", "shown": "the cover has a simple picture"}
    one["state"] = (
        "std=1 activation=sigmoid initializer=normal depth=5 width=100 inputs=1000 seed=0"
    )
    wanted = known_caption(one, 0, activation="tanh")
    page.wait_for_function(
        "words => document.querySelector('.initlab-caption').textContent === words", arg=wanted
    )


def test_what_a_page_cannot_change_is_said_with_the_way_on(visit):
    place = wake(visit("index"))
    assert "Fixed on this page: depth 5" in place.text_content()
    assert place.get_by_role("link", name="run the notebook").get_attribute("href") == "./run.html"


@pytest.mark.parametrize("way", ["folder", "http"])
def test_a_bet_hides_its_measurement_and_stands_after_a_reload(visit, server, way):
    page = visit(SOME[0], server if way == "http" else None)
    hidden = page.locator('.cell[class*="tag_until-first-bet"] > .cell_output')
    form, later = page.locator("#bet-first-bet"), page.locator("#bet-second-bet")
    told = page.get_by_text("What happened? (Open it after the measurement.)")
    assert not any(one.is_visible() for one in [told, later.locator("form"), *hidden.all()])
    form.get_by_role("button", name="commit").click()
    assert "Choose an answer first" in form.text_content()
    form.get_by_text("(b)").click()
    form.get_by_role("button", name="commit").click()
    assert any(one.is_visible() for one in hidden.all())
    assert told.is_visible()
    assert later.locator("form").is_visible()
    said = form.locator("pre").text_content().splitlines()
    assert [line[:6] for line in said[1:4]] == ["  (a) ", "  (b) ", "  (c) "]
    assert said[4].startswith("You bet (b): ")
    assert said[5].startswith("Measured (")
    assert "Bets won so far: 1 of 1" in page.locator(".initlab-score").text_content()
    page.reload()
    assert form.locator("pre").text_content().splitlines() == said
    second = page.locator('.cell[class*="tag_until-second-bet"] > .cell_output')
    assert not any(one.is_visible() for one in second.all())
    page.get_by_role("button", name="show all measurements").click()
    assert any(one.is_visible() for one in second.all())
    assert "1 of 1" in page.locator(".initlab-score").text_content()


def test_the_rest_of_a_page_opens_with_a_bet_or_by_a_link_into_it(visit):
    page = visit(SOME[0])
    rest, asked = page.locator("#inside-a-neuron"), page.locator("#bet-second-bet form")
    assert not rest.is_visible()
    show(page, "first-bet")
    assert asked.is_visible()
    assert not rest.is_visible()
    page.evaluate("location.hash = '#inside-a-neuron'")
    rest.wait_for()
    page.wait_for_function(
        "document.querySelector('#inside-a-neuron').getBoundingClientRect().top < 300"
    )
    hidden = page.locator('.cell[class*="tag_until-second-bet"] > .cell_output')
    assert not any(one.is_visible() for one in hidden.all())
    assert page.evaluate("Object.keys(JSON.parse(localStorage['initlab-bets']))") == [
        f"{SOME[0]} first-bet"
    ]


def test_paper_shows_what_is_closed_on_a_screen(visit):
    page = visit(SOME[0])
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for text in ("The networks with the beautiful hill", "What is the second"):
        assert page.get_by_text(text).first.is_visible()
    assert not page.get_by_role("button", name="commit").first.is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert not page.get_by_text("The networks with the beautiful hill").is_visible()


def show(page, *names):
    for name in names:
        page.locator(f"#bet-{name}").get_by_role("button", name="show it without a bet").click()


def forget(page):
    with page.expect_navigation():
        page.get_by_role("button", name="forget all bets").click()


def test_a_number_is_typed_and_judged_by_the_spread(visit, server):
    page = visit(SOME[0], server)
    form = page.locator("#bet-third-bet")
    show(page, "first-bet", "second-bet")
    form.get_by_role("textbox").fill("abc")
    form.get_by_role("textbox").press("Enter")
    assert "Type a number" in form.text_content()
    form.get_by_role("textbox").fill("0,125")
    form.get_by_role("textbox").press("Enter")
    assert "Type a number" in form.text_content()
    form.get_by_role("textbox").fill("6")
    form.get_by_role("textbox").press("Enter")
    said = form.locator("pre").text_content()
    assert "You bet: 6" in said
    assert "You knew it" in said
    forget(page)
    show(page, "first-bet", "second-bet")
    form.get_by_role("textbox").fill("8")
    form.get_by_role("textbox").press("Enter")
    assert "Not what you expected" in form.locator("pre").text_content()


def test_a_sheet_of_claims_is_voted_on_and_answered_by_the_board(visit, server, names):
    if "07_the_verdict" not in names:
        pytest.skip("only the pages of all notebooks have the sheet")
    page = visit("07_the_verdict", server)
    sheet = page.locator("#sheet")
    board = page.get_by_role("img", name="The board: each claim").first
    assert sheet.locator("fieldset").count() == len(Sheet().votes)
    page.get_by_role("button", name="show it without a bet").first.click()  # the board's other bet
    assert not board.is_visible()
    sheet.get_by_role("button", name="commit").click()
    assert "Mark a claim first" in sheet.text_content()
    for number, vote in {2: "holds", 5: "half true"}.items():
        sheet.locator("fieldset").nth(number - 1).get_by_label(vote, exact=True).check()
    sheet.get_by_role("button", name="commit").click()
    assert board.is_visible()
    kept = page.evaluate("Object.keys(JSON.parse(localStorage['initlab-bets']))")
    assert kept == ["07_the_verdict near-bet", "07_the_verdict sheet"]
    page.reload()
    assert board.is_visible()
    assert "Votes that were right: 1 of 2." in sheet.text_content()
    assert sheet.locator("fieldset").nth(1).get_by_label("holds", exact=True).is_checked()
    answers = sheet.locator("output").all_text_contents()
    assert page.locator(".cell_output").filter(has_text="no votes").count() == 0
    told = board.get_attribute("alt")
    for number, answer in enumerate(answers, start=1):
        assert f"{number} {answer.removeprefix('The board: ').removesuffix('.')}" in told
    forget(page)
    assert not board.is_visible()


@pytest.mark.parametrize(
    "kept",
    [
        '{"00_start_here first-bet": {"answer": "z"}, "a": null}',
        '{"00_start_here first-bet": {}, "00_start_here third-bet": {"answer": "a"}}',
        "[1",
        '"text"',
    ],
)
def test_a_browser_that_kept_nonsense_does_no_harm(visit, server, kept):
    page = visit(SOME[0], server)
    page.evaluate("kept => localStorage.setItem('initlab-bets', kept)", kept)
    page.reload()
    assert page.locator(".initlab-bet-place form").count() == 3
    assert page.locator("#bet-first-bet").get_by_role("button", name="commit").is_visible()


def test_bets_of_two_pages_do_not_erase_one_another(visit, server):
    page = visit(SOME[0], server)
    other = page.context.new_page()
    other.goto(f"{server}/{SOME[1]}.html")
    for one in (page, other):
        one.get_by_role("button", name="show it without a bet").first.click()
    kept = json.loads(other.evaluate("localStorage.getItem('initlab-bets')"))
    assert {key.split()[0] for key in kept} == set(SOME[:2])


def test_bets_last_as_long_as_a_page_that_may_keep_nothing(visit, server):
    page = visit(SOME[0], server)
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('full'); }; }")
    show(page, "first-bet", "second-bet")
    for name in ("first-bet", "second-bet"):
        assert not page.locator(f"#bet-{name} form").is_visible()


def test_the_first_bet_stands_also_in_another_tab(visit, server):
    page = visit(SOME[0], server)
    other = page.context.new_page()
    other.goto(page.url)
    for one, letter in [(page, "(a)"), (other, "(b)")]:
        form = one.locator("#bet-first-bet")
        form.get_by_text(letter).click()
        form.get_by_role("button", name="commit").click()
        assert "You bet (a)" in form.locator("pre").text_content()


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("second-bet", ["a", "c"]),
        ("third-bet", [6.0, 8.5, 12.0, 0.02, 12345.0, -3.0, "low", "high"]),
    ],
)
def test_the_ballot_says_what_python_says(visit, server, monkeypatch, capsys, name, answers):
    page = visit(SOME[0], server)
    form = page.locator(f"#bet-{name}")
    cells = [cell for cell in notebook_of(SOME[0])["cells"] if "check" not in pages._tags(cell)]
    (bet,) = [one for one in pages._bets(cells, "").values() if one["id"] == name]
    before = ["first-bet", "second-bet"][: 1 + (name == "third-bet")]
    for answer in answers:
        show(page, *before)
        answer = bet.get(answer, answer)
        if bet["choices"]:
            form.get_by_text(f"({answer})").click()
        else:
            form.get_by_role("textbox").fill(f"{answer:g}")
        form.get_by_role("button", name="commit").click()
        said = form.locator("pre").text_content().splitlines()
        monkeypatch.setattr(prediction, "_SLIPS", {})
        asked = Prediction(bet["question"], dict(bet["choices"]) or None, unit=bet["unit"])
        asked.commit(answer)
        capsys.readouterr()
        spread = {} if bet["choices"] else {"spread": (bet["low"], bet["high"])}
        asked.reveal(bet["answer"], **spread)
        assert said[1 + len(bet["choices"]) :] == capsys.readouterr().out.splitlines()[:3]
        forget(page)


def test_a_point_of_the_plane_is_chosen_by_click_drag_and_arrows(visit, names):
    found = [(name, n) for name, n, one in places_of(names) if one["kind"] == "PhaseExplorer"]
    if not found:
        pytest.skip("only the pages of all notebooks have this explorer")
    ((name, number),) = found
    page = visit(name)
    place = wake(page, number)
    canvas = place.locator("canvas")
    left, top, right, bottom = map(float, canvas.get_attribute("data-plane").split())
    seen = [readouts(place)]
    canvas.hover(position={"x": left + 0.8 * (right - left), "y": top + 0.3 * (bottom - top)})
    page.mouse.down()
    seen.append(readouts(place))
    canvas.hover(position={"x": left + 0.2 * (right - left), "y": top + 0.6 * (bottom - top)})
    page.mouse.up()
    seen.append(readouts(place))
    for key in ("ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
        seen.append(readouts(place))
    assert all(one != other for one, other in pairwise(seen))
    assert float(seen[3][0]) > float(seen[2][0])
    assert float(seen[4][1]) > float(seen[3][1])
    page.wait_for_function("value => location.hash.includes(`sigma_b=${value}`)", arg=seen[4][1])


def test_a_named_start_stays_where_the_width_changes(visit, names):
    found = [
        (name, n)
        for name, n, one in places_of(names)
        if one["kind"] == "ActivationExplorer" and "width=20" in one["state"]
    ]
    if "03_xavier" not in names:
        pytest.skip("only the pages of all notebooks have the tables")
    ((name, number),) = found
    page = visit(name)
    place = wake(page, number)
    place.get_by_role("button", name="He", exact=True).click()
    assert "(He" in readouts(place)[0]
    place.get_by_role("combobox", name="width").select_option("100")
    page.wait_for_function(
        "number => document.querySelector(`#explorer-${number} .initlab-readout`).textContent"
        " === '0.1414 (He)'",
        arg=number,
    )
    # A link names a number, and not the start that stood there.
    page.evaluate("hash => { location.hash = hash; }", f"#explorer-{number}&std=0.1414&width=20")
    page.wait_for_function("location.hash.includes('width=20')")
    place.locator("canvas").wait_for()
    page.wait_for_function(
        "number => !document.querySelector(`#explorer-${number} .initlab-readout`).textContent"
        ".includes('He')",
        arg=number,
    )


def test_a_folded_answer_opens_once_one_has_bet(visit):
    page = visit(SOME[0])
    answer = page.locator("details:not(.hide):not(.toggle-details)").filter(
        has=page.locator("summary", has_text="What happened?")
    )
    inside = answer.first.locator("p").first
    assert not answer.first.is_visible()
    page.locator("#bet-first-bet").get_by_role("button", name="show it without").click()
    assert not inside.is_visible()
    answer.first.locator("summary").click()
    assert inside.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_paper_follows_the_theme(visit, scheme):
    page = visit("index", color_scheme=scheme)
    place = wake(page)
    paper = place.locator("canvas").evaluate("one => getComputedStyle(one).backgroundColor")
    light = sum(map(int, paper.strip("rgb()").split(","))) > 3 * 128
    assert light == (scheme == "light")


def test_a_phone_needs_no_sideways_scroll(visit, site):
    for path in site.glob("*.html"):
        page = visit(path.stem, **PHONE)
        page.wait_for_load_state()
        draw_all(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path.stem
        page.context.close()


def test_the_search_finds_symmetry(visit):
    page = visit("index")
    page.get_by_role("textbox", name="Search").fill("symmetry")
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.wait_for()
    titles = page.locator("#search-results li a").all_text_contents()
    assert any("Weights of zero" in title for title in titles)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit, server, names, scheme):
    for name in ["index", *names]:
        serious = serious_in(visit(name, server, color_scheme=scheme))
        assert not serious, name


def serious_in(page):
    script = WEB / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        miss("axe-core is missing: npm install --no-package-lock --prefix web")
    draw_all(page)
    page.add_script_tag(content=script.read_text("utf-8"))
    found = page.evaluate("axe.run().then((one) => one.violations)")
    page.context.close()
    return [
        (one["id"], [part["html"][:120] for part in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
