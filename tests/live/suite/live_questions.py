"""Asks what the facts leave open. An answer is no pass or failure; that the question could be asked is."""

from __future__ import annotations

import pytest
from tests.live.end import LiveCalendarEnd
from tests.live.questions import CALENDAR, SOURCE, Asked
from tests.live.suite.conftest import Answers
from tests.live.tenant import Hands


@pytest.mark.parametrize("question", CALENDAR)
def test_the_calendar_is_asked(end: LiveCalendarEnd, answers: Answers, question: str) -> None:
    answers.append(("calendar", question, CALENDAR[question](Asked(end))))
    assert answers[-1][2]


@pytest.mark.parametrize("question", SOURCE)
def test_the_source_is_asked(source_hands: Hands, answers: Answers, question: str) -> None:
    answers.append(("source", question, SOURCE[question](source_hands)))
    assert answers[-1][2]
