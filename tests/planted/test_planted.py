"""Each planted fault is caught by the test that is named for it, and the product as it is passes all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.planted.copies import copied, run, run_tests
from tests.planted.fault import Fault
from tests.planted.faults import PLANTED

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.name)
def test_a_planted_fault_is_caught_by_its_test(fault: Fault, tmp_path: Path) -> None:
    tree = copied(tmp_path)
    fault.plant(tree)
    done = run_tests(tree, [fault.catcher], stop_at_first=True)
    assert done.returncode == 1, f"{fault.catcher} did not fail with {fault.name!r}:\n{done.stdout}\n{done.stderr}"
    assert "\nFAILED " in done.stdout, f"the tests could not be run at all:\n{done.stdout}\n{done.stderr}"


def test_the_product_as_it_is_passes_every_one_of_those_tests(tmp_path: Path) -> None:
    done = run_tests(copied(tmp_path), list(dict.fromkeys(fault.catcher for fault in PLANTED)), stop_at_first=False)
    assert done.returncode == 0, f"caught, though nothing is planted:\n{done.stdout}\n{done.stderr}"


def test_it_is_the_copy_that_is_imported(tmp_path: Path) -> None:
    tree = copied(tmp_path)
    done = run(tree, "-c", "import fieldcal, fieldcal.sync.site as s; print(fieldcal.__file__, s.__file__)")
    assert [Path(file).is_relative_to(tree) for file in done.stdout.split()] == [True, True], done.stderr
