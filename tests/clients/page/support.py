"""A real Chromium, photos made in it, and services of one's own."""

import contextlib
import json
import os
import pathlib
import subprocess

from playwright.sync_api import expect

OUT = pathlib.Path("target/clients/page")
CLEARSHOT = os.environ.get("CLEARSHOT", "target/release/clearshot")
PAVILION = "tests/fixtures/pavilion.jpg"
TILTED = "tests/fixtures/tilted.jpg"
UNREADABLE = "README.md"

# Photos made of one by a canvas, each with what is wrong with it, and dropped as files, all at once. They stay in `window.dropped`.
MAKE_AND_DROP = """async ([url, wanted]) => {
    const photo = await createImageBitmap(await (await fetch(url)).blob());
    const made = async ({name, turn = 0, light = 1, blur = 0, veil = 0, scale = 1, part = [0, 0, 1, 1], quality = 0.92}) => {
        const canvas = document.createElement("canvas");
        const [left, top, width, height] = part.map((share, at) => share * (at % 2 ? photo.height : photo.width));
        const cut = turn ? 0.7 : 1;
        [canvas.width, canvas.height] = [width * scale * cut, height * scale * cut];
        const context = canvas.getContext("2d");
        context.filter = `brightness(${light}) blur(${blur}px)`;
        context.translate(canvas.width / 2, canvas.height / 2);
        context.rotate((turn * Math.PI) / 180);
        const place = [-width * scale / 2, -height * scale / 2, width * scale, height * scale];
        context.drawImage(photo, left, top, width, height, ...place);
        // Fog.
        Object.assign(context, {filter: "none", globalAlpha: veil, fillStyle: "rgb(240, 240, 240)"});
        context.fillRect(...place);
        const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
        return new File([blob], name);
    };
    window.dropped = await Promise.all(wanted.map(made));
    const transfer = new DataTransfer();
    for (const file of window.dropped) transfer.items.add(file);
    document.querySelector("#drop").dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
}"""

ROOMS = [
    {"name": "front.jpg"},
    {"name": "front-small.jpg", "scale": 0.8, "quality": 0.75},
    {"name": "lake.jpg", "part": [0.5, 0, 0.5, 1]},
    {"name": "dark lake.jpg", "part": [0.45, 0.1, 0.55, 0.9], "light": 0.45},
    {"name": "tilted.jpg", "part": [0, 0.2, 0.8, 0.8], "turn": 9},
    {"name": "blurred.jpg", "part": [0, 0, 0.5, 1], "blur": 4},
    {"name": "roof 10.jpg", "part": [0.1, 0.05, 0.45, 0.5]},
    {"name": "roof 9.jpg", "part": [0, 0.5, 0.6, 0.5]},
]


@contextlib.contextmanager
def served(*arguments):
    """A service of its own; its address."""
    service = subprocess.Popen(
        [CLEARSHOT, "serve", "--listen", "127.0.0.1:0", *map(str, arguments)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "RUST_LOG": "error"},
    )
    try:
        yield service.stdout.readline().split()[-1]
    finally:
        service.terminate()
        service.wait()


def visit(browser, url, expected=(), **options):
    """A page that fails the test (`well`) on anything that goes wrong in it but the statuses it expects, or asks another host."""
    page = browser.new_page(**options)
    page.wrong, page.answers = [], {}
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda message: page.wrong.append(message.text) if message.type == "error" and not any(str(status) in message.text for status in expected) else None)
    page.on("request", lambda request: None if request.url.startswith((url, "blob:", "data:")) else page.wrong.append(request.url))
    # Served by the page's own origin, as the policy wants it.
    page.route("**/test/photo.jpg", lambda route: route.fulfill(path=PAVILION, content_type="image/jpeg"))
    page.goto(url)
    expect(page.locator("#profile option")).not_to_have_count(1)
    page.url_of_service = url
    return page


def well(page):
    assert not page.wrong, page.wrong
    page.close()


def drop(page, photos=ROOMS):
    page.evaluate(MAKE_AND_DROP, [page.url_of_service + "/test/photo.jpg", photos])
    scored(page, len(photos))


def scored(page, number):
    expect(page.locator("#status")).to_contain_text(f"Scored {number} photo", timeout=60_000)
    expect(page.locator("#status")).not_to_contain_text("…")


def tile(page, name):
    return page.locator(".tile").filter(has=page.get_by_text(name, exact=True))


def names(page):
    # Not what is rendered: tiles out of sight are not.
    return page.locator(".tile .name").all_text_contents()


def asked(page, query=""):
    """What the service itself answers on the dropped photos, by name."""
    return page.evaluate("""async (query) => {
        const answers = await Promise.all(window.dropped.map(async (file) =>
            [file.name, await (await fetch(`/score?${query}`, {method: "POST", body: file})).json()]));
        return Object.fromEntries(answers);
    }""", query)


def saved(page, button):
    """What a button has the browser keep: its name and its text."""
    with page.expect_download() as download:
        page.click(button)
    return download.value.suggested_filename, pathlib.Path(download.value.path()).read_bytes().decode()


def key_of(folder):
    keys = f"{folder}/keys.json"
    made = subprocess.run([CLEARSHOT, "key", "page", "--keys", keys], check=True, capture_output=True, text=True)
    return keys, made.stdout.strip()


def card_of(models, metric):
    return json.loads((pathlib.Path(models) / f"{metric}.json").read_text())
