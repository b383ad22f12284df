"""Settings of an environment are checked when they are set, templates included."""

from __future__ import annotations

import pytest
from tests.values import NOW

from fieldcal.errors import ConfigError
from fieldcal.setup import environments as setup
from fieldcal.setup.environments import Changes
from fieldcal.setup_model import Actor, Endpoint
from fieldcal.state import environments

OPERATOR = Actor("tester")
END = Endpoint("https://org.example", secret="env:TOKEN")
GIVEN = {"subject_template": "{{ nmber }}", "body_template": "{{ range(9) }}", "booking_url": "file:///{id}"}


def test_d15_templates_with_mistakes_are_refused_when_an_environment_is_added(sqlite_database):
    with sqlite_database.write() as tx, pytest.raises(ConfigError) as told:
        setup.add(tx, OPERATOR, NOW, "main", END, GIVEN)
    for part in (
        "subject_template, line 1: there is no 'nmber'",
        "body_template, line 1",
        "booking_url: not an address",
    ):
        assert part in str(told.value)


def test_d15_a_refused_template_leaves_the_settings_as_they_were(sqlite_database):
    with sqlite_database.write() as tx:
        setup.add(tx, OPERATOR, NOW, "main", END, {"subject_template": "{{ number }}"})
    with sqlite_database.write() as tx, pytest.raises(ConfigError, match="subject_template, line 1"):
        setup.change(tx, OPERATOR, NOW, "main", Changes({"subject_template": "{{ x }}", "interval": 5}))
    with sqlite_database.read() as tx:
        kept = environments.get(tx, "main").settings
    assert (kept.subject_template, kept.interval) == ("{{ number }}", 15)
