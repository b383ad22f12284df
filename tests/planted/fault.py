"""One mistake that a programmer could make, planted into a copy of the product to see whether a test notices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SOURCE = Path("src/fieldcal")


@dataclass(frozen=True, slots=True)
class Fault:
    """One replacement of a text in one file, and the test that has to notice it."""

    #: short and unique; the case's name
    name: str
    #: which invariant or rule it breaks: I1 ... I10, R12, D4 ...
    breaks: str
    #: below src/fieldcal
    file: str
    #: stands exactly once in the file
    old: str
    new: str
    #: what somebody would suffer, in one sentence
    suffers: str
    #: the node id of the test that fails with it; "" for a survivor
    catcher: str = ""
    #: of a survivor: why no test can tell it from the product
    harmless: str = ""

    @property
    def test(self) -> str:
        """The catching test's name alone."""
        return self.catcher.rpartition("::")[2].partition("[")[0]

    def plant(self, tree: Path) -> None:
        """Replace the text in a copy of the tree; `LookupError` where it does not stand there exactly once."""
        path = tree / SOURCE / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise LookupError(
                f"the fault {self.name!r} does not fit any more: its old text stands {text.count(self.old)} times in "
                f"{SOURCE / self.file}; write it anew or take it off the list"
            )
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")
