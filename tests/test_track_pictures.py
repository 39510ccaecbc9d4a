from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from jamflow_rt.errors import InvalidInput
from jamflow_rt.track.pictures import read_pictures
from tests.track_fakes import write_video


@pytest.mark.parametrize(("rate", "kept"), [(15, 15), (24, 24), (25, 25), (30, 30), (60, 30)])
def test_pictures_come_with_their_times(tmp_path: Path, rate: int, kept: int) -> None:
    greys = [40 + 2 * n for n in range(rate)]
    pictures = list(read_pictures(write_video(tmp_path / "a.mp4", greys, rate)))
    assert len(pictures) == kept
    starts = [picture.start for picture in pictures]
    assert starts == pytest.approx(np.arange(kept) / kept, abs=1e-4)
    assert pictures[-1].end == pytest.approx(pictures[-1].start + 1 / rate, abs=1e-4)
    shown = [picture.rgb.mean() for picture in pictures]
    assert shown == pytest.approx(greys[:: rate // kept], abs=3)
    assert pictures[0].rgb.shape == (48, 64, 3)


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video at all")
    with pytest.raises(InvalidInput, match=r"text\.mp4 cannot be read"):
        list(read_pictures(tmp_path / "text.mp4"))
    with pytest.raises(InvalidInput, match=r"gone\.mp4 cannot be read"):
        list(read_pictures(tmp_path / "gone.mp4"))
    with wave.open(str(tmp_path / "sound.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(bytes(4800))
    with pytest.raises(InvalidInput, match=r"sound\.wav holds no video"):
        list(read_pictures(tmp_path / "sound.wav"))


def test_too_long_and_too_slow_are_refused(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", [100] * 30)
    assert len(list(read_pictures(video, longest=1.2))) == 30
    with pytest.raises(InvalidInput, match=r"a\.mp4 is longer than 1 s"):
        list(read_pictures(video, longest=1.0))
    with pytest.raises(InvalidInput, match="10 pictures a second"):
        list(read_pictures(write_video(tmp_path / "slow.mp4", [100] * 10, rate=10)))
