from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jamflow_rt.client.frames import Assembler, Parts
from jamflow_rt.protocol import MediaFrame, MediaKind

FRAME, HALF = 40_000, 20_000


def heard(index: int, half: int, epoch: int = 0) -> MediaFrame:
    return MediaFrame(MediaKind.AUDIO, epoch, index * FRAME + half * HALF, b"%d.%d" % (index, half))


def seen(index: int, epoch: int = 0) -> MediaFrame:
    return MediaFrame(MediaKind.MOTION, epoch, index * FRAME, b"%d" % index)


def assembled(*media: MediaFrame) -> list[Parts]:
    assembler = Assembler()
    return [parts for one in media for parts in assembler.push(one)]


def test_a_frame_is_complete_with_its_second_sound() -> None:
    assembler = Assembler()
    assert assembler.push(seen(0)) == assembler.push(heard(0, 0)) == []
    (parts,) = assembler.push(heard(0, 1))
    assert (parts.index, parts.time) == (0, 0.0)
    assert parts.seen == seen(0)
    assert parts.sounds == [b"0.0", b"0.1"]


def test_what_the_server_left_out_stays_empty() -> None:
    first, second = assembled(heard(0, 0), heard(0, 1), seen(5), heard(5, 1))
    assert (first.seen, first.sounds) == (None, [b"0.0", b"0.1"])
    assert (second.seen, second.sounds) == (seen(5), [None, b"5.1"])


def test_a_frame_that_lost_its_last_sound_is_complete_when_the_next_begins() -> None:
    (parts,) = assembled(seen(0), heard(0, 0), seen(1))
    assert parts.sounds == [b"0.0", None]


def test_an_interrupt_takes_what_is_not_complete() -> None:
    (parts,) = assembled(
        seen(0), heard(0, 0), seen(1, 1), heard(0, 1), heard(1, 0, 1), heard(1, 1, 1)
    )
    assert (parts.index, parts.epoch) == (1, 1)


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.sampled_from([0, 1, 2]), st.integers(0, 2)), max_size=60
    )
)
def test_whatever_comes_frames_go_forward_and_are_given_once(
    plan: list[tuple[int, int, int]],
) -> None:
    media = [
        seen(index, epoch) if part == 2 else heard(index, part, epoch)
        for index, part, epoch in plan
    ]
    complete = assembled(*media)
    numbers = [parts.index for parts in complete]
    assert numbers == sorted(set(numbers))
    epochs = [parts.epoch for parts in complete]
    assert epochs == sorted(epochs)
    for parts in complete:
        assert parts.seen in [*media, None]
        assert all(one is None or one.startswith(b"%d." % parts.index) for one in parts.sounds)
