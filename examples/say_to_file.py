"""Say a sentence into an MP4 file: python examples/say_to_file.py "Hello." hello.mp4."""

import sys
from pathlib import Path

from jamflow_rt import Avatar
from jamflow_rt.record import record


def main() -> None:
    """Render the text given on the command line."""
    text = sys.argv[1] if len(sys.argv) > 1 else "Good morning, how are you?"
    path = Path(sys.argv[2] if len(sys.argv) > 2 else "hello.mp4")
    with Avatar.load() as avatar:
        seconds = record(avatar.render_speech(text), path)
    print(f"{path}: {seconds:.1f} s")


if __name__ == "__main__":
    main()
