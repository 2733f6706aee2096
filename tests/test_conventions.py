"""docs/conventions.md and the tests that hold it name each other."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAME = r"test_convention_\w+"


def test_every_stated_convention_has_its_test_and_the_other_way_round() -> None:
    stated = set(re.findall(rf"`({NAME})`", (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")))
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py")]
    tested = {name for source in sources for name in re.findall(rf"^def ({NAME})\(", source, re.MULTILINE)}
    assert stated == tested
