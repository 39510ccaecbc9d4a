from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.testclient import TestClient

import jamflow_rt
from jamflow_rt.config import ServerConfig
from jamflow_rt.errors import Failed, InvalidInput, JamflowError, NotSupported, Overloaded
from jamflow_rt.render.portrait import Portrait
from jamflow_rt.render.portraits import load_portrait
from jamflow_rt.serve import uploads
from jamflow_rt.serve.auth import SCOPES, Gate, Grant
from jamflow_rt.serve.limits import Limits
from jamflow_rt.serve.photo_worker import TooManyPixels, decode_photo
from jamflow_rt.serve.refusals import refusal
from jamflow_rt.serve.uploads import PortraitProcess, UploadEndpoint, Uploads
from tests.picture_files import FILES, PIXELS, picture_file, png

ANN = Grant("ann", SCOPES, None, "")
BOB = Grant("bob", SCOPES, None, "")
SOMEBODY = load_portrait()

# The process

WORKER = """
import os, sys, types
# Without the package's own imports: they are large, and none of them is needed.
package = types.ModuleType("jamflow_rt")
package.__path__ = [sys.argv.pop(1)]
sys.modules["jamflow_rt"] = package
from jamflow_rt.serve import photo_worker

make = photo_worker.make_portrait
os.nice = lambda steps: 0  # tests stand back enough

def noisy(data, max_pixels):
    print("noise of a library", flush=True)
    os.write(1, b"and of a worse one")
    return make(data, max_pixels)

photo_worker.make_portrait = noisy
photo_worker.main()
print("last words")
"""


async def test_the_process_tells_what_is_wrong_with_a_photograph() -> None:
    package = str(Path(jamflow_rt.__file__).parent)
    process = PortraitProcess(PIXELS, 100.0, (sys.executable, "-c", WORKER, package))
    with pytest.raises(TooManyPixels, match=r"0\.01 megapixels"):
        await process(picture_file("PNG", (200, 200)))


def running(code: str, seconds: float = 100.0) -> PortraitProcess:
    return PortraitProcess(PIXELS, seconds, (sys.executable, "-c", code))


async def test_a_process_that_hangs_is_ended() -> None:
    hung = running("import time; time.sleep(100)", 0.2)
    with pytest.raises(InvalidInput, match=r"within 0\.2 seconds"):
        await hung(b"x" * 1_000_000)


async def test_a_process_that_crashes_is_the_picture_s_fault() -> None:
    crashing = running("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(InvalidInput, match="broke the reader"):
        await crashing(b"x")
    with pytest.raises(Failed):
        await running("raise SystemExit(3)")(b"x")


async def test_a_client_that_goes_away_leaves_no_process() -> None:
    task = asyncio.create_task(running("import time; time.sleep(100)")(b"x"))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# Keeping


class Maker:
    """Decodes as the real one does, and always sees the same person."""

    def __init__(self) -> None:
        self.made = 0
        self.error: JamflowError | None = None

    async def __call__(self, data: bytes) -> Portrait:
        if self.error is not None:
            raise self.error
        decode_photo(data, PIXELS)
        self.made += 1
        return SOMEBODY


class Clock:
    time = 0.0

    def __call__(self) -> float:
        return self.time


def shelf() -> tuple[Uploads, Clock]:
    clock = Clock()
    return Uploads(ServerConfig(), Maker(), now=clock), clock


async def test_a_portrait_belongs_to_its_subject() -> None:
    kept, _ = shelf()
    name, seconds = await kept.add(ANN, FILES["PNG"])
    assert seconds == uploads.KEEP_SECONDS
    assert kept.portrait(name, ANN) is SOMEBODY
    assert kept.portrait(name, BOB) is None
    for other in ("", "mara", "../../etc/passwd", name + "x"):
        assert kept.portrait(other, ANN) is None


async def test_it_is_deleted_with_its_session() -> None:
    kept, clock = shelf()
    name, _ = await kept.add(ANN, FILES["PNG"])
    kept.hold(name, "session-1")
    kept.hold(name, "session-2")
    clock.time += 10 * uploads.KEEP_SECONDS
    assert kept.portrait(name, ANN) is SOMEBODY
    kept.release("session-1")
    kept.release("session-9")
    assert kept.portrait(name, ANN) is SOMEBODY
    kept.release("session-2")
    assert kept.portrait(name, ANN) is None
    assert len(kept) == 0
    kept.hold(name, "session-3")


async def test_what_nobody_uses_is_forgotten() -> None:
    kept, clock = shelf()
    name, _ = await kept.add(ANN, FILES["PNG"])
    clock.time += uploads.KEEP_SECONDS
    assert kept.portrait(name, ANN) is None
    assert len(kept) == 0


async def test_what_nobody_asks_for_is_forgotten_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "KEEP_SECONDS", -1.0)
    kept, _ = shelf()
    await kept.add(ANN, FILES["PNG"])
    assert len(kept) == 1
    await asyncio.sleep(0.02)
    assert len(kept) == 0


async def test_a_subject_has_few_and_the_newest() -> None:
    kept, _ = shelf()
    used, _ = await kept.add(ANN, FILES["PNG"])
    kept.hold(used, "session-1")
    names = [(await kept.add(ANN, FILES["PNG"]))[0] for _ in range(uploads.PER_SUBJECT + 2)]
    assert [kept.portrait(name, ANN) is not None for name in names] == [False] * 2 + [
        True
    ] * uploads.PER_SUBJECT
    assert kept.portrait(used, ANN) is SOMEBODY


async def test_the_server_keeps_so_many() -> None:
    kept, _ = shelf()
    for index in range(uploads.MOST):
        await kept.add(Grant(str(index), SCOPES, None, ""), FILES["PNG"])
    with pytest.raises(Overloaded, match="keeps as many"):
        await kept.add(ANN, FILES["PNG"])
    kept.clear()
    assert len(kept) == 0


async def test_portraits_are_made_one_at_a_time_and_few_wait() -> None:
    at_once, most = 0, 0
    go = asyncio.Event()

    async def slow(data: bytes) -> Portrait:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await go.wait()
        at_once -= 1
        return SOMEBODY

    kept = Uploads(ServerConfig(), slow)
    tasks = [asyncio.create_task(kept.add(ANN, FILES["PNG"])) for _ in range(uploads.AT_WORK)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="are being made"):
        await kept.add(BOB, FILES["PNG"])
    go.set()
    await asyncio.gather(*tasks)
    assert most == 1
    await kept.add(BOB, FILES["PNG"])


# The endpoint

CONFIG = ServerConfig(
    auth_key=SecretStr("a-key-that-nobody-guesses"),
    max_upload=3000,
    max_pixels=PIXELS,
    requests_per_minute=100_000,
)


def application(maker: Maker, config: ServerConfig = CONFIG) -> Starlette:
    endpoint = UploadEndpoint(Gate(config), Limits(config), Uploads(config, maker), config)
    return Starlette(routes=endpoint.routes(), exception_handlers={JamflowError: refusal})


def allowed(*scopes: str) -> dict[str, str]:
    return {"authorization": f"Bearer {Gate(CONFIG).token('ann', scopes)[0]}"}


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture
def client(maker: Maker) -> Iterator[TestClient]:
    with TestClient(application(maker), headers=allowed("upload")) as client:
        yield client


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[TestClient]:
    with TestClient(application(Maker()), headers=allowed("upload")) as client:
        yield client


@pytest.mark.parametrize("kind", sorted(FILES))
def test_an_upload_gets_an_id(client: TestClient, kind: str) -> None:
    # Names and announced types mean nothing.
    headers = {"content-type": "text/html", "content-disposition": "filename=../../me.exe"}
    answer = client.post("/v1/portraits", content=FILES[kind], headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.json()["portrait"].startswith("upload-")
    assert answer.json()["expires_at"] > 1_700_000_000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 415),
        (b"GIF89a", 415),
        (FILES["JPEG"][:100], 422),
        (b"x" * 3001, 413),
        (png(5000, 5000, b""), 413),
    ],
)
def test_what_will_not_do_is_said(
    client: TestClient, maker: Maker, body: bytes, status: int
) -> None:
    answer = client.post("/v1/portraits", content=body)
    assert answer.status_code == status
    assert len(answer.text) > 20
    assert maker.made == 0


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput("There is no face in the picture."), 422),
        (NotSupported("Portraits need MediaPipe."), 501),
        (Failed("It broke."), 500),
    ],
)
def test_what_the_maker_says_is_passed_on(
    client: TestClient, maker: Maker, error: JamflowError, status: int
) -> None:
    maker.error = error
    answer = client.post("/v1/portraits", content=FILES["PNG"])
    assert (answer.status_code, answer.text) == (status, str(error))


def test_only_who_may_upload_does(client: TestClient, maker: Maker) -> None:
    post = partial(client.post, "/v1/portraits", content=FILES["PNG"])
    assert post(headers=allowed("say", "view")).status_code == 403
    assert post(headers={"authorization": "Bearer x"}).status_code == 401
    assert maker.made == 0


def test_uploads_count_as_requests(maker: Maker) -> None:
    with TestClient(application(maker, ServerConfig(requests_per_minute=1))) as client:
        codes = [client.post("/v1/portraits", content=FILES["PNG"]).status_code for _ in range(2)]
    assert codes == [201, 429]


@given(st.sampled_from(sorted(FILES)), st.data())
def test_whatever_is_uploaded(fuzzed: TestClient, kind: str, data: st.DataObject) -> None:
    file = FILES[kind]
    place = data.draw(st.integers(0, len(file)))
    tail = data.draw(st.binary(max_size=50) | st.just(file[place + 1 :]))
    answer = fuzzed.post("/v1/portraits", content=file[:place] + tail)
    assert answer.status_code in (201, 413, 415, 422)
