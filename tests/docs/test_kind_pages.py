"""Every kind has a page that says what its class says, and whose example is read by that class."""

import re
from pathlib import Path

import pytest

from datasets.record_values import QueryInput
from datasets.records import parse_format
from datasets.registry import KindInfo, find_kind, list_kinds

PAGES = Path(__file__).parents[2] / "docs" / "kinds"
KINDS = [kind.name for kind in list_kinds()]
PARTS = ["The file", "The query input", "The pairs", "Images", "Relations"]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
_WORDS_IN_BACKTICKS = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")
_IMAGE_PREFIX = re.compile(r"\b[A-Z0-9]+_IMG_")
_BORROWED = re.compile(r"are those of\s+\[[\w.]+\]\(([\w.]+\.md)\)")


def _read_own(name: str) -> str:
    page = PAGES / f"{name}.md"
    return page.read_text() if page.exists() else ""


def read(kind: KindInfo) -> str:
    """The page, followed by the one whose parts it says are its own."""
    assert kind.doc_page == f"docs/kinds/{kind.name}.md"
    text = _read_own(kind.name)
    assert text, f"{kind.doc_page} is missing; docs/kinds/README.md says what it holds"
    return text + "".join((PAGES / name).read_text() for name in _BORROWED.findall(text))


def test_pages_are_of_kinds_and_the_index_lists_them_all() -> None:
    assert sorted(path.stem for path in PAGES.glob("*.*.md")) == KINDS
    index = (PAGES / "README.md").read_text()
    assert sorted(re.findall(r"^\| \[([\w.]+)\]\(\1\.md\) \| \w+ \|", index, re.MULTILINE)) == KINDS


@pytest.mark.parametrize("name", KINDS)
def test_a_page_has_the_title_and_the_parts(name: str) -> None:
    kind = find_kind(name)
    text = read(kind)
    assert text.startswith(f"# {name} ({kind.abbr})\n")
    parts = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert [part for part in PARTS if part not in parts] == []


@pytest.mark.parametrize("name", KINDS)
def test_a_page_names_the_rules_of_the_kind_and_no_others(name: str) -> None:
    kind = find_kind(name)
    every_code = {rule.code for kind in list_kinds() for rule in kind.house_rules}
    named = set(_WORDS_IN_BACKTICKS.findall(read(kind)))
    assert named & every_code == {rule.code for rule in kind.house_rules}


@pytest.mark.parametrize("name", KINDS)
def test_a_page_says_how_pairs_relate_and_what_their_ids_look_like(name: str) -> None:
    kind = find_kind(name)
    text = read(kind)
    assert f"`{kind.relation_rule}`" in text
    assert f"`{kind.abbr}_INS_" in text
    assert [prefix for prefix in _IMAGE_PREFIX.findall(kind.image_id_pattern) if f"`{prefix}" not in text] == []
    assert [file_name for file_name in kind.picture_files if f"`{file_name}`" not in text] == []


@pytest.mark.parametrize("name", [name for name in KINDS if not _BORROWED.search(_read_own(name))])
def test_the_example_of_a_page_is_read_as_the_page_shows_it(name: str, tmp_path: Path) -> None:
    kind = find_kind(name)
    blocks = _BLOCK.findall(_read_own(name))
    file_format, example = next(block for block in blocks if block[0] in ("json", "jsonl"))
    shown = next(text for language, text in blocks if not language)
    path = tmp_path / f"annotations.{file_format}"
    path.write_text(example)
    outcomes = list(kind.open_query_inputs(path, parse_format(file_format)))
    assert all(isinstance(outcome, QueryInput) for outcome in outcomes), outcomes
    assert isinstance(outcomes[0], QueryInput)
    assert outcomes[0].sentences == shown
