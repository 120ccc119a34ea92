"""Requests: the bytes that ask for a unit, and what they can cost at most."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from app.pipeline.costing import worst_case_micros
from app.pipeline.example_template import build_example_template
from app.pipeline.prompting import ResponseFormat, build_prefix, max_tokens_of
from app.pipeline.seeing import TOKENS_MARGIN, place_images
from app.pipeline.selecting import Selector, make_selector
from app.pipeline.translating import (
    TranslationTemplate,
    build_reading_back_template,
    build_translation_template,
    describe_refusal,
)
from app.pipeline.values import Usage
from app.pipeline.witness import build_witness, limit_witness
from app.services.answers import ItemUnit, PairUnit
from app.services.claims import JobContext
from app.services.further import missing_pairs, note_of

_KEPT_TEMPLATES = 64
_LEAST_SAMPLES = 20
_MARGIN = 1.25


class _Generating(Protocol):
    def body(self, query: str, note: str = "") -> bytes: ...

    def body_of(self, content: bytes, query: str) -> bytes: ...


class _Translating(NamedTuple):
    """How a job asks for translations, and for the English of some."""

    there: TranslationTemplate
    back: TranslationTemplate


class Request(NamedTuple):
    """A call to make: its bytes, the most micro-dollars it can cost (0 without a budget), the bytes that are text.

    text_bytes: 0 where the tokens it makes say nothing about bytes of text
    """

    body: bytes
    reserve_micros: int
    text_bytes: int


class Requests:
    """Builds request bodies from templates kept per job; learns how many tokens a byte makes."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._generating: OrderedDict[tuple[int, ResponseFormat, int], _Generating] = OrderedDict()
        self._translating: OrderedDict[tuple[int, ResponseFormat], _Translating] = OrderedDict()
        self._selectors: OrderedDict[int, Selector] = OrderedDict()
        self._takes_schema = True
        self._samples = 0
        self._tokens_per_byte = 0.0

    def build(self, job: JobContext, unit: ItemUnit | PairUnit, pictures: Sequence[str] = ()) -> Request:
        """The request about a unit; `pictures` are the addresses of those to show with an item."""
        image_tokens = 0
        if isinstance(unit, PairUnit):
            body = _ask_for_pair(self._translating_of(job), job, unit)
        elif job.vision is None:
            body = self._generating_of(job, unit).body(unit.sentences, note_of(job, unit))
        else:
            content = place_images(unit.sentences, pictures, job.vision.detail, note_of(job, unit))
            body = self._generating_of(job, unit).body_of(content, unit.sentences)
            image_tokens = TOKENS_MARGIN * job.vision.tokens
        text_bytes = len(body) - sum(map(len, pictures))
        most = self._reserve(job, text_bytes, max_tokens_of(job.parameters), image_tokens)
        return Request(body, most, 0 if pictures else text_bytes)

    def build_witness(self, job: JobContext) -> Request:
        """The request that shows whether the endpoint answers anything at all."""
        body = build_witness(job.model, job.parameters)
        return Request(body, self._reserve(job, len(body), max_tokens_of(limit_witness(job.parameters)), 0), 0)

    def drop_schema(self) -> bool:
        """Ask for plain text from now on; whether that is news."""
        was, self._takes_schema = self._takes_schema, False
        return was

    def learn(self, body_bytes: int, usage: Usage) -> None:
        """Note how many tokens the endpoint counted for a body."""
        if body_bytes and usage.prompt_tokens:
            self._samples += 1
            self._tokens_per_byte = max(self._tokens_per_byte, usage.prompt_tokens / body_bytes)

    def _reserve(self, job: JobContext, text_bytes: int, max_tokens: int, image_tokens: int) -> int:
        if not job.has_budget or job.price is None:
            return 0
        return worst_case_micros(text_bytes, max_tokens, job.price, self._worst_ratio(), image_tokens)

    def _worst_ratio(self) -> float:
        """Tokens a byte makes at most: one until enough was seen, then the worst seen and a margin."""
        return min(1.0, self._tokens_per_byte * _MARGIN) if self._samples >= _LEAST_SAMPLES else 1.0

    def _format_of(self, job: JobContext) -> ResponseFormat:
        return "json_schema" if self._takes_schema and job.reply_format != "text" else "text"

    def _generating_of(self, job: JobContext, unit: ItemUnit) -> _Generating:
        """The template of a job's requests for as many pairs as the item lacks (0: the number is the model's)."""
        key = (job.job_id, self._format_of(job), missing_pairs(job, unit) or 0)
        if key not in self._generating:
            self._generating[key] = self._build_generating(job, key[1], key[2])
            _forget_oldest(self._generating)
        return self._generating[key]

    def _build_generating(self, job: JobContext, response_format: ResponseFormat, pairs: int) -> _Generating:
        grammar = job.grammar.asking_for(pairs)
        counts_pairs = bool(pairs) and grammar.counts_pairs
        if job.selection.shows_all:
            return build_prefix(
                job.prompt, job.model, job.parameters, response_format, grammar, counts_pairs=counts_pairs
            )
        if job.job_id not in self._selectors:
            self._selectors[job.job_id] = make_selector(job.prompt, job.selection)
            _forget_oldest(self._selectors)
        return build_example_template(
            job.prompt,
            job.model,
            job.parameters,
            response_format,
            self._selectors[job.job_id],
            grammar,
            counts_pairs=counts_pairs,
        )

    def _translating_of(self, job: JobContext) -> _Translating:
        key = (job.job_id, self._format_of(job))
        if key not in self._translating:
            asked = (job.model, job.parameters, key[1])
            self._translating[key] = _Translating(
                build_translation_template(*asked), build_reading_back_template(*asked)
            )
            _forget_oldest(self._translating)
        return self._translating[key]


def _forget_oldest(kept: OrderedDict[Any, Any]) -> None:
    if len(kept) > _KEPT_TEMPLATES:
        kept.popitem(last=False)


def _ask_for_pair(templates: _Translating, job: JobContext, unit: PairUnit) -> bytes:
    """To translate a pair, with what was wrong before; or to read its drafts back."""
    if unit.drafts:
        return templates.back.reading_back_body(unit.drafts)
    terms = job.glossary.find(f"{unit.pair.instruction}\n{unit.pair.response}")
    refused = {each.language: describe_refusal(each.pair, each.reason, each.tries) for each in unit.refused}
    return templates.there.body(unit.pair, unit.languages, terms, refused)
