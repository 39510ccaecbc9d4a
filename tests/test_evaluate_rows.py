from __future__ import annotations

from dataclasses import replace

from jamflow_rt.evaluate.rows import MEASURES, Row, rows_of
from tests.test_evaluate_scores import some_scores


def test_every_measure_is_read_from_its_place() -> None:
    ours = some_scores()
    real = replace(ours, word_error_rate=None)
    rows = {row.measure: row for row in rows_of(ours, None, None, real, None, {})}
    words = rows["word error rate (Whisper tiny.en)"]
    assert (words.ours, words.teacher, words.real) == (ours.word_error_rate, None, None)
    assert "4.91" in words.published and "2.42" in words.published
    closed = rows["lips closed at p, b, m, above chance"]
    assert ours.lips is not None
    assert closed.ours == closed.real == ours.lips.closed - ours.lips.chance
    assert ours.sync is not None
    assert rows["lips later than sound by (40 ms frames)"].ours == ours.sync.peak
    assert "FID" not in rows and "DNSMOS, overall" not in rows


def test_what_needs_weights_has_a_row_that_says_so() -> None:
    need = "needs syncnet_v2.model; name its folder with --weights"
    rows = {
        row.measure: row for row in rows_of(some_scores(), None, None, None, None, {"lse": need})
    }
    row = rows["LSE-C (SyncNet)"]
    assert row.ours is None and row.needs == need and "8.70" in row.published
    assert row.texts()["ours"] == "needs weights"
    assert row.json()["needs"] == need


def test_a_row_shows_the_difference_of_streaming() -> None:
    row = Row("words", "{:.1%}", ours=0.05, whole=0.03)
    assert row.texts()["in one piece"] == "3.0% (+2.0%)"
    assert Row("mos", "{:+.2f}", ours=3.0, whole=3.5).texts()["in one piece"] == "+3.50 (-0.50)"
    assert Row("words", "{:.1%}", ours=0.05).texts()["in one piece"] == ""
    assert Row("words", "{:.1%}", ours=0.05).difference is None


def test_no_measure_comes_twice() -> None:
    assert len({(measure.name, measure.at) for measure in MEASURES}) == len(MEASURES)
    assert len({measure.at for measure in MEASURES}) == len(MEASURES)
