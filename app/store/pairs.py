"""Reading pairs: keyset pages that cost the same at any depth, and what hangs on a pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.models.pairs import NOTED
from app.store.reading import AnyRow
from app.store.rounds import ROUND

ALL_LANGUAGES = "*"

# The order of columns that every reader of pairs relies on.
_COLUMNS = f"""
    p.id, p.job_id, i.dataset_id, p.item_id, i.source_id, p.ordinal, p.language, p.translation_of, p.instruction,
    p.response, p.words, p.status, p.flags, i.image_ids, r.related_pair_ids, p.revision, p.created_at,
    p.conversation, {ROUND} AS round
"""
_JOINS = """
    JOIN item i ON i.id = p.item_id
    LEFT JOIN relation r ON r.pair_id = coalesce(p.translation_of, p.id)
"""


@dataclass(frozen=True, slots=True)
class PairFilter:
    """Which pairs are asked for; None asks for all.

    language: one code, or `*`; text: a substring of instruction or response, in any case; words: at least so many
    flag: has this flag; min_score: has so many flags; reviewed: whether a person judged it as it stands
    reviewer, not_reviewer: was, or was not, judged by this person
    """

    job_id: int | None = None
    dataset_id: int | None = None
    language: str = "en"
    status: str | None = None
    item_id: int | None = None
    image_id: str | None = None
    text: str | None = None
    min_words: int | None = None
    flag: str | None = None
    min_score: int | None = None
    reviewed: bool | None = None
    reviewer: str | None = None
    not_reviewer: str | None = None

    @property
    def is_noted(self) -> bool:
        """Whether only pairs can pass that queues are made of, which have an index of their own."""
        is_status = self.status not in {None, "accepted"}
        return is_status or self.flag is not None or bool(self.min_score) or bool(self.reviewed)


async def list_pairs(session: AsyncSession, asked: PairFilter, after: int, limit: int) -> Sequence[AnyRow]:
    """Pairs with a higher id than `after`, by id.

    Without an item or image, each job (and language) is walked along the index (job_id, language, id) and at most
    `limit` ids are taken from each, so a page costs the same wherever it lies.
    """
    given = frozenset(name for name in PairFilter.__slots__ if getattr(asked, name) is not None)
    if asked.language == ALL_LANGUAGES:
        given -= {"language"}
    if asked.is_noted:
        given |= {"noted"}
    build = _by_item if given & {"item_id", "image_id"} else _by_job
    values = {name: getattr(asked, name) for name in given - {"text", "noted"}}
    if asked.text is not None:
        values["pattern"] = f"%{_escape_like(asked.text)}%"
    return (await session.execute(build(given, limit), {**values, "after": after})).all()


async def find_pairs(session: AsyncSession, ids: Sequence[int]) -> Sequence[AnyRow]:
    """The pairs with these ids, by id."""
    return (await session.execute(_FIND, {"ids": list(ids)})).all()


async def list_translations(session: AsyncSession, ids: Sequence[int]) -> Sequence[AnyRow]:
    """The translations of English pairs, by pair and language."""
    return (await session.execute(_TRANSLATIONS, {"ids": list(ids)})).all()


async def list_provenance(session: AsyncSession, ids: Sequence[int]) -> Sequence[AnyRow]:
    """Where pairs come from: the columns of _PROVENANCE by name; those of a call are null where there was none."""
    return (await session.execute(_PROVENANCE, {"ids": list(ids)})).all()


async def list_asked(session: AsyncSession, ids: Sequence[int]) -> Sequence[AnyRow]:
    """What English pairs were asked with: (pair id, prompt id, the job's rule of examples or null, annotation)."""
    return (await session.execute(_ASKED, {"ids": list(ids)})).all()


async def find_relation(session: AsyncSession, pair_id: int) -> tuple[str | None, list[int]]:
    """The rule and the related ids of a pair (of its English one, for a translation), in their order."""
    row = (await session.execute(_RELATION, {"id": pair_id})).one_or_none()
    return (row[0], list(row[1])) if row else (None, [])


_FIND = text(f"SELECT {_COLUMNS} FROM pair p {_JOINS} WHERE p.id = ANY(:ids) ORDER BY p.id")  # noqa: S608
_TRANSLATIONS = text(
    f"SELECT {_COLUMNS} FROM pair p {_JOINS} WHERE p.translation_of = ANY(:ids) ORDER BY p.translation_of, p.language"  # noqa: S608
)
_RELATION = text(
    """
    SELECT r.rule, r.related_pair_ids FROM pair p
    JOIN relation r ON r.pair_id = coalesce(p.translation_of, p.id) WHERE p.id = :id
    """
)
_PROVENANCE = text(
    """
    SELECT p.id AS pair_id, j.prompt_id, j.model, c.id AS call_id, c.stage, c.worker, c.finish_reason, c.prompt_tokens,
        c.completion_tokens, c.cached_tokens, c.cost_micros, c.latency_ms, c.finished_at, m.name AS prompt_name,
        m.version AS prompt_version, jsonb_array_length(m.in_context) AS turns, j.parameters::text AS parameters,
        j.policies::text AS policies, i.sentences, i.position, p.reviewed_at
    FROM pair p JOIN job j ON j.id = p.job_id JOIN prompt m ON m.id = j.prompt_id JOIN item i ON i.id = p.item_id
    LEFT JOIN call c ON c.id = p.call_id
    WHERE p.id = ANY(:ids)
    """
)
_ASKED = text(
    """
    SELECT p.id, j.prompt_id, j.policies -> 'examples', i.sentences
    FROM pair p JOIN job j ON j.id = p.job_id JOIN item i ON i.id = p.item_id
    WHERE p.id = ANY(:ids) AND p.translation_of IS NULL
    """
)
_CONDITIONS = {
    "status": "p.status = :status",
    "min_words": "p.words >= :min_words",
    "text": "(p.instruction ILIKE :pattern OR p.response ILIKE :pattern)",
    "flag": ":flag = ANY(p.flags)",
    "min_score": "cardinality(p.flags) >= :min_score",
    "reviewed": "(p.reviewed_at IS NOT NULL) = :reviewed",
    "reviewer": "EXISTS (SELECT 1 FROM pair_review v WHERE v.pair_id = p.id AND v.reviewer = :reviewer)",
    "not_reviewer": "NOT EXISTS (SELECT 1 FROM pair_review v WHERE v.pair_id = p.id AND v.reviewer = :not_reviewer)",
    "noted": f"({NOTED})",
}


@lru_cache(maxsize=256)
def _by_job(given: frozenset[str], limit: int) -> TextClause:
    """The limit is part of the text: a planner that cannot see it expects a tenth of the table."""
    lanes, language = "", "p.language = :language"
    jobs = ["TRUE"]
    if "language" in given:
        jobs.append("(:language = 'en' OR :language = ANY(j.languages))")
    else:
        lanes = "CROSS JOIN LATERAL unnest(array_append(j.languages, 'en')) AS lane (language)"
        language = "p.language = lane.language"
    if "job_id" in given:
        jobs.append("j.id = :job_id")
    if "dataset_id" in given:
        jobs.append("j.dataset_id = :dataset_id")
    pairs = ["p.job_id = j.id", language, "p.id > :after", *_conditions(given)]
    return text(
        f"""
        WITH page AS MATERIALIZED (
            SELECT hit.id FROM job j {lanes}
            CROSS JOIN LATERAL (
                SELECT p.id FROM pair p WHERE {" AND ".join(pairs)} ORDER BY p.id LIMIT {limit:d}
            ) AS hit
            WHERE {" AND ".join(jobs)} ORDER BY hit.id LIMIT {limit:d}
        )
        SELECT {_COLUMNS} FROM page JOIN pair p ON p.id = page.id {_JOINS} ORDER BY p.id
        """  # noqa: S608  (every piece is a constant of this module or a number)
    )


@lru_cache(maxsize=256)
def _by_item(given: frozenset[str], limit: int) -> TextClause:
    """An item or an image has few pairs: they are gathered first, then sorted."""
    items = {
        "item_id": "i.id = :item_id",
        "image_id": "i.image_ids @> ARRAY[CAST(:image_id AS text)]",
        "dataset_id": "i.dataset_id = :dataset_id",
    }
    wanted = [condition for name, condition in items.items() if name in given]
    pairs = ["p.id > :after", *_conditions(given)]
    if "job_id" in given:
        pairs.append("p.job_id = :job_id")
    if "language" in given:
        pairs.append("p.language = :language")
    return text(
        f"""
        WITH wanted AS MATERIALIZED (SELECT i.id FROM item i WHERE {" AND ".join(wanted)}),
        found AS MATERIALIZED (
            SELECT p.id FROM wanted JOIN pair p ON p.item_id = wanted.id WHERE {" AND ".join(pairs)}
        ),
        page AS MATERIALIZED (SELECT id FROM found ORDER BY id LIMIT {limit:d})
        SELECT {_COLUMNS} FROM page JOIN pair p ON p.id = page.id {_JOINS} ORDER BY p.id
        """  # noqa: S608  (every piece is a constant of this module or a number)
    )


def _conditions(given: frozenset[str]) -> list[str]:
    return [condition for name, condition in _CONDITIONS.items() if name in given]


def _escape_like(wanted: str) -> str:
    return wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
