"""The page of the filters names every rule and every word of its list."""

import re

from app.pipeline.filtering import RULES_BY_CODE
from app.pipeline.filtering.toxic import TOXIC_WORDS
from tests.support.processes import PROJECT

_PAGE = (PROJECT / "docs" / "filters.md").read_text()


def test_every_general_rule_stands_in_a_table_and_no_other_does() -> None:
    rows = [line.split("|")[1] for line in _PAGE.splitlines() if line.startswith("| `")]
    named = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    assert named - {"reject", "flag", "repair", "off"} == RULES_BY_CODE.keys()


def test_every_word_that_is_found_is_printed() -> None:
    printed = _PAGE.partition("as whole words in any case:")[2].partition(". It holds")[0]
    assert tuple(printed.replace("\n", " ").strip().split(", ")) == TOXIC_WORDS
