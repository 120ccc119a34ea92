"""Requests: the bytes that ask for a unit, and what they can cost at most."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from app.pipeline.costing import worst_case_micros
from app.pipeline.prompting import ResponseFormat, build_prefix, max_tokens_of
from app.pipeline.seeing import TOKENS_MARGIN, place_images
from app.pipeline.translating import build_translation_template
from app.pipeline.values import Pair, Usage
from app.services.answers import ItemUnit, PairUnit
from app.services.claims import JobContext

_KEPT_TEMPLATES = 64
_LEAST_SAMPLES = 20
_MARGIN = 1.25


class _Generating(Protocol):
    def body(self, query: str) -> bytes: ...

    def body_of(self, content: bytes) -> bytes: ...


class _Translating(Protocol):
    def body(self, pair: Pair, languages: tuple[str, ...]) -> bytes: ...


class _Templates(NamedTuple):
    generating: _Generating
    translating: _Translating


class Request(NamedTuple):
    """A call to make: its bytes, the most micro-dollars it can cost (0 without a budget), the bytes that are text."""

    body: bytes
    reserve_micros: int
    text_bytes: int


class Requests:
    """Builds request bodies from templates kept per job; learns how many tokens a byte makes."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._templates: OrderedDict[tuple[int, str], _Templates] = OrderedDict()
        self._takes_schema = True
        self._samples = 0
        self._tokens_per_byte = 0.0

    def build(self, job: JobContext, unit: ItemUnit | PairUnit, pictures: Sequence[str] = ()) -> Request:
        """The request about a unit; `pictures` are the addresses of those to show with an item."""
        templates = self._templates_of(job)
        image_tokens = 0
        if isinstance(unit, PairUnit):
            body = templates.translating.body(unit.pair, unit.languages)
        elif job.vision is None:
            body = templates.generating.body(unit.sentences)
        else:
            body = templates.generating.body_of(place_images(unit.sentences, pictures, job.vision.detail))
            image_tokens = TOKENS_MARGIN * job.vision.tokens
        text_bytes = len(body) - sum(map(len, pictures))
        if not job.has_budget or job.price is None:
            return Request(body, 0, text_bytes)
        most = worst_case_micros(
            text_bytes, max_tokens_of(job.parameters), job.price, self._worst_ratio(), image_tokens
        )
        return Request(body, most, text_bytes)

    def drop_schema(self) -> bool:
        """Ask for plain text from now on; whether that is news."""
        was, self._takes_schema = self._takes_schema, False
        return was

    def learn(self, body_bytes: int, usage: Usage) -> None:
        """Note how many tokens the endpoint counted for a body."""
        if body_bytes and usage.prompt_tokens:
            self._samples += 1
            self._tokens_per_byte = max(self._tokens_per_byte, usage.prompt_tokens / body_bytes)

    def _worst_ratio(self) -> float:
        """Tokens a byte makes at most: one until enough was seen, then the worst seen and a margin."""
        return min(1.0, self._tokens_per_byte * _MARGIN) if self._samples >= _LEAST_SAMPLES else 1.0

    def _templates_of(self, job: JobContext) -> _Templates:
        response_format: ResponseFormat = "json_schema" if self._takes_schema and job.reply_format != "text" else "text"
        key = (job.job_id, response_format)
        if key not in self._templates:
            self._templates[key] = _Templates(
                build_prefix(job.prompt, job.model, job.parameters, response_format, job.grammar),
                build_translation_template(job.model, job.parameters, response_format),
            )
            if len(self._templates) > _KEPT_TEMPLATES:
                self._templates.popitem(last=False)
        return self._templates[key]
