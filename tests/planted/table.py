"""The table of planted faults as it stands in docs/proof.md; `python -m tests.planted.table` writes it anew."""

from __future__ import annotations

from tests.planted.copies import ROOT
from tests.planted.fault import Fault
from tests.planted.faults import PLANTED, SURVIVORS

PAGE = ROOT / "docs/proof.md"
BEGIN, END = "<!-- the table of planted faults begins -->\n", "<!-- the table of planted faults ends -->\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _caught(fault: Fault) -> str:
    return f"`{fault.test}` in `{fault.catcher.partition('::')[0]}`"


def table() -> str:
    """The Markdown between the two lines."""
    lines = [
        "\n",
        _row("fault", "breaks", "where", "what somebody would suffer", "caught by"),
        "|---|---|---|---|---|\n",
    ]
    lines += [_row(fault.name, fault.breaks, f"`{fault.file}`", fault.suffers, _caught(fault)) for fault in PLANTED]
    lines += ["\nSurvivors, which no test can tell from the product:\n\n"]
    lines += [_row("fault", "where", "what it costs", "why it is harmless"), "|---|---|---|---|\n"]
    lines += [_row(fault.name, f"`{fault.file}`", fault.suffers, fault.harmless) for fault in SURVIVORS]
    return "".join([*lines, "\n"])


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + table() + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
