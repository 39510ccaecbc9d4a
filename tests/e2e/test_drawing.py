"""The browser's drawing of a portrait against the server's, pixel by pixel."""

from __future__ import annotations

import base64
import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from jamflow_rt.bundle import EMBEDDED
from jamflow_rt.codec.arkit import ARKIT_NAMES
from jamflow_rt.codec.face import FaceState
from jamflow_rt.codec.motion import MotionSpace
from jamflow_rt.render import DEFAULT_PORTRAIT, MeshRenderer, load_portrait, portrait_names
from jamflow_rt.render.badge import BadgedRenderer, badge_for
from jamflow_rt.render.photo import portrait_from_photo
from jamflow_rt.render.topology import LOWER_LIP, UPPER_LIP
from jamflow_rt.serve.portraits import PortraitPacks, routes
from tests.test_photo import face, photograph

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]

# WebGL2 on the processor: the same picture on every machine.
FLAGS = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SIZE = 512
CLOSE = 3.0
"""Mean absolute difference of 0…255 at most between the two pictures, in every part of them: the
mouth alone is too small to show in the whole. (Measured: 0.1 of the whole, 0.6 of a part.)"""
ROUNDED = 1.0
"""The same between what was drawn and what the page shows."""
PATIENCE = 30.0
"""Seconds until something is shown, on a machine that has other work."""
PARTS = 16
"""Along each side of the picture."""
MOTION = MotionSpace.load(EMBEDDED / "motion.safetensors")
WEB = Path(__file__).parents[2] / "clients" / "web" / "src"
EXAMPLE = Path(__file__).parents[2] / "examples" / "three_head"

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>drawing</title>
<link rel="icon" href="data:,">
<canvas></canvas>
<script type="module">
  import { PortraitRenderer } from "/static/render/renderer.js";
  const { createTexture, deleteTexture } = WebGL2RenderingContext.prototype;
  let textures = 0;
  let extension;
  WebGL2RenderingContext.prototype.createTexture = function () {
    textures += 1;
    return createTexture.call(this);
  };
  WebGL2RenderingContext.prototype.deleteTexture = function (texture) {
    textures -= 1;
    deleteTexture.call(this, texture);
  };
  const context = () => canvas().getContext("webgl2");
  const decode = createImageBitmap;
  let decoding = 0;

  Object.assign(window, {
    PortraitRenderer,
    createImageBitmap: (...picture) => {
      decoding += 1;
      return decode(...picture).finally(() => (decoding -= 1));
    },
    canvas: () => document.querySelector("canvas"),
    count_textures: () => textures,

    async open_portrait(portrait, size, badge = false) {
      window.renderer?.dispose();
      canvas().replaceWith(document.createElement("canvas"));
      canvas().width = canvas().height = size;
      window.renderer = await PortraitRenderer.load(canvas(), { portrait }, { badge });
    },

    /** Draw, and read the pixels: RGBA in base64, from the top row on. */
    draw(latents) {
      renderer.draw(new Float32Array(latents));
      const { width, height } = canvas();
      const gl = context();
      const bytes = new Uint8Array(4 * width * height);
      gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
      const rows = Array.from({ length: height }, (_, n) =>
        bytes.subarray(4 * width * (height - 1 - n), 4 * width * (height - n)));
      return btoa(rows.map((row) => String.fromCharCode(...row)).join(""));
    },

    lose: () => new Promise((resolve) => {
      // What it had is gone with it.
      textures = 0;
      // While its loss is told it cannot be restored yet.
      canvas().addEventListener("webglcontextlost", () => setTimeout(resolve), { once: true });
      extension = context().getExtension("WEBGL_lose_context");
      extension.loseContext();
    }),
    restore: () => new Promise((resolve) => {
      canvas().addEventListener("webglcontextrestored", resolve, { once: true });
      extension.restoreContext();
    }),
    /** Lose it in the middle of the next preparing. */
    lose_again() {
      const { createProgram } = WebGL2RenderingContext.prototype;
      window.lost_again = new Promise((resolve) => {
        WebGL2RenderingContext.prototype.createProgram = function () {
          WebGL2RenderingContext.prototype.createProgram = createProgram;
          lose().then(resolve);
          return createProgram.call(this);
        };
      });
    },
    /** Wait until no picture is being decoded, and what came of them is done. */
    async settle() {
      do await new Promise((resolve) => setTimeout(resolve));
      while (decoding);
      await new Promise((resolve) => setTimeout(resolve));
    },
  });
  window.ready = true;
</script>
"""


def shape(**changes: float) -> Array:
    """Latents at rest but for some: `mouth0`, `eyes2`, `brows0`, or of the head in its units."""
    latents = MOTION.rest.astype(np.float32).copy()
    starts, start = {}, 0
    for group in MOTION.groups:
        starts[group.name] = start
        start += group.size
    head = ("nod", "shake", "tilt", "right", "down", "log_scale")
    for name, amount in changes.items():
        if name in head:
            number = head.index(name)
            latents[starts["pose"] + number] += amount / MOTION.pose_std[number]
        else:
            latents[starts[name[:-1]] + int(name[-1])] += amount
    return latents


def pursed() -> Array:
    """Lips half as wide as at rest, a little forward."""
    mesh = MOTION.neutral.copy()
    lips = np.unique(np.concatenate([UPPER_LIP.rings, LOWER_LIP.rings]))
    mesh[lips, 0] *= 0.5
    mesh[lips, 2] -= 0.4
    still = np.zeros(3, np.float32)
    return MOTION.encode_faces([FaceState(mesh, still, still[:2], 1.0)])[0]


STATES = {
    "rest": shape(),
    "wide": shape(mouth0=-6),
    "closed": shape(mouth0=3),
    "teeth": shape(mouth2=-4),
    "pursed": pursed(),
    "blink": shape(eyes0=4),
    "half_shut": shape(eyes0=1.5),
    "gaze": shape(eyes2=-6),
    "brows": shape(brows0=4),
    "left": shape(shake=-0.35, mouth0=-2),
    "right": shape(shake=0.35, nod=0.1),
    "nod": shape(nod=0.25, tilt=0.2),
    "near": shape(log_scale=0.15, right=0.8, down=-0.5),
    "far": shape(log_scale=-0.15, tilt=-0.3, mouth0=-3),
}
FEW_STATES = ("rest", "wide", "blink", "left")


@pytest.fixture(scope="module")
def packs() -> PortraitPacks:
    return PortraitPacks()


@pytest.fixture(scope="module")
def address(packs: PortraitPacks) -> Iterator[str]:
    """A server that has the modules, the packs, and a page that draws."""

    async def page(request: Any) -> HTMLResponse:
        return HTMLResponse(PAGE)

    app = Starlette(
        routes=[
            Route("/", page),
            *routes(packs, MOTION, ["anna"]),
            Mount("/static", StaticFiles(directory=WEB)),
            Mount("/three_head", StaticFiles(directory=EXAMPLE)),
        ]
    )
    config = uvicorn.Config(app, port=0, log_config=None, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def drawing_browser(browser: Browser, chromium: str) -> Iterator[Browser]:
    # There can be but one Playwright in a thread: this is one more browser of it.
    drawing = browser.browser_type.launch(executable_path=chromium, headless=True, args=list(FLAGS))
    yield drawing
    drawing.close()


@pytest.fixture
def page(drawing_browser: Browser, address: str) -> Iterator[Page]:
    context = drawing_browser.new_context()
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    page.wait_for_function("window.ready")
    yield page
    context.close()
    # A portrait that is not there is asked for on purpose.
    assert not [problem for problem in problems if "404" not in problem]


def decoded(pixels: str, size: int) -> Picture:
    picture = np.frombuffer(base64.b64decode(pixels), np.uint8)
    return picture.reshape(size, size, 4)[..., :3]


def draw(page: Page, latents: Array, size: int = SIZE) -> Picture:
    return decoded(page.evaluate("draw", latents.tolist()), size)


def keep(name: str, drawn: Picture, wanted: Picture) -> None:
    """For eyes, into the folder JAMFLOW_E2E_PICTURES: browser, server, ten times the difference."""
    if folder := os.environ.get("JAMFLOW_E2E_PICTURES"):
        difference = np.abs(drawn.astype(int) - wanted)
        rows = [drawn, wanted, np.clip(10 * difference, 0, 255).astype(np.uint8)]
        Path(folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.concatenate(rows, 1)).save(Path(folder) / f"{name}.png")


def distance(one: Picture, other: Picture) -> float:
    """The mean absolute difference of the part of the pictures where it is largest."""
    part = len(one) // PARTS
    difference = np.abs(one.astype(int) - other)[: part * PARTS, : part * PARTS]
    return float(difference.reshape(PARTS, part, PARTS, part, 3).mean((1, 3, 4)).max())


def open_portrait(page: Page, portrait: str, size: int = SIZE) -> None:
    page.evaluate("([name, size]) => open_portrait(name, size)", [portrait, size])


def shows(page: Page, wanted: Picture, within: float = ROUNDED) -> None:
    """Wait until the page shows the picture, as its viewer sees it, and nothing else.

    Neither `readPixels` nor a copy of the canvas tells that: once the page has been composed the
    drawing buffer is empty.
    """
    ends = time.monotonic() + PATIENCE
    while True:
        with Image.open(io.BytesIO(page.locator("canvas").screenshot())) as screenshot:
            seen = np.asarray(screenshot.convert("RGB"))
        if distance(seen, wanted) <= within:
            return
        assert time.monotonic() < ends, f"another picture: {distance(seen, wanted):.1f} away"


def render(renderer: MeshRenderer, latents: Array) -> Picture:
    return renderer.render(MOTION.decode(latents[None])[0])


@pytest.mark.parametrize("portrait", portrait_names())
def test_the_browser_draws_what_the_server_draws(page: Page, portrait: str) -> None:
    renderer = MeshRenderer(load_portrait(portrait), MOTION.neutral, SIZE)
    open_portrait(page, portrait)
    at_rest = render(renderer, STATES["rest"])
    for name in STATES if portrait == DEFAULT_PORTRAIT else FEW_STATES:
        wanted = render(renderer, STATES[name])
        drawn = draw(page, STATES[name])
        keep(f"{portrait}_{name}", drawn, wanted)
        assert distance(drawn, wanted) <= CLOSE, name
        # What is compared is no matter of course.
        assert (distance(at_rest, wanted) > 2 * CLOSE) == (name != "rest"), name


@pytest.mark.parametrize("size", [96, 300, 1024])
def test_the_canvas_may_have_any_size_and_change_it(page: Page, size: int) -> None:
    renderer = MeshRenderer(load_portrait(), MOTION.neutral, size)
    open_portrait(page, "", 200)
    draw(page, STATES["rest"], 200)
    page.evaluate("size => Object.assign(canvas(), { width: size, height: size })", size)
    drawn = draw(page, STATES["wide"], size)
    keep(f"size_{size}", drawn, render(renderer, STATES["wide"]))
    # A small picture has few pixels a part.
    assert distance(drawn, render(renderer, STATES["wide"])) <= 2 * CLOSE


def test_the_badge_is_where_the_server_draws_it(page: Page) -> None:
    plain = MeshRenderer(load_portrait(), MOTION.neutral, SIZE)
    page.evaluate("size => open_portrait('', size, true)", SIZE)
    drawn = draw(page, STATES["wide"])
    left, top, right, bottom = badge_for(SIZE, SIZE).box
    wanted = BadgedRenderer(plain).render(MOTION.decode(STATES["wide"][None])[0])
    part = np.s_[top:bottom, left:right]
    keep("badge", drawn, wanted)
    assert np.abs(drawn[part].astype(float) - wanted[part]).mean() < 4
    assert np.abs(render(plain, STATES["wide"])[part].astype(float) - wanted[part]).mean() > 20


def test_an_uploaded_photograph_of_a_turned_head(page: Page, packs: PortraitPacks) -> None:
    picture, landmarks = photograph(face(turn=(0.1, 0.25, 0.05)))
    portrait = portrait_from_photo(picture, landmarks.astype(np.float32), "me")
    packs.add("a-secret", portrait)
    open_portrait(page, "a-secret")
    renderer = MeshRenderer(portrait, MOTION.neutral, SIZE)
    for name in FEW_STATES:
        drawn = draw(page, STATES[name])
        keep(f"photograph_{name}", drawn, render(renderer, STATES[name]))
        # WebP has been at the pictures.
        assert distance(drawn, render(renderer, STATES[name])) <= 2 * CLOSE, name
    packs.remove("a-secret")
    refused = page.evaluate("open_portrait('a-secret', 64).catch(({ code }) => code)")
    assert refused == "not_found"


def test_a_lost_context_comes_back_with_its_picture(page: Page) -> None:
    open_portrait(page, "mara")
    wide, blink = (draw(page, STATES[name]) for name in ("wide", "blink"))
    assert distance(wide, blink) > 2 * CLOSE
    textures = page.evaluate("count_textures()")
    draw(page, STATES["wide"])
    page.evaluate("lose()")
    # Meanwhile motion goes on.
    page.evaluate("latents => renderer.draw(latents)", STATES["blink"].tolist())
    page.evaluate("restore()")
    shows(page, blink)
    np.testing.assert_array_equal(draw(page, STATES["wide"]), wide)
    assert page.evaluate("count_textures()") == textures


def test_a_context_lost_twice_is_prepared_once(page: Page) -> None:
    open_portrait(page, "mara")
    wide = draw(page, STATES["wide"])
    textures = page.evaluate("count_textures()")
    # The pictures for the first time are not decoded yet when it is lost again.
    page.evaluate("lose().then(restore).then(lose).then(restore)")
    shows(page, wide)
    page.evaluate("settle()")
    assert page.evaluate("count_textures()") == textures
    np.testing.assert_array_equal(draw(page, STATES["wide"]), wide)


def test_a_context_lost_while_it_is_prepared_comes_back(page: Page) -> None:
    open_portrait(page, "mara")
    wide = draw(page, STATES["wide"])
    page.evaluate("lose()")
    page.evaluate("lose_again()")
    page.evaluate("restore()")
    page.evaluate("lost_again")
    page.evaluate("restore()")
    shows(page, wide)


def test_nothing_is_drawn_after_the_end(page: Page) -> None:
    open_portrait(page, "mara", 64)
    before = draw(page, STATES["rest"], 64)
    page.evaluate("renderer.dispose(); renderer.dispose()")
    page.evaluate("latents => renderer.draw(latents)", STATES["wide"].tolist())
    assert before.any()
    assert page.evaluate("count_textures()") == 0


def test_another_portrait_may_take_over_the_canvas(page: Page) -> None:
    open_portrait(page, "mara")
    page.evaluate("window.before = renderer")
    page.evaluate(
        "PortraitRenderer.load(canvas(), { portrait: 'jonas' }).then((r) => (window.renderer = r))"
    )
    # The one before can draw until it is let go.
    page.evaluate("latents => before.draw(latents)", STATES["blink"].tolist())
    page.evaluate("before.dispose()")
    drawn = draw(page, STATES["wide"])
    renderer = MeshRenderer(load_portrait("jonas"), MOTION.neutral, SIZE)
    assert distance(drawn, render(renderer, STATES["wide"])) <= CLOSE


def test_a_loaded_portrait_shows_at_rest(page: Page) -> None:
    open_portrait(page, "mara")
    renderer = MeshRenderer(load_portrait("mara"), MOTION.neutral, SIZE)
    shows(page, render(renderer, STATES["rest"]), CLOSE)


def test_bad_motion_is_refused(page: Page) -> None:
    open_portrait(page, "mara", 64)
    code = "latents => { try { renderer.draw(latents) } catch (error) { return error.code } }"
    assert page.evaluate(code, [0.0] * 5) == "invalid_input"
    filled = code.replace("(latents)", "(latents.fill(NaN))")
    assert page.evaluate(filled, [0.0] * MOTION.size) == "invalid_input"
    assert page.evaluate(code, [0.0] * MOTION.size) is None


def test_the_example_knows_the_order_of_the_coefficients(page: Page) -> None:
    names = page.evaluate("import('/three_head/arkit.js').then((module) => module.ARKIT_NAMES)")
    assert tuple(names) == ARKIT_NAMES


def test_loading_can_be_aborted(page: Page) -> None:
    aborted = """async () => {
      const control = new AbortController();
      const loading = PortraitRenderer.load(document.createElement("canvas"), {
        signal: control.signal,
      });
      control.abort();
      return loading.catch((error) => error.name);
    }"""
    assert page.evaluate(aborted) == "AbortError"
