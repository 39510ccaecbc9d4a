from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from jamflow_rt.beats import SAMPLE_RATE
from jamflow_rt.errors import InvalidInput
from jamflow_rt.record import SYNTHETIC_SOUND
from jamflow_rt.record_over import record_over
from jamflow_rt.sound_file import read_sound
from tests.track_fakes import write_video

GREYS = [40 + 4 * n for n in range(40)]


def tone(seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


def packets(path: Path) -> list[tuple[bytes, int | None, int | None]]:
    with av.open(str(path)) as container:
        return [(bytes(p), p.pts, p.dts) for p in container.demux(video=0) if p.dts is not None]


def shown(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").mean() for frame in container.decode(video=0)]


def lengths(path: Path) -> tuple[float, float]:
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert audio.codec_context.name == "aac"
        assert video.duration is not None and audio.duration is not None
        return float(video.duration * video.time_base), float(audio.duration * audio.time_base)


def test_pictures_are_copied_packet_by_packet(tmp_path: Path) -> None:
    video = write_video(tmp_path / "talk.mp4", GREYS)
    out = tmp_path / "out.mp4"
    assert record_over(video, tone(1.6), out) == pytest.approx(1.6)
    assert packets(out) == packets(video)
    assert lengths(out) == (pytest.approx(1.6), pytest.approx(1.6, abs=1024 / SAMPLE_RATE))
    sound = read_sound(out)[1024:38_000]
    assert np.sqrt((sound**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    data = out.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("seconds", [0.4, 5.0])
def test_the_sound_gets_as_long_as_the_pictures(tmp_path: Path, seconds: float) -> None:
    out = tmp_path / "out.mp4"
    record_over(write_video(tmp_path / "talk.mp4", GREYS), tone(seconds), out)
    assert lengths(out)[1] == pytest.approx(1.6, abs=1024 / SAMPLE_RATE)
    sound = read_sound(out)
    end = round(min(seconds, 1.6) * SAMPLE_RATE)
    assert np.abs(sound[end - 2000 : end]).max() > 0.3
    assert np.abs(sound[end + 2048 :]).max(initial=0.0) < 0.01


def test_the_old_sound_is_gone(tmp_path: Path) -> None:
    first, second = tmp_path / "first.mp4", tmp_path / "second.mp4"
    record_over(write_video(tmp_path / "talk.mp4", GREYS), tone(1.6), first)
    record_over(first, np.zeros(100, np.float32), second)
    assert packets(second) == packets(first)
    with av.open(str(second)) as container:
        assert len(container.streams) == 2
    assert np.abs(read_sound(second)).max() < 0.01


def test_pictures_that_mp4_does_not_hold_are_encoded(tmp_path: Path) -> None:
    video = write_video(tmp_path / "talk.webm", GREYS, codec="libvpx", size=(66, 50))
    out = tmp_path / "out.mp4"
    assert record_over(video, tone(1.6), out) == pytest.approx(1.6, abs=0.01)
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.video[0].average_rate == 25
    assert shown(out) == pytest.approx(shown(video), abs=4)


def test_what_will_not_do_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    video = write_video(tmp_path / "talk.mp4", GREYS)
    before = packets(video)
    with pytest.raises(InvalidInput, match="is the video itself"):
        record_over(video, tone(1), video)
    with pytest.raises(InvalidInput, match=r"pictures need \.mp4"):
        record_over(video, tone(1), tmp_path / "out.wav")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(InvalidInput, match=r"text\.mp4 cannot be read"):
        record_over(tmp_path / "text.mp4", tone(1), tmp_path / "out.mp4")
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as container:
        container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        stream = container.streams.audio[0]
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2400), np.int16), "s16", "mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InvalidInput, match=r"sound\.mp4 holds no video"):
        record_over(sound, tone(1), tmp_path / "out.mp4")
    assert packets(video) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sound.mp4", "talk.mp4", "text.mp4"]


@pytest.mark.parametrize("name", ["talk.mp4", "talk.webm"])
def test_it_says_that_its_voice_is_synthetic(tmp_path: Path, name: str) -> None:
    codec = "libvpx" if name.endswith("webm") else "libx264"
    out = tmp_path / "out.mp4"
    record_over(write_video(tmp_path / name, GREYS, codec=codec), tone(1.6), out)
    with av.open(str(out)) as container:
        assert container.metadata["comment"] == SYNTHETIC_SOUND
    assert "synthetic=true" in SYNTHETIC_SOUND
