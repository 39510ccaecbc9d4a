"""Other words for a video's lips: python dub_video.py BUNDLE talk.mp4 "Other words." out.mp4.

`jamflow-rt dub --model BUNDLE` does the same; here it is in Python. Needs MediaPipe.
"""

import sys
from pathlib import Path

import numpy as np

from jamflow_rt import Avatar
from jamflow_rt.record_over import record_over
from jamflow_rt.render.face_finder import landmarker_file
from jamflow_rt.track.tracker import Tracker
from jamflow_rt.watching import faces_of_video


def main(bundle: str, video: str, text: str, output: str) -> None:
    """Generate the sound; the pictures stay as they are."""
    face = Tracker(landmarker_file()).track(Path(video))
    with Avatar.load(bundle, warm=False) as avatar:
        faces = faces_of_video(avatar.bundle, Path(video), face)
        sound = np.concatenate([frame.sound for frame in avatar.dub(text, faces)])
    print(f"{output}: {record_over(Path(video), sound, Path(output)):.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
