"""Text becomes speech and lips: python text_to_face.py BUNDLE me.jpg "Hello." out.mp4."""

import sys
from pathlib import Path

from jamflow_rt import Avatar
from jamflow_rt.record import record


def main(bundle: str, portrait: str, text: str, output: str) -> None:
    """Say a text with a photograph, a video or a portrait of the package."""
    with Avatar.load(bundle, warm=False) as avatar:
        seconds = record(avatar.render_speech(text, portrait), Path(output))
    print(f"{output}: {seconds:.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
