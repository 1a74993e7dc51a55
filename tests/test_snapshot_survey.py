"""What is found out about modules before a snapshot is made."""

from __future__ import annotations

import pytest

from oxidize_build import _snapshot_survey as survey


@pytest.mark.parametrize("name", ["_ctypes", "readline"])
def test_what_no_other_process_can_have_is_left(name: str) -> None:
    known = survey.Survey([f"import {name}\n"])
    with pytest.raises(survey.LeftError, match=name):
        survey.Finder(known).find_spec(name)
    assert known.left == {name: survey.KEEPING[name]}
