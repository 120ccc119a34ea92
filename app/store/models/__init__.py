"""The tables. They are shapes only: nothing is parsed or computed here.

Ids are 63-bit integers (`app.ids` gives their public form). Rows born by the thousand (items, calls, pairs,
rejections, shards) number themselves; the others get `clock.new_id()`. A translation is a row of `pair` whose
`translation_of` names the English one. Counts live in `tally`: they change in the transaction that changes
the rows they count, spread over buckets so that writers do not queue up behind one row.
"""

from app.store.models.cold_starts import ColdStart, ColdStartCandidate, ColdStartRound
from app.store.models.columns import (
    CALL_STATES,
    DATASET_STATES,
    EXPORT_STATES,
    ITEM_STATES,
    JOB_STATES,
    PAIR_STATUSES,
    SHARD_STATES,
)
from app.store.models.datasets import Dataset, DatasetError, Image, Item, OrphanImage
from app.store.models.glossaries import Glossary
from app.store.models.jobs import Job, JobEvent, Prompt, Shard, Tally
from app.store.models.outputs import Export, IdempotencyKey, Statistic, StatisticRun
from app.store.models.pairs import Embedding, Pair, Rejection, Relation
from app.store.models.quality import EDIT_KINDS, PairEdit, PairFinding
from app.store.models.review import VERDICTS, PairReview, ReviewRule, ReviewRulePair, ReviewRuleRun
from app.store.models.work import Call, ItemState, WorkerRow

__all__ = [
    "CALL_STATES",
    "DATASET_STATES",
    "EDIT_KINDS",
    "EXPORT_STATES",
    "ITEM_STATES",
    "JOB_STATES",
    "PAIR_STATUSES",
    "SHARD_STATES",
    "VERDICTS",
    "Call",
    "ColdStart",
    "ColdStartCandidate",
    "ColdStartRound",
    "Dataset",
    "DatasetError",
    "Embedding",
    "Export",
    "Glossary",
    "IdempotencyKey",
    "Image",
    "Item",
    "ItemState",
    "Job",
    "JobEvent",
    "OrphanImage",
    "Pair",
    "PairEdit",
    "PairFinding",
    "PairReview",
    "Prompt",
    "Rejection",
    "Relation",
    "ReviewRule",
    "ReviewRulePair",
    "ReviewRuleRun",
    "Shard",
    "Statistic",
    "StatisticRun",
    "Tally",
    "WorkerRow",
]
