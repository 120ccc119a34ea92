"""Which examples of a prompt were shown with an item: chosen again, since the same item always gets the same ones."""

from collections import OrderedDict
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.pipeline.selecting import Selection, Selector, make_selector, read_selection
from app.services.prompts import to_prompt
from app.store.pairs import list_asked
from app.store.prompts import get_prompt

_KEPT = 32

_selectors: OrderedDict[tuple[int, Selection], Selector] = OrderedDict()


async def find_shown_examples(session: AsyncSession, pair_ids: Sequence[int]) -> dict[int, list[int]]:
    """By pair, the places in its prompt of the examples that stood in the request about its item.

    Translations are left out: they are made without examples of the prompt.
    """
    shown: dict[int, list[int]] = {}
    found: dict[tuple[int, Selection, str], list[int]] = {}
    for pair_id, prompt_id, examples, sentences in await list_asked(session, pair_ids):
        key = (prompt_id, read_selection(examples), sentences)
        if key not in found:
            selector = await _find_selector(session, prompt_id, key[1])
            found[key] = list(selector.choose(sentences))
        shown[pair_id] = found[key]
    return shown


async def _find_selector(session: AsyncSession, prompt_id: int, selection: Selection) -> Selector:
    """The rule of a selection over a prompt; the same few are kept at hand, since prompts never change."""
    key = (prompt_id, selection)
    if key not in _selectors:
        _selectors[key] = make_selector(to_prompt(await get_prompt(session, prompt_id)), selection)
        if len(_selectors) > _KEPT:
            _selectors.popitem(last=False)
    return _selectors[key]
