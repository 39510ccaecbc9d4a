"""The SDK in a real browser against the real server: transports, choices, microphone, layout."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Server
from tests.e2e.test_page import (
    LOUD,
    SENTENCE,
    SILENT,
    WAIT,
    connect,
    say,
    wait_for_sessions,
    watch,
)

OpenPage = Callable[[], Page]
SIZES = {"phone": (390, 844), "desktop": (1440, 900)}


@pytest.fixture(autouse=True)
def empty_server(server: Server) -> None:
    wait_for_sessions(server, 0, seconds=40)


def visit(page: Page, server: Server, query: str) -> None:
    page.goto(f"{server.url}/?{query}", timeout=WAIT)
    expect(page.locator("#status-text")).to_have_text("Ready", timeout=WAIT)
    expect(page.locator("#cover")).to_be_hidden(timeout=WAIT)


def begin(page: Page, text: str, avatar: str = "window.avatar") -> None:
    """Ask for it and do not wait for its end; what becomes of it is `window.said`."""
    page.evaluate(
        f"""(text) => {{
          window.said = {avatar}.say(text).then(({{ status }}) => status, ({{ code }}) => code);
        }}""",
        text,
    )


def wake(page: Page) -> None:
    """The gesture that a browser wants before there is sound."""
    page.get_by_role("button", name="Turn sound on").click()
    page.evaluate("probe.start()")


def perceive(page: Page, *, sounds: int, moves: int) -> None:
    """Wait until so many loud moments were heard and so many moves of the mouth seen."""
    deadline = time.monotonic() + WAIT / 1000
    while True:
        page.wait_for_timeout(200)
        heard, seen = page.evaluate("[probe.sound, probe.pictures]")
        loud = sum(level > LOUD for _, level in heard)
        moved = sum(change > 0.05 for _, change, _ in seen)
        if loud >= sounds and moved >= moves:
            return
        assert time.monotonic() < deadline, f"{loud} loud moments, {moved} moves"


@pytest.mark.parametrize("transport", ["websocket", "motion"])
def test_a_websocket_shows_a_moving_face_and_sounds(
    server: Server, open_page: OpenPage, transport: str
) -> None:
    page = open_page()
    visit(page, server, f"transport={transport}")
    assert page.evaluate("avatar.transport") == "websocket"
    assert page.evaluate("avatar.media") == {"websocket": "video"}.get(transport, transport)
    wake(page)
    say(page, SENTENCE)
    expect(page.locator("#captions")).to_contain_text("morning", timeout=WAIT)
    perceive(page, sounds=60, moves=25)
    stats = page.evaluate("avatar.stats()")
    assert stats["framesDecoded"] > 25
    # The picture is the one whose sound is heard.
    assert -100 < stats["syncMs"] < 45
    expect(page.locator("#sync-text")).to_contain_text("ms")


def test_stop_is_quick_over_a_websocket(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    visit(page, server, "transport=websocket")
    wake(page)
    say(page, SENTENCE)
    watch(page, 2)
    page.evaluate("probe.sound.length = 0")
    pressed = page.evaluate("probe.stop()")
    page.wait_for_timeout(1500)
    late = [level for at, level in page.evaluate("probe.sound") if at > pressed + 300]
    assert late and max(late) < SILENT
    # And what is said next is heard.
    say(page, "Yes, I can go on.")
    page.evaluate("probe.sound.length = 0")
    perceive(page, sounds=10, moves=0)


def test_pictures_move_before_there_may_be_sound(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    visit(page, server, "transport=websocket")
    expect(page.get_by_role("button", name="Turn sound on")).to_be_visible()
    begin(page, SENTENCE)
    count = "document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames"
    before = page.evaluate(count)
    page.wait_for_timeout(2000)
    assert page.evaluate(count) > before + 15


def test_the_switch_changes_the_transport_and_the_address_keeps_it(
    server: Server, open_page: OpenPage
) -> None:
    page = open_page()
    connect(page, server)
    assert page.evaluate("avatar.transport") == "webrtc"
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("radio", name="WebSocket").click()
    expect(page.locator("#cover")).to_be_hidden(timeout=WAIT)
    expect(page.locator("#status-text")).to_have_text("Ready", timeout=WAIT)
    assert page.evaluate("avatar.transport") == "websocket"
    assert "transport=websocket" in page.url
    wait_for_sessions(server, 1, seconds=10)
    page.reload()
    expect(page.get_by_role("radio", name="WebSocket")).to_be_checked()
    expect(page.locator("#status-text")).to_have_text("Ready", timeout=WAIT)
    assert page.evaluate("avatar.transport") == "websocket"


def test_without_webrtc_it_falls_back_to_a_websocket(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    page.add_init_script("delete window.RTCPeerConnection")
    visit(page, server, "")
    assert page.evaluate("avatar.transport") == "websocket"


def test_a_network_without_a_way_for_webrtc_falls_back(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    # Candidates that lead nowhere: to the network's discard service.
    page.add_init_script(
        """
        const set = RTCPeerConnection.prototype.setRemoteDescription;
        RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
          sdp = sdp.replace(/^(a=candidate:\\S+ \\d \\S+ \\d+) \\S+ \\d+/gm, "$1 192.0.2.1 9");
          return set.call(this, { type, sdp });
        };
        const add = RTCPeerConnection.prototype.createOffer;
        RTCPeerConnection.prototype.createOffer = function () {
          // What the server would learn from our offer must not help either.
          this.setConfiguration({ ...this.getConfiguration(), iceTransportPolicy: "relay" });
          return add.call(this);
        };
        """
    )
    visit(page, server, "")
    assert page.evaluate("avatar.transport") == "websocket"
    # The place that the first attempt took is free again.
    wait_for_sessions(server, 1, seconds=10)


def test_a_lost_socket_comes_back_to_its_session(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    page.add_init_script(
        """
        window.sockets = [];
        window.WebSocket = class extends WebSocket {
          constructor(...given) { super(...given); window.sockets.push(this); }
        };
        """
    )
    visit(page, server, "transport=websocket")
    session = page.evaluate("avatar.session.session_id")
    begin(page, SENTENCE)
    expect(page.locator("#status-text")).to_have_text("Speaking", timeout=WAIT)
    page.evaluate("sockets.at(-1).close(3000)")
    expect(page.locator("#status-text")).to_have_text("Reconnecting")
    expect(page.locator("#cover")).to_be_hidden(timeout=WAIT)
    assert page.evaluate("avatar.session.resumed") is True
    assert page.evaluate("avatar.session.session_id") == session
    assert page.evaluate("sockets.length") == 2
    assert page.evaluate("said") == "completed"


def test_a_text_in_pieces_and_what_an_interruption_tells(
    server: Server, open_page: OpenPage
) -> None:
    page = open_page()
    connect(page, server)
    said = page.evaluate(
        """async () => {
          const text = avatar.sayStream();
          for (const piece of ["Good ", "morning, ", "dear ", "people."]) text.write(piece);
          return await text.end();
        }"""
    )
    assert said["status"] == "completed"
    assert said["spokenText"].split()[-1].startswith("people")
    begin(page, SENTENCE)
    expect(page.locator("#captions")).to_contain_text("glad", timeout=WAIT)
    broken = page.evaluate("avatar.interrupt()")
    assert broken["status"] == "cancelled"
    assert broken["spokenText"].startswith("Good morning")
    assert broken["unspokenText"]
    assert page.evaluate("avatar.interrupt()") is None


def test_voice_and_face_can_be_chosen(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    page.set_viewport_size({"width": 1440, "height": 900})
    connect(page, server)
    voices = page.locator("#voices").get_by_role("radio")
    expect(voices.first).to_be_checked()
    voices.nth(2).click()
    name = voices.nth(2).inner_text().lower()
    expect(voices.nth(2)).to_be_checked()
    page.wait_for_url(f"**voice={name}**", timeout=WAIT)
    assert page.evaluate("avatar.session.voice") == name
    faces = page.locator("#faces").get_by_role("radio")
    expect(faces.first).to_be_checked()
    # By the keyboard, as among radio buttons.
    faces.first.focus()
    page.keyboard.press("ArrowRight")
    expect(faces.nth(1)).to_be_checked()
    page.wait_for_url("**portrait=**", timeout=WAIT)
    say(page, "This is another voice, and another face.")
    expect(page.locator("#notice")).to_be_hidden()


def test_the_microphone_button_lets_it_hear(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    connect(page, server)
    button = page.locator("#microphone")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true", timeout=WAIT)
    expect(page.locator("#live")).to_be_visible()
    # Chromium's microphone beeps.
    loudest = page.evaluate(
        """async () => {
          let most = 0;
          for (let n = 0; n < 60; n++) {
            await new Promise((resolve) => setTimeout(resolve, 50));
            const level = document.querySelector("#microphone").style.getPropertyValue("--level");
            most = Math.max(most, Number(level));
          }
          return most;
        }"""
    )
    assert loudest > 0.05
    expect(page.locator("#notice")).to_be_hidden()
    say(page, "I can hear you, and I speak.")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#live")).to_be_hidden()


def test_a_voice_that_is_pushed_moves_the_face(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    visit(page, server, "transport=websocket")
    wake(page)
    page.evaluate(
        """async () => {
          const rate = 16000;
          // A buzz that opens and closes, as syllables do.
          const buzz = Float32Array.from({ length: 2 * rate }, (_, at) => {
            const time = at / rate;
            const open = Math.max(0, Math.sin(2 * Math.PI * 4 * time));
            return 0.4 * open * ((time * 130) % 1 - 0.5);
          });
          for (let at = 0; at < buzz.length; at += 3200) {
            await avatar.pushAudio(buzz.subarray(at, at + 3200), { rate });
          }
          avatar.commitAudio();
        }"""
    )
    perceive(page, sounds=20, moves=10)
    expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize("size", SIZES)
def test_the_page_fits(browser: Browser, server: Server, tmp_path: Path, size: str) -> None:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        is_mobile=size == "phone",
        has_touch=size == "phone",
    )
    try:
        page = context.new_page()
        connect(page, server)
        say(page, SENTENCE)
        expect(page.locator("#captions")).to_contain_text("morning", timeout=WAIT)
        page.screenshot(path=tmp_path / f"{size}.png")
        extent = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        )
        assert extent == [width, height]
        stage = page.locator(".stage").bounding_box()
        assert stage is not None and stage["width"] * stage["height"] > 0.2 * width * height
        for name in ("#text", "#send", "#stop", "#microphone", "#status", "#captions"):
            box = page.locator(name).bounding_box()
            assert box is not None, name
            assert box["x"] >= 0 and box["x"] + box["width"] <= width, name
            assert box["y"] >= 0 and box["y"] + box["height"] <= height, name
        # Whether it is a machine can be seen whatever else there is to see.
        page.locator("#microphone").click()
        expect(page.locator("#live")).to_be_visible(timeout=WAIT)
        if size == "phone":
            live, made = page.locator("#live").bounding_box(), page.locator("#made").bounding_box()
            assert live is not None and made is not None
            assert made["y"] + made["height"] <= live["y"]
        else:
            captions = page.locator(".captions").bounding_box()
            assert captions is not None
            # The badge and its margin have a tenth of the picture.
            badge = stage["x"] + 0.89 * stage["width"]
            assert captions["x"] + captions["width"] <= badge
        if size == "phone":
            # Thumbs need 44 pixels.
            for name in ("#send", "#microphone", "#panel-open"):
                box = page.locator(name).bounding_box()
                assert box is not None and min(box["width"], box["height"]) >= 44, name
            expect(page.get_by_role("radio", name="WebRTC")).to_be_hidden()
            page.get_by_role("button", name="Settings").click()
            page.screenshot(path=tmp_path / "settings.png")
            page.evaluate("document.querySelector('#panel').scrollTo(0, 1000)")
            expect(page.get_by_role("button", name="Close")).to_be_in_viewport()
            page.keyboard.press("Escape")
            expect(page.get_by_role("button", name="Settings")).to_be_focused()
        expect(page.get_by_role("radio", name="WebRTC")).to_have_count(1 if size != "phone" else 0)
    finally:
        context.close()


def test_a_face_that_is_drawn_here_can_be_changed_and_keeps_its_badge(
    browser: Browser, server: Server
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True)
    try:
        page = context.new_page()
        page.goto(f"{server.url}/?transport=motion", timeout=WAIT)
        expect(page.locator("#status-text")).to_have_text("Ready", timeout=WAIT)
        expect(page.locator("#made")).to_be_visible()
        with page.expect_response("**/v1/portraits/jonas/*", timeout=WAIT):
            page.evaluate("avatar.update({ portrait: 'jonas' })")
        jonas = page.locator("#faces [aria-checked=true]")
        expect(jonas).to_have_attribute("aria-label", "Jonas", timeout=WAIT)
        expect(page.locator("#notice")).to_be_hidden()
        expect(page.locator("#made")).to_be_visible()
    finally:
        context.close()


def test_the_element_connects_speaks_and_has_captions(server: Server, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{server.url}/healthz", timeout=WAIT)
    page.evaluate(
        """async () => {
          document.body.innerHTML = "<jamflow-avatar captions></jamflow-avatar>";
          await import("/static/element.js");
        }"""
    )
    element = page.locator("jamflow-avatar")
    expect(element.locator(".cover")).to_be_hidden(timeout=WAIT)
    expect(element.get_by_role("button", name="Tap for sound")).to_be_visible()
    element.locator("#sound").click()
    expect(element.locator("#sound")).to_have_text("Mute")
    begin(page, SENTENCE, "document.querySelector('jamflow-avatar').avatar")
    expect(element.locator(".captions")).to_contain_text("morning", timeout=WAIT)
    element.get_by_role("button", name="Stop").click()
    expect(element.locator("#stop")).to_be_hidden(timeout=WAIT)
    page.evaluate("document.querySelector('jamflow-avatar').remove()")
    wait_for_sessions(server, 0, seconds=10)
