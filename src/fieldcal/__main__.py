"""`python -m fieldcal`, and what the `fieldcal` command calls."""

from __future__ import annotations


def main() -> None:
    """Run the command line and exit."""
    from fieldcal.cli import run

    run()


if __name__ == "__main__":
    main()
