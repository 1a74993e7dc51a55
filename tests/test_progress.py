"""Stages of a build: shown, and remembered for who asks."""

from __future__ import annotations

import pytest

from oxidize_build.progress import Stage, recorded, stage


def test_stages_are_recorded_in_the_order_they_end(capsys: pytest.CaptureFixture[str]) -> None:
    with stage("before"):
        pass
    with recorded() as outer, stage("whole"), recorded() as inner, stage("part"):
        pass
    with stage("after"):
        pass
    assert [ended.title for ended in inner] == ["part"]
    assert [ended.title for ended in outer] == ["part", "whole"]
    assert all(isinstance(ended, Stage) and ended.seconds >= 0 for ended in outer)
    assert "whole (0.0 s)" in capsys.readouterr().err


def test_a_stage_that_fails_is_not_recorded() -> None:
    with recorded() as stages, pytest.raises(ZeroDivisionError), stage("failing"):
        raise ZeroDivisionError
    assert stages == []
    with stage("after"):
        pass
    assert stages == []
