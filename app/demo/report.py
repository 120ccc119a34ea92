"""What the demo prints of the pairs, the refusals and the translations it got."""

import textwrap
from collections import Counter
from collections.abc import Sequence

from app.demo.client import Body, Client
from app.demo.orders import LANGUAGES, Order

_WIDTH = 100
_PAIRS_OF_A_JOB = 2
_SHOWN_REFUSALS = 5
_TEXT_LENGTH = 170
_NAMES = {"zh": "Chinese"}


async def describe_pairs(client: Client, orders: Sequence[Order]) -> list[str]:
    """A few pairs of each job, with the pictures they belong to."""
    lines = ["", "Some of the pairs"]
    for order in orders:
        pairs = await client.list_all("pairs", job_id=order.job["id"])
        lines += ["", f"  {order.part.kind}: {len(pairs)} pairs"]
        shown: dict[str, Body] = {}
        for pair in sorted(pairs, key=lambda pair: -len(pair["related_pair_ids"])):
            shown.setdefault(pair["item_id"], pair)
        for pair in list(shown.values())[:_PAIRS_OF_A_JOB]:
            lines += [f"    {_name_pictures(pair['image_ids'])}{_count_related(pair['related_pair_ids'])}"]
            lines += [*_quote("Q", pair["instruction"]), *_quote("A", pair["response"])]
    return lines


async def describe_refusals(client: Client, orders: Sequence[Order]) -> list[str]:
    """What was refused while pairs were made, by reason, with examples."""
    refusals = await _list_refusals(client, orders, stage="generate")
    if not refusals:
        return ["", "Nothing was refused while the pairs were made."]
    counted = ", ".join(f"{reason} {n}" for reason, n in Counter(row["reason"] for row in refusals).most_common())
    lines = ["", f"Refused while the pairs were made, and kept with the reason: {counted}"]
    for row in _pick_by_reason(refusals):
        text = " ".join((row["text"] or f"{row['instruction']} {row['response']}").split())
        lines += ["", f"    {row['source_id']}: {row['reason']} ({row['detail']})", *_quote(">", text)]
    return lines


async def describe_translations(client: Client, orders: Sequence[Order], *, is_demo: bool) -> list[str]:
    """How many translations the language check kept and refused, with an example of both."""
    order = next(order for order in orders if order.part.is_translated)
    english = {pair["id"]: pair for pair in await client.list_all("pairs", job_id=order.job["id"])}
    refusals = await _list_refusals(client, [order], stage="translate")
    asked = " and ".join(_NAMES[code] for code in LANGUAGES)
    lines = ["", f"Translations of the {len(english)} pairs of {order.part.kind} into {asked}"]
    for language in LANGUAGES:
        kept = await client.list_all("pairs", job_id=order.job["id"], language=language)
        refused = [row for row in refusals if row["language"] == language]
        reasons = ", ".join(f"{reason} {n}" for reason, n in Counter(row["reason"] for row in refused).most_common())
        lines += ["", f"  {_NAMES[language]}: {len(kept)} kept, {len(refused)} replies refused ({reasons or 'none'})"]
        for pair in kept[:1]:
            lines += _quote("=", f"{english[pair['translation_of']]['response']} -> {pair['response']}")
        for row in refused[:1]:
            lines += _quote("x", f"{row['detail']}: {row['response'] or row['text'] or ''}")
    if is_demo:
        lines += ["", *_wrap(_ON_TRANSLATIONS, "  ")]
    return lines


_ON_TRANSLATIONS = (
    "The tiny model cannot translate. What is no text in the language asked for was refused by the language check, "
    "asked for again, and left out after three times; what was kept reads like the language but need not mean "
    "anything. With a real model both are rare."
)


async def _list_refusals(client: Client, orders: Sequence[Order], stage: str) -> list[Body]:
    rows = [row for order in orders for row in await client.list_all(f"jobs/{order.job['id']}/rejections")]
    return [row for row in rows if row["stage"] == stage]


def _pick_by_reason(refusals: Sequence[Body]) -> list[Body]:
    """One of each reason first, then others."""
    first: dict[str, Body] = {}
    for row in refusals:
        first.setdefault(row["reason"], row)
    others = [row for row in refusals if row not in first.values()]
    return [*first.values(), *others][:_SHOWN_REFUSALS]


def _name_pictures(image_ids: Sequence[str]) -> str:
    if len(image_ids) > 2:
        return f"{image_ids[0]} to {image_ids[-1]}"
    return " and ".join(image_ids)


def _count_related(pair_ids: Sequence[str]) -> str:
    noun = "pair" if len(pair_ids) == 1 else "pairs"
    return f", related to {len(pair_ids)} other {noun}" if pair_ids else ""


def _quote(mark: str, text: str) -> list[str]:
    short = textwrap.shorten(text, _TEXT_LENGTH, placeholder=" …")
    return _wrap(short, "        ", f"      {mark} ")


def _wrap(text: str, indent: str, first: str | None = None) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=first or indent, subsequent_indent=indent)
