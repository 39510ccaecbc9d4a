"""Sound that is missing follows from the lips.

python fill_gaps.py BUNDLE talk.mp4 "All that is said." 1.0 1.8 out.wav: what is between 1.0 and
1.8 s is generated from the text and the mouth, and fits the sound around it. Needs MediaPipe.
"""

import sys
from pathlib import Path

from jamflow_rt import Avatar
from jamflow_rt.record import write_wav
from jamflow_rt.render.face_finder import landmarker_file
from jamflow_rt.sound_file import read_sound
from jamflow_rt.track.tracker import Tracker
from jamflow_rt.watching import faces_of_video


def main(bundle: str, video: str, text: str, start: str, end: str, output: str) -> None:
    """Fill a gap of a video's sound."""
    sound = read_sound(Path(video))
    face = Tracker(landmarker_file()).track(Path(video))
    with Avatar.load(bundle, warm=False) as avatar:
        faces = faces_of_video(avatar.bundle, Path(video), face)
        gap = float(start), float(end)
        filled = avatar.fill_gaps(text, sound, faces, sound_gaps=[gap])
    write_wav(filled.sound, Path(output))
    print(f"{output}: {len(filled.sound) / 24000:.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
