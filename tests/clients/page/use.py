"""Uses the demo page and the API reference in a real Chromium, as a person would; screenshots go to target/clients/page."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from playwright.sync_api import expect, sync_playwright

URL = sys.argv[1]
OUT = pathlib.Path("target/clients/page")
OUT.mkdir(parents=True, exist_ok=True)
CLEARSHOT = "target/release/clearshot"
PAVILION = "tests/fixtures/pavilion.jpg"
# Turned and darkened in the browser itself, dropped as a file.
SPOIL_AND_DROP = """async (url) => {
    const photo = await createImageBitmap(await (await fetch(url)).blob());
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [photo.width * 0.7, photo.height * 0.7];
    const context = canvas.getContext("2d");
    context.filter = "brightness(0.5)";
    context.translate(canvas.width / 2, canvas.height / 2);
    context.rotate((8 * Math.PI) / 180);
    context.drawImage(photo, -photo.width / 2, -photo.height / 2);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
    const transfer = new DataTransfer();
    transfer.items.add(new File([blob], "tilted.jpg"));
    document.querySelector("#drop").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


@contextlib.contextmanager
def served(*arguments):
    """A service of its own; its address."""
    service = subprocess.Popen(
        [CLEARSHOT, "serve", "--listen", "127.0.0.1:0", *arguments],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "RUST_LOG": "error"},
    )
    try:
        yield service.stdout.readline().split()[-1]
    finally:
        service.terminate()
        service.wait()


def visit(browser, **options):
    """A page that fails the test on anything that goes wrong in it, or asks another host."""
    page = browser.new_page(**options)
    page.wrong = []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda message: page.wrong.append(message.text) if message.type == "error" and "415" not in message.text and "409" not in message.text else None)
    page.on("request", lambda request: None if request.url.startswith((URL, "blob:", "data:")) else page.wrong.append(request.url))
    return page


def score_and_correct(browser):
    page = visit(browser, viewport={"width": 1200, "height": 1000})
    page.goto(URL)
    page.select_option("#profile", "real-estate")
    page.set_input_files("#files", PAVILION)
    card = page.locator("article").first
    expect(card.locator(".verdict")).to_contain_text("pass")
    expect(card.locator(".gauge svg")).to_have_count(3)
    expect(card.locator(".gauge .band")).to_have_count(3)
    expect(card.locator(".gauge .ends")).to_have_text(["0 px6 px: blurred", "-0.5 V: too dark0.5 V: too bright", "-45°: tilted45°: tilted"])
    expect(card.locator(".facts li").first).to_contain_text("upright")
    expect(card.locator("code")).to_contain_text("/score?profile=real-estate")
    card.locator(".correct").click()
    expect(card.locator(".receipt")).to_have_text("The photo is upright and well exposed.")
    # Served by the page's own origin, as the policy wants it.
    page.route("**/spoil.jpg", lambda route: route.fulfill(path=PAVILION, content_type="image/jpeg"))
    page.evaluate(SPOIL_AND_DROP, URL + "/spoil.jpg")
    card = page.locator("article").first
    expect(card.locator("h2")).to_have_text("tilted.jpg")
    expect(card.locator(".reasons li").first).to_contain_text("tilted")
    card.locator(".show-map").check()
    expect(card.locator("canvas")).to_be_visible()
    page.screenshot(path=OUT / "map.png", full_page=True)
    card.locator(".show-map").uncheck()
    card.locator(".correct").click()
    expect(card.locator(".receipt")).to_contain_text("turned by -")
    expect(card.locator(".after")).to_be_visible()
    card.locator(".slider input").fill("60")
    assert "inset" in card.locator(".after").evaluate("image => image.style.clipPath")
    page.screenshot(path=OUT / "corrected.png", full_page=True)
    assert not page.wrong, page.wrong


def try_another_fail_at(browser):
    page = visit(browser, viewport={"width": 1200, "height": 1000})
    page.goto(URL)
    assert page.locator("#trial").is_hidden(), "there is no photo to decide on"
    page.set_input_files("#files", [PAVILION, "tests/fixtures/tilted.jpg"])
    expect(page.locator("article .verdict.fail, article .verdict.unsure, article .verdict.pass")).to_have_count(2)
    tilted = page.locator("article").filter(has_text="tilted.jpg")
    expect(tilted.locator(".verdict")).to_contain_text("fail")
    said = page.locator("#trial p")
    expect(said).to_contain_text("Of 2 judged as default: 1 pass, 0 unsure, 1 fail. Nothing changes.")
    page.locator("#trial input").fill("0.99")
    expect(said).to_contain_text("1 pass, 1 unsure, 0 fail. Decided otherwise: tilted.jpg fail → unsure")
    expect(tilted.locator(".otherwise")).to_have_text("From 0.99 on: unsure")
    page.screenshot(path=OUT / "trial.png", full_page=True)
    # Photos that were judged by another profile are no part of it.
    page.select_option("#profile", "real-estate")
    assert page.locator("#trial").is_hidden()
    assert not page.wrong, page.wrong


def with_a_fourth_metric(browser):
    with tempfile.TemporaryDirectory() as folder:
        models = pathlib.Path(shutil.copytree("models", f"{folder}/models"))
        shutil.copy(models / "brightness.onnx", models / "exposure.onnx")
        card = json.loads((models / "brightness.json").read_text())
        card["metric"].update(name="exposure", title="Exposure")
        card["metric"]["low"]["code"], card["metric"]["high"]["code"] = "underexposed", "overexposed"
        (models / "exposure.json").write_text(json.dumps(card))
        with served("--models", models) as url:
            page = browser.new_page(viewport={"width": 1200, "height": 1000})
            page.goto(url)
            # As if a model told the turn, and two checks were there: no service has them yet.
            found = {"orientation": {"turn": 90, "probability": 0.98}, "checks": {"contrast": 0.7131, "jpeg_quality": 88}}
            page.route("**/score?*", lambda route: route.fulfill(json={**route.fetch().json(), **found}))
            page.set_input_files("#files", PAVILION)
            expect(page.locator(".gauge")).to_have_count(4)
            fourth = page.locator(".gauge").nth(3)
            expect(fourth.locator(".caption")).to_contain_text("Exposure · not judged")
            expect(fourth.locator(".ends")).to_have_text("-0.5 V: underexposed0.5 V: overexposed")
            expect(fourth.locator(".band")).to_have_count(0)
            expect(page.locator(".facts li")).to_have_text(["turned by 90° clockwise, 98 % certain", "contrast: 0.713", "jpeg quality: 88"])
            page.screenshot(path=OUT / "four.png", full_page=True)


def refuse_a_text_file(browser):
    page = visit(browser)
    page.goto(URL)
    page.set_input_files("#files", "README.md")
    expect(page.locator(".verdict")).to_contain_text("not a supported image format")
    expect(page.locator("#status")).to_contain_text("README.md")
    assert not page.wrong, page.wrong


def on_a_phone_in_the_dark_by_keyboard(browser):
    page = visit(browser, viewport={"width": 375, "height": 700}, color_scheme="dark", has_touch=True)
    page.goto(URL)
    page.set_input_files("#files", PAVILION)
    expect(page.locator(".verdict")).to_contain_text("pass")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className || document.activeElement.tagName"))
    assert {"files", "profile", "show-map", "correct"} <= reached, reached
    unnamed = "[...document.querySelectorAll('input, button, select, img:not([hidden]), svg')].filter(e => !(e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label') || e.alt)).map(e => e.outerHTML)"
    assert page.evaluate(unnamed) == [], "a screen reader has no name for it"
    page.screenshot(path=OUT / "phone.png", full_page=True)
    assert not page.wrong, page.wrong


def with_a_key(browser):
    with tempfile.TemporaryDirectory() as folder:
        keys = f"{folder}/keys.json"
        key = subprocess.run([CLEARSHOT, "key", "page", "--keys", keys], check=True, capture_output=True, text=True).stdout.strip()
        with served("--keys", keys) as url:
            page = browser.new_page()
            page.goto(url)
            expect(page.locator("#status")).to_contain_text("An API key is needed")
            page.locator("#key input").fill(key)
            page.locator("#key input").press("Tab")
            expect(page.locator("#profile option")).to_have_count(3)
            page.set_input_files("#files", PAVILION)
            expect(page.locator(".verdict")).to_contain_text("pass")
            expect(page.locator(".gauge")).to_have_count(3)
            expect(page.locator("code")).to_contain_text("Bearer $KEY")
            page.screenshot(path=OUT / "key.png", full_page=True)


def read_the_reference(browser):
    page = visit(browser)
    page.goto(URL + "/docs")
    page.get_by_text("/score/batch").first.wait_for()
    page.screenshot(path=OUT / "docs.png")
    assert not page.wrong, page.wrong


with sync_playwright() as playwright:
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    for step in (score_and_correct, try_another_fail_at, with_a_fourth_metric, refuse_a_text_file, on_a_phone_in_the_dark_by_keyboard, with_a_key, read_the_reference):
        step(browser)
    browser.close()
print("page: ok")
