import pytest
from tests.embedded.fieldservice.room import Room


@pytest.fixture
def room():
    made = Room().fill()
    yield made
    made.service.close()
