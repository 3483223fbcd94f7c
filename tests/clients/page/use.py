"""Uses the page and the API reference in a real Chromium, as an editor would; screenshots go to target/clients/page."""

import csv
import faulthandler
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from playwright.sync_api import expect, sync_playwright
from support import (
    CLEARSHOT, OUT, PAVILION, ROOMS, TILTED, UNREADABLE, asked, card_of, drop, key_of, names, saved, scored, served, tile, visit, well,
)

# What a page evaluates may wait for ever: then say where, and end.
faulthandler.dump_traceback_later(600, exit=True)
URL = sys.argv[1]
OUT.mkdir(parents=True, exist_ok=True)
DESK = {"width": 1400, "height": 1000}
PHONE = {"width": 360, "height": 740}
RANKS = {"fail": 0, "unsure": 1, "pass": 2}


def sort_the_gallery(browser):
    page = visit(browser, URL, viewport=DESK)
    drop(page)
    answers = asked(page)

    def score(metric):
        return lambda name: answers[name]["scores"][metric]["value"]

    def verdict(name):
        return RANKS[answers[name]["verdict"]]

    assert {verdict(name) for name in answers} == {0, 2}, "the photos are to be good and bad ones"
    worst = sorted(answers, key=lambda name: (verdict(name), answers[name]["quality"], -score("blur")(name)))
    assert names(page) == worst, "the worst come first"
    natural = sorted(answers, key=lambda name: name.replace("roof 9", "roof 09"))
    assert natural != sorted(answers)
    wanted = {
        "name": natural,
        "verdict": sorted(natural, key=verdict),
        "blur": sorted(answers, key=lambda name: -score("blur")(name)),
        "brightness": sorted(answers, key=score("brightness")),
        "rotation": sorted(answers, key=lambda name: -abs(score("rotation")(name))),
    }
    for order, sequence in wanted.items():
        page.select_option("#order", order)
        assert names(page) == sequence, (order, names(page), sequence)
    page.click("#reverse")
    assert names(page) == wanted["rotation"][::-1]
    page.click("#reverse")
    page.select_option("#order", "worst")
    # What is said of each photo is what the service says.
    for name, answer in answers.items():
        text = tile(page, name).text_content()
        assert {"fail": "✕ fail", "unsure": "? unsure", "pass": "✓ pass"}[answer["verdict"]] in text, text
        for reason in answer["reasons"]:
            assert f"{reason['code'].replace('_', ' ')} {round(100 * reason['probability'])} %" in text, text
        assert tile(page, name).locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    page.click("#filters [data-only=fail]")
    failing = [name for name in worst if answers[name]["verdict"] == "fail"]
    assert names(page) == failing and 0 < len(failing) < len(worst)
    page.click("#filters [data-only=all]")
    page.screenshot(path=OUT / "gallery.png")
    well(page)


def drop_a_folder(browser):
    """Chromium has no way to drop one from a test: its entries stand in."""
    page = visit(browser, URL, [400], viewport=DESK)
    page.evaluate("""async (url) => {
        const blob = await (await fetch(url)).blob();
        const gone = {name: "gone.jpg", isFile: true, file: (then, fail) => fail(new DOMException("a link to nowhere", "NotFoundError"))};
        const file = (name) => ({name, isFile: true, file: (then) => then(new File([blob], name))});
        const folder = (name, inside) => ({name, isDirectory: true, createReader: () => {
            // Read in parts, as browsers do; an empty one ends it.
            const parts = [...inside.map((entry) => [entry]), []];
            return {readEntries: (then) => then(parts.shift())};
        }});
        const house = folder("house", [file("hall.jpg"), file(".DS_Store"), folder("upstairs", [file("bed.jpg"), gone, file("bath.jpg")])]);
        const items = [house, file("garden.jpg")].map((entry) => ({webkitGetAsEntry: () => entry}));
        const event = new Event("drop", {bubbles: true, cancelable: true});
        Object.defineProperty(event, "dataTransfer", {value: {items, files: []}});
        document.body.dispatchEvent(event);
    }""", URL + "/test/photo.jpg")
    scored(page, 5)
    assert sorted(names(page)) == ["bath.jpg", "bed.jpg", "garden.jpg", "gone.jpg", "hall.jpg"]
    # What cannot be read costs none of the others, and is told.
    expect(tile(page, "gone.jpg")).to_contain_text("! problem")
    well(page)


def see_the_set(browser):
    """The same as the service's own summary."""
    page = visit(browser, URL, viewport=DESK)
    drop(page, [*ROOMS, {"name": "front-bright.jpg", "light": 1.4}])
    summary = page.evaluate("""async () => {
        const form = new FormData();
        for (const file of window.dropped) form.append("image", file);
        const {results, summary} = await (await fetch("/score/batch?summary=true", {method: "POST", body: form})).json();
        const name = (index) => results[index].name;
        const duplicates = summary.duplicates.map(({keep, drop}) => [name(keep), drop.map(name)]);
        return {lead: name(summary.lead), duplicates, outliers: summary.brightness_outliers.map(name), retake: summary.retake.map(name)};
    }""")
    assert any(set(["front-small.jpg", "front-bright.jpg"]) <= set([keep, *drop]) for keep, drop in summary["duplicates"]), summary
    panel = page.locator("#summary")
    expect(panel).to_be_visible()

    def listed(title):
        entry = panel.locator("dl > div").filter(has_text=title)
        return entry.locator("button").all_text_contents() if entry.count() else []

    assert listed("Lead with") == [summary["lead"]]
    assert sorted(listed("Much darker or brighter")) == sorted(summary["outliers"])
    assert listed("Take again") == summary["retake"] and summary["retake"]
    groups = panel.locator("li")
    assert [group.locator("button").all_text_contents() for group in groups.all()] == [[keep, *drop] for keep, drop in summary["duplicates"]]
    for keep, copies in summary["duplicates"]:
        for copy in copies:
            expect(tile(page, copy)).to_contain_text(f"copy of {keep}")
    panel.get_by_role("button", name=summary["lead"], exact=True).first.click()
    expect(page.locator("#detail-title")).to_have_text(summary["lead"])
    well(page)


def look_at_a_photo_and_correct_it(browser):
    page = visit(browser, URL, [409], viewport=DESK)
    page.select_option("#profile", "real-estate")
    page.set_input_files("#files", [PAVILION, TILTED])
    scored(page, 2)
    tile(page, "pavilion.jpg").click()
    card = page.locator("article")
    expect(card.locator(".verdict")).to_contain_text("Publish it (pass")
    expect(card.locator(".gauge .band")).to_have_count(3)
    expect(card.locator(".gauge .ends")).to_have_text(["0 px6 px: blurred", "-0.5 V: too dark0.5 V: too bright", "-45°: tilted45°: tilted"])
    expect(card.locator(".facts li").first).to_contain_text("upright")
    expect(card.locator("code")).to_contain_text("/score?profile=real-estate")
    expect(card.locator(".show-area")).to_be_hidden()
    card.locator(".correct").click()
    expect(card.locator(".receipt")).to_have_text("The photo is upright and well exposed.")
    page.locator(".close").click()
    expect(page.locator("#detail")).to_be_hidden()

    tile(page, "tilted.jpg").click()
    expect(card.locator(".reasons li").first).to_contain_text("counterclockwise")
    drawn = "map => new Set(map.getContext('2d').getImageData(0, 0, map.width, map.height).data).size"
    card.locator(".show-map").check()
    expect(card.locator(".map")).to_be_visible()
    assert card.locator(".map").evaluate(drawn) > 50, "nothing is drawn"
    assert "tiles, blurred by" in card.locator(".map").get_attribute("aria-label")
    page.screenshot(path=OUT / "map.png")
    card.locator(".show-map").uncheck()
    expect(card.locator(".map")).to_be_hidden()
    card.locator(".correct").click()
    expect(card.locator(".receipt")).to_contain_text("Turned by -")
    after = card.locator(".after")
    assert after.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    clipped = "image => getComputedStyle(image).clipPath"
    assert "50%" in after.evaluate(clipped)
    expect(card.locator(".slider input")).to_be_focused()
    page.keyboard.press("ArrowRight")
    assert "49%" in after.evaluate(clipped)
    expect(page.locator("#detail-title")).to_have_text("tilted.jpg")
    page.screenshot(path=OUT / "corrected.png")
    flip = card.locator(".flip")
    for pressed, clip in (("true", "0%"), ("false", "100%")):
        flip.click()
        expect(flip).to_have_attribute("aria-pressed", pressed)
        assert clip in after.evaluate(clipped).replace("0px", "0%")
    expect(card.locator(".download")).to_have_attribute("download", "corrected-tilted.jpg")
    well(page)


def take_what_was_corrected(browser):
    """It may have another format than the upload, and another shape; the browser may not show what it was made of."""
    page = visit(browser, URL, viewport=DESK)
    page.set_input_files("#files", ["tests/fixtures/heic/phone.heic", PAVILION])
    scored(page, 2)
    values = {"blur": 0.2, "brightness": 0.0, "rotation": 0.1}
    receipt = json.dumps({"rotation": -90.0, "kept": 1.0, "v_shift": 0.0, "before": values, "after": values})
    page.route("**/correct?*", lambda route: route.fulfill(path=TILTED, content_type="image/jpeg", headers={"Clearshot-Receipt": receipt}))
    card = page.locator("article")
    for name, kept, compared in (("phone.heic", "corrected-phone.jpg", False), ("pavilion.jpg", "corrected-pavilion.jpg", True)):
        tile(page, name).click()
        if not compared:
            expect(card.locator(".frame")).to_contain_text("This browser cannot show the photo")
        card.locator(".correct").click()
        expect(card.locator(".download")).to_have_attribute("download", kept)
        expect(card.locator(".slider")).to_be_visible(visible=compared)
        after = card.locator(".after")
        height, fit = after.evaluate("image => image.decode().then(() => [image.height, getComputedStyle(image).objectFit])")
        assert height > 100 and fit == "contain", (name, height, fit)
        assert "50%" not in after.evaluate("image => getComputedStyle(image).clipPath"), "the whole of it is seen"
        page.locator(".close").click()
        expect(page.locator("#detail")).to_be_hidden()
    well(page)


def see_the_photo_within_its_frame(browser):
    page = visit(browser, URL, viewport=DESK)
    # A screenshot's bars: the photo on black.
    page.evaluate("""async (url) => {
        const photo = await createImageBitmap(await (await fetch(url)).blob());
        const canvas = Object.assign(document.createElement("canvas"), {width: photo.width, height: photo.height * 2});
        const context = canvas.getContext("2d");
        context.fillRect(0, 0, canvas.width, canvas.height);
        context.drawImage(photo, 0, photo.height / 2);
        const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg"));
        const transfer = new DataTransfer();
        transfer.items.add(new File([blob], "bars.jpg"));
        document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
    }""", URL + "/test/photo.jpg")
    scored(page, 1)
    tile(page, "bars.jpg").click()
    frame, area = page.locator(".frame").bounding_box(), page.locator(".area").bounding_box()
    assert abs(area["height"] / frame["height"] - 0.5) < 0.03 and abs((area["y"] - frame["y"]) / frame["height"] - 0.25) < 0.03, (frame, area)
    page.locator(".show-area").uncheck()
    expect(page.locator(".area")).to_be_hidden()
    well(page)


def judge_by_other_profiles(browser):
    """What is computed in the page is what the service answers."""
    page = visit(browser, URL, viewport=DESK)
    drop(page, [*ROOMS, {"name": "fogged.jpg", "veil": 0.7}])
    compared = []
    for profile in ("real-estate", "car-dealer"):
        page.select_option("#profile", profile)
        for name, answer in asked(page, f"profile={profile}").items():
            expect(tile(page, name).locator(".badge")).to_contain_text(answer["verdict"])
        computed = page.evaluate("""async (profile) => {
            const [{judge}, models, {checks}, {profiles}] = await Promise.all([
                import("/page/judge.js"), ...["/models", "/checks", "/profiles"].map(async (path) => (await fetch(path)).json())]);
            const cards = Object.fromEntries(models.models.map((card) => [card.metric.name, card]));
            return Promise.all(window.dropped.map(async (file) => {
                const by = async (name) => (await fetch(`/score?profile=${name}`, {method: "POST", body: file})).json();
                return [await by(profile), judge(await by("default"), profiles.find(({name}) => name === profile), cards, checks)];
            }));
        }""", profile)
        for answer, judged in computed:
            assert (judged["verdict"], judged["quality"]) == (answer["verdict"], answer["quality"])
            assert len(judged["reasons"]) == len(answer["reasons"])
            for said, found in zip(answer["reasons"], judged["reasons"]):
                # Answers are rounded, and so is what follows from them.
                assert abs(said.pop("probability") - found.pop("probability")) < 0.01
                assert said == found
                compared.append(said["code"])
    assert len(compared) > 5 and "low_contrast" in compared, compared
    well(page)


def edit_the_profile(browser):
    page = visit(browser, URL, viewport=DESK)
    drop(page)
    said = page.locator("#consequences")
    expect(said).to_contain_text("Nothing changes.")

    def enter(label, value):
        page.get_by_label(label, exact=True).fill(str(value))

    enter("fail_at", 0.99)
    enter("review_at", 0.95)
    expect(said).to_contain_text("Decided otherwise: ")
    expect(page.locator(".note", has_text="was fail").first).to_be_visible()
    page.get_by_label("review_at, as a slider").fill("0.4")
    expect(page.get_by_label("review_at", exact=True)).to_have_value("0.4")
    # What the service would refuse is refused here, where it is entered.
    for label, value, wrong in (("Blur: high", 7, "at most 6"), ("Tilt: low", 3, "below 0"), ("review_at", 0.995, "at most fail_at")):
        field = page.get_by_label(label, exact=True)
        before = field.input_value()
        field.fill(str(value))
        expect(page.locator(f"#{field.get_attribute('aria-describedby')}")).to_contain_text(wrong)
        expect(page.locator("#save-profile")).to_be_disabled()
        field.fill(before)
        expect(page.locator("#save-profile")).to_be_enabled()
    page.click("#undo-profile")
    expect(said).to_contain_text("Nothing changes.")

    # Tilts are nobody's business any more, light is, and a blur of which the default thinks nothing is too much.
    enter("fail_at", 0.6)
    enter("Blur: high", 0.9)
    for part in ("low", "high", "expected share", "weight"):
        enter(f"Tilt: {part}", "")
    enter("Brightness: low", -0.1)
    page.locator("#profile-form summary", has_text="Checks").click()
    enter("Shorter side of the photo: low", 300)
    enter("Width divided by height: low", 2)
    for value, wrong in ((1, "at least the lower end"), ("1e39", "too large")):
        enter("Width divided by height: high", value)
        field = page.get_by_label("Width divided by height: high", exact=True)
        expect(page.locator(f"#{field.get_attribute('aria-describedby')}")).to_contain_text(wrong)
        expect(page.locator("#save-profile")).to_be_disabled()
    enter("Width divided by height: low", "")
    enter("Width divided by height: high", "")
    page.locator("#profile-form summary", has_text="Name").click()
    enter("photos that a listing needs", 12)
    expect(said).to_contain_text("Decided otherwise: ")
    expect(page.locator("#summary")).to_contain_text("to the profile's least number")
    verdicts = {room["name"]: tile(page, room["name"]).locator(".badge").text_content().split()[-1] for room in ROOMS}
    assert "tilted " not in tile(page, "tilted.jpg").text_content(), "nobody judges the tilt any more"
    page.screenshot(path=OUT / "profile.png", full_page=True)
    name, text = saved(page, "#save-profile")
    assert name == "profiles.json"
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, name)
        file.write_text(text)
        with served("--profiles", file) as url:
            there = visit(browser, url)
            drop(there)
            answers = asked(there)
            told = {room: answer["verdict"] for room, answer in answers.items()}
            assert told == verdicts, f"the service decides {told}, the page said {verdicts}"
            profiles = {profile["name"]: profile for profile in json.loads(text)["profiles"]}
            assert list(profiles) == ["default", "real-estate", "car-dealer"]
            assert "rotation" not in profiles["default"] and profiles["default"]["checks"]["short_side"] == {"low": 300}
            well(there)
        # Under another name it stands beside the others.
        enter("name", "strict")
        _, text = saved(page, "#save-profile")
        assert [profile["name"] for profile in json.loads(text)["profiles"]] == ["default", "real-estate", "car-dealer", "strict"]
        file.write_text(text)
        with served("--profiles", file) as url:
            there = visit(browser, url)
            expect(there.locator("#profile option")).to_have_count(4)
            well(there)
    well(page)


def take_the_table(browser):
    page = visit(browser, URL, [415], viewport=DESK)
    photos = [{"name": '=cmd|" /C calc"!A1, or so.jpg'}, {"name": "-1.jpg", "part": [0, 0, 0.5, 0.5]}, {"name": "@me.jpg", "turn": 9}, {"name": "+plus.jpg", "scale": 0.9}, {"name": "plain.jpg", "light": 0.4}]
    drop(page, photos)
    answers = asked(page)
    page.set_input_files("#files", UNREADABLE)
    scored(page, 6)
    name, text = saved(page, "#save-csv")
    assert name == "clearshot.csv" and text.startswith("\ufeff")
    # Each record ends as RFC 4180 says.
    assert text.count("\r\n") == text.count("\n") == 7
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))
    assert [row["path"].removeprefix("'") for row in rows] == names(page)
    for row in rows:
        assert not any(cell.startswith(("=", "+", "@")) for cell in row.values()), row
        for column, cell in row.items():
            # A number may be negative; text may not begin so.
            assert not cell.startswith("-") or float(cell) < 0, (column, cell)
        answer = answers.get(row["path"].removeprefix("'"))
        if not answer:
            assert (row["path"], row["verdict"], row["problem"]) == (UNREADABLE, "", "unsupported_format")
            continue
        assert (row["verdict"], int(row["quality"]), row["profile"]) == (answer["verdict"], answer["quality"], "default")
        assert row["reasons"].split() == [reason["code"] for reason in answer["reasons"]]
        assert row["probability"] == ("" if not answer["reasons"] else str(answer["reasons"][0]["probability"]))
        for metric, score in answer["scores"].items():
            assert float(row[metric]) == score["value"] and float(row[f"{metric}_low"]) == score["low"]
        assert row["sha256"] == answer["image"]["sha256"]
    assert {row["duplicate_of"] for row in rows} > {""}
    # The commands that read results read it, too.
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, name)
        file.write_text(text, encoding="utf-8", newline="")
        told = subprocess.run([CLEARSHOT, "backtest", "--profiles", "core/src/scoring/profiles.json", file], capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
    page.click("#filters [data-only=problem]")
    _, text = saved(page, "#save-csv")
    assert text.count("\r\n") == 2, "what is shown is what is written"
    well(page)


def be_told_what_is_wrong(browser):
    page = visit(browser, URL, [409, 415, 429, 500, 503, "ERR_FAILED"], viewport=DESK)
    page.set_input_files("#files", [UNREADABLE, "tests/fixtures/heic/phone.heic"])
    scored(page, 2)
    expect(page.locator("#status")).to_contain_text("1 problem")
    expect(tile(page, UNREADABLE)).to_contain_text("Unsupported image format: the bytes are not a supported image format")
    expect(tile(page, UNREADABLE)).to_contain_text("! problem")
    expect(tile(page, "phone.heic")).to_contain_text("no preview in this browser")
    expect(tile(page, "phone.heic").locator(".badge")).to_have_text("✓ pass")
    page.click("#clear")
    expect(page.locator(".tile")).to_have_count(0)

    # A service that is busy is asked again when it says.
    asked_at = []

    def busy(route):
        asked_at.append(page.evaluate("performance.now()"))
        if len(asked_at) == 3:
            return route.continue_()
        problem = {"title": "Overloaded", "detail": "come again", "status": 503}
        return route.fulfill(status=429 if len(asked_at) == 1 else 503, headers={"Retry-After": "2", "Content-Type": "application/problem+json"}, body=json.dumps(problem))

    def patient():
        assert len(asked_at) == 3 and all(later - sooner >= 2000 for sooner, later in zip(asked_at, asked_at[1:])), asked_at
        asked_at.clear()

    page.route("**/score?*", busy)
    page.set_input_files("#files", PAVILION)
    expect(page.locator("#status")).to_contain_text("The service is busy")
    scored(page, 1)
    expect(tile(page, "pavilion.jpg").locator(".badge")).to_have_text("✓ pass")
    patient()
    page.unroute("**/score?*")

    # A correction waits as patiently, and says so.
    page.route("**/correct?*", busy)
    tile(page, "pavilion.jpg").click()
    card = page.locator("article")
    card.locator(".correct").click()
    expect(card.locator(".receipt")).to_have_text("Correcting… The service is busy: it is asked again in 2 seconds.")
    expect(card.locator(".receipt")).to_have_text("The photo is upright and well exposed.", timeout=20_000)
    patient()
    page.unroute("**/correct?*")
    page.locator(".close").click()
    expect(page.locator("#detail")).to_be_hidden()

    # Other failures are shown, and the photo can be sent again.
    for failure, title in ((lambda route: route.fulfill(status=500, body="<html>"), "The service answered 500"), (lambda route: route.abort(), "The service cannot be reached")):
        page.click("#clear")
        page.route("**/score?*", failure)
        page.set_input_files("#files", PAVILION)
        expect(tile(page, "pavilion.jpg")).to_contain_text(title)
        page.unroute("**/score?*")
        tile(page, "pavilion.jpg").click()
        expect(page.locator("article .verdict")).to_contain_text(title)
        page.click(".again")
        expect(tile(page, "pavilion.jpg").locator(".badge")).to_have_text("✓ pass")
    well(page)


def work_by_keyboard(browser):
    page = visit(browser, URL, viewport=DESK)
    drop(page)

    def focused():
        return page.evaluate("document.activeElement.querySelector('.name')?.textContent")

    # The last drawing follows the last answer a moment later.
    page.wait_for_timeout(300)

    # Every control is reached, and seen to be.
    wanted = page.evaluate("""[...document.querySelectorAll('a, input, select, button, summary')]
        .filter((e) => e.checkVisibility() && !e.disabled && e.tabIndex >= 0).length""")
    stops = []
    for _ in range(wanted):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("""(() => {
            const at = document.activeElement;
            at.dataset.reached = 'yes';
            return [at.outerHTML.slice(0, 80), getComputedStyle(at).outlineStyle];
        })()"""))
    assert page.locator("[data-reached]").count() == wanted, "a control is not reached by Tab"
    assert all(outline != "none" for _, outline in stops), stops
    assert sum("tile" in html for html, _ in stops) == 1, "the gallery is one stop"

    order = names(page)
    page.locator(".tile").first.focus()
    for key, place in (("ArrowRight", 1), ("End", -1), ("ArrowRight", -1), ("Home", 0), ("ArrowLeft", 0)):
        page.keyboard.press(key)
        assert focused() == order[place], key
    page.keyboard.press("ArrowDown")
    first, second = (page.locator(".tile", has=page.get_by_text(name, exact=True)).bounding_box() for name in (order[0], focused()))
    assert second["y"] > first["y"] and abs(second["x"] - first["x"]) < 2
    page.keyboard.press("ArrowUp")
    assert focused() == order[0]
    for key in ("Enter", "Space"):
        page.keyboard.press(key)
        expect(page.locator("#detail")).to_be_visible()
        expect(page.locator("#detail-title")).to_have_text(order[0])
        page.keyboard.press("ArrowRight")
        expect(page.locator("#detail-title")).to_have_text(order[1])
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#detail-title")).to_have_text(order[0])
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#detail-title")).to_have_text(order[0])
        page.keyboard.press("Escape")
        expect(page.locator("#detail")).to_be_hidden()
        assert focused() == order[0], "the focus comes back"
    # A photo opened before the browser has said that the one before is closed stays open, and whole.
    page.keyboard.press("Enter")
    expect(page.locator("#detail")).to_be_visible()
    page.evaluate("document.querySelector('#detail').close(); document.querySelector('.tile').click()")
    expect(page.locator("#detail-title")).to_have_text(order[0])
    page.wait_for_timeout(100)
    expect(page.locator("article summary").last).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    # The keys go on where what had the focus went with the photo, and at either end.
    page.keyboard.press("Enter")
    page.locator("article summary").last.focus()
    for place in (1, 2):
        page.keyboard.press("ArrowRight")
        expect(page.locator("#detail-title")).to_have_text(order[place])
    for _ in order:
        page.keyboard.press("ArrowRight")
    expect(page.locator("#detail-title")).to_have_text(order[-1])
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#detail-title")).to_have_text(order[-2])
    page.keyboard.press("Escape")
    # The tile of the photo that was shown last.
    expect(page.locator(":focus .name")).to_have_text(order[-2])
    page.keyboard.press("Home")
    # What has the focus keeps it where the order changes, in the gallery and in the summary.
    page.keyboard.press("ArrowRight")
    reorder = "document.querySelector('#order').value = '{}'; document.querySelector('#order').dispatchEvent(new Event('change'))"
    page.evaluate(reorder.format("name"))
    assert names(page) != order and focused() == order[1]
    named = page.locator("#summary button").nth(2)
    named.focus()
    page.evaluate(reorder.format("worst"))
    expect(page.locator(":focus")).to_have_text(named.text_content())
    well(page)


UNNAMED = """[...document.querySelectorAll('input, button, select, img, svg, canvas, progress, dialog, section, summary')]
    .filter((e) => e.checkVisibility() && !e.closest('.thumb'))
    .filter((e) => !(e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.alt))
    .map((e) => e.outerHTML)"""


def on_a_phone_in_the_dark(browser):
    page = visit(browser, URL, [415], viewport=PHONE, color_scheme="dark", has_touch=True)

    def fits(where):
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{where} scrolls sideways"
        assert page.evaluate("(d => !d.open || d.scrollWidth <= d.clientWidth)(document.querySelector('dialog'))"), f"{where}: the dialog scrolls sideways"
        assert page.evaluate(UNNAMED) == [], "a screen reader has no name for it"

    fits("the start")
    drop(page, [*ROOMS, {"name": f"{'a_very_long_name_' * 8}.jpg", "turn": 9}])
    page.set_input_files("#files", UNREADABLE)
    scored(page, 10)
    fits("the gallery")
    page.screenshot(path=OUT / "phone.png")
    page.locator("#editor > summary").tap()
    for summary in page.locator("#profile-form summary").all():
        summary.tap()
    expect(page.locator("#profile-form")).to_be_visible()
    fits("the editor")
    tile(page, "tilted.jpg").tap()
    page.locator(".show-map").check()
    page.locator(".correct").tap()
    expect(page.locator(".slider")).to_be_visible()
    for summary in page.locator("article summary").all():
        summary.tap()
    fits("a photo")
    page.locator("#detail").evaluate("dialog => (dialog.scrollTop = 0)")
    page.screenshot(path=OUT / "phone-photo.png")
    light = visit(browser, URL, viewport=PHONE, color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) != light.evaluate(ground)
    well(light)
    well(page)


# Counts the addresses of pictures and files that were made and not given back.
HELD = """
window.held = 0;
for (const [name, by] of [["createObjectURL", 1], ["revokeObjectURL", -1]]) {
    const own = URL[name].bind(URL);
    URL[name] = (what) => { window.held += by; return own(what); };
}
"""

# Instead of the service: an answer after a moment. It counts what is asked at once, and how long the page stood still.
COUNTING = """
const answer = ANSWER;
const counted = (window.counted = {atOnce: 0, most: 0, asked: 0, stood: 0, said: new Set()});
const real = window.fetch;
window.fetch = async (path, options) => {
    if (!String(path).startsWith("/score?")) return real(path, options);
    counted.asked += 1;
    counted.most = Math.max(counted.most, (counted.atOnce += 1));
    await new Promise((done) => setTimeout(done, 5));
    counted.atOnce -= 1;
    const hash = [...crypto.getRandomValues(new Uint8Array(18))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return new Response(JSON.stringify({...answer, image: {...answer.image, scene_hash: hash}}));
};
let last = performance.now();
setInterval(() => {
    counted.stood = Math.max(counted.stood, performance.now() - last);
    last = performance.now();
    const status = document.querySelector("#status")?.textContent;
    if (status) counted.said.add(status);
}, 20);
"""


def drop_a_thousand(browser):
    page = visit(browser, URL, viewport=DESK)
    answer = page.evaluate("""async (url) => (await fetch("/score?detail=tiles", {method: "POST", body: await (await fetch(url)).blob()})).json()""", URL + "/test/photo.jpg")
    page.add_init_script(HELD + COUNTING.replace("ANSWER", json.dumps(answer)))
    page.reload()
    expect(page.locator("#profile option")).to_have_count(3)
    page.evaluate("""async (url) => {
        const blob = await (await fetch(url)).blob();
        const transfer = new DataTransfer();
        for (let at = 0; at < 1000; at += 1) transfer.items.add(new File([blob], `${at}.jpg`));
        document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
    }""", URL + "/test/photo.jpg")
    expect(page.locator("#progress")).to_be_visible()
    scored(page, 1000)
    expect(page.locator("#progress")).to_be_hidden()
    counted = page.evaluate("({...counted, said: counted.said.size})")
    print("a thousand photos:", counted)
    assert counted["asked"] == 1000 and 1 < counted["most"] <= 4, counted
    assert counted["stood"] < 2000, f"the tab stood still for {counted['stood']} ms"
    # Progress is said now and then: each sentence would be read aloud.
    assert 2 <= counted["said"] < 200, counted
    page.get_by_label("fail_at", exact=True).fill("0.7")
    expect(page.locator("#consequences")).to_contain_text("Of 1000")
    expect(page.locator("#tiles img")).to_have_count(1000, timeout=60_000)
    assert page.evaluate("held") >= 1000
    page.locator(".tile").first.click()
    page.keyboard.press("Escape")
    page.click("#clear")
    expect(page.locator(".tile")).to_have_count(0)
    assert page.evaluate("held") == 0, "a photo is held after it was forgotten"
    well(page)


def forget_what_waits(browser):
    """Of photos that are forgotten no thumbnail is made any more."""
    page = visit(browser, URL, viewport=DESK)
    page.evaluate("""async (url) => {
        const blob = await (await fetch(url)).blob();
        const [ask, draw] = [window.fetch, window.createImageBitmap];
        // No answer comes, and a picture takes its time.
        window.fetch = (path, options) => (String(path).startsWith("/score?") ? new Promise(() => {}) : ask(path, options));
        window.begun = 0;
        window.createImageBitmap = async (...what) => {
            window.begun += 1;
            await new Promise((done) => setTimeout(done, 100));
            return draw(...what);
        };
        const transfer = new DataTransfer();
        for (let at = 0; at < 200; at += 1) transfer.items.add(new File([blob], `${at}.jpg`));
        document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
    }""", URL + "/test/photo.jpg")
    expect(page.locator("#tiles img")).not_to_have_count(0)
    page.click("#clear")
    expect(page.locator(".tile")).to_have_count(0)
    begun = page.evaluate("window.begun")
    page.wait_for_timeout(1000)
    assert 0 < begun < 200 and page.evaluate("window.begun") == begun, "a thumbnail is made of a photo that was forgotten"
    # Photos that come afterwards have theirs.
    page.set_input_files("#files", PAVILION)
    expect(page.locator("#tiles img")).to_have_count(1)
    well(page)


def try_again_while_the_picture_waits(browser):
    """A photo has one thumbnail, however often it is sent."""
    page = visit(browser, URL, [500], viewport=DESK)
    page.evaluate(HELD + """
        const draw = window.createImageBitmap;
        window.waiting = [];
        window.begun = 0;
        window.createImageBitmap = async (...what) => {
            window.begun += 1;
            await new Promise((done) => window.waiting.push(done));
            return draw(...what);
        };
        // Or Playwright would call the function that was the last value.
        null;
    """)
    page.route("**/score?*", lambda route: route.fulfill(status=500, body="<html>"))
    page.set_input_files("#files", PAVILION)
    expect(tile(page, "pavilion.jpg")).to_contain_text("The service answered 500")
    page.unroute("**/score?*")
    tile(page, "pavilion.jpg").click()
    page.click(".again")
    expect(tile(page, "pavilion.jpg").locator(".badge")).to_have_text("✓ pass")
    page.evaluate("waiting.splice(0).forEach((done) => done())")
    expect(page.locator("#tiles img")).to_have_count(1)
    assert page.evaluate("begun") == 1, "the thumbnail is made twice"
    page.click("#clear")
    expect(page.locator(".tile")).to_have_count(0)
    assert page.evaluate("held") == 0, "a photo is held after it was forgotten"
    well(page)


def with_a_fourth_metric(browser):
    with tempfile.TemporaryDirectory() as folder:
        models = pathlib.Path(shutil.copytree("models", f"{folder}/models"))
        shutil.copy(models / "brightness.onnx", models / "exposure.onnx")
        card = card_of(models, "brightness")
        card["metric"].update(name="exposure", title="Exposure")
        card["metric"]["low"]["code"], card["metric"]["high"]["code"] = "underexposed", "overexposed"
        (models / "exposure.json").write_text(json.dumps(card))
        with served("--models", models) as url:
            page = visit(browser, url, viewport=DESK)
            page.set_input_files("#files", [PAVILION, TILTED])
            scored(page, 2)
            page.select_option("#order", "exposure")
            assert names(page) == ["tilted.jpg", "pavilion.jpg"]
            tile(page, "tilted.jpg").click()
            expect(page.locator(".gauge")).to_have_count(4)
            fourth = page.locator(".gauge").nth(3)
            expect(fourth.locator(".caption")).to_contain_text("Exposure · not judged")
            expect(fourth.locator(".ends")).to_have_text("-0.5 V: underexposed0.5 V: overexposed")
            expect(fourth.locator(".band")).to_have_count(0)
            page.keyboard.press("Escape")
            # A band of one end only is none.
            page.get_by_label("Exposure: high", exact=True).fill("0.2")
            expect(page.locator("#editor")).to_contain_text("give both ends, or neither")
            page.get_by_label("Exposure: low", exact=True).fill("-0.1")
            expect(tile(page, "tilted.jpg")).to_contain_text("underexposed")
            well(page)


def with_a_key(browser):
    with tempfile.TemporaryDirectory() as folder:
        keys, key = key_of(folder)
        with served("--keys", keys) as url:
            page = browser.new_page()
            page.goto(url)
            expect(page.locator("#status")).to_contain_text("An API key is needed")
            page.set_input_files("#files", PAVILION)
            expect(tile(page, "pavilion.jpg")).to_contain_text("API key needed")
            page.locator("#key input").fill(key)
            page.locator("#key input").press("Tab")
            expect(page.locator("#profile option")).to_have_count(3)
            # What came too early is sent again.
            scored(page, 1)
            expect(tile(page, "pavilion.jpg").locator(".badge")).to_have_text("✓ pass")
            page.set_input_files("#files", TILTED)
            scored(page, 2)
            tile(page, "pavilion.jpg").click()
            expect(page.locator("article .verdict")).to_contain_text("pass")
            expect(page.locator(".gauge")).to_have_count(3)
            expect(page.locator("article code")).to_contain_text("Bearer $KEY")
            page.close()


def read_the_reference(browser):
    page = visit(browser, URL)
    page.goto(URL + "/docs")
    page.get_by_text("/score/batch").first.wait_for()
    page.screenshot(path=OUT / "docs.png")
    well(page)


STEPS = (
    sort_the_gallery, drop_a_folder, see_the_set, look_at_a_photo_and_correct_it, take_what_was_corrected, see_the_photo_within_its_frame,
    judge_by_other_profiles, edit_the_profile, take_the_table, be_told_what_is_wrong, work_by_keyboard, on_a_phone_in_the_dark,
    drop_a_thousand, forget_what_waits, try_again_while_the_picture_waits, with_a_fourth_metric, with_a_key, read_the_reference,
)

with sync_playwright() as playwright:
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    # Further arguments name the steps to run.
    for step in STEPS:
        if not sys.argv[2:] or step.__name__ in sys.argv[2:]:
            step(browser)
    browser.close()
print("page: ok")
