"""Grounding against falsehoods made from real annotations: recall and precision per claim class, and what it costs.

`python -m bench.grounding [--split development] [--show colour]`; the annotations are those of `../shared/data`, in the
form in which the kinds give them to the model. A falsehood is caught where any of its claims is contradicted; a true
counterpart is refused by mistake where any of its is.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.pipeline.formats import read_content
from app.pipeline.grounding import CLAIM_CLASSES, Standing, Verdict, ground_pairs
from app.pipeline.values import Pair
from app.services.kinds import load_kind_prompt
from bench.falsehoods import MAKERS, Case, Split, choose_texts, make_cases
from datasets.records import QueryInput
from datasets.registry import find_kind, list_kinds

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FILES = {
    "coco": ("coco/caps_boxes_coco2014_val_80.jsonl", "llava.Conversation"),
    "spot_the_diff": ("spot_the_diff/train.json", "change.SpotTheDifference"),
    "activitynet": ("activitynet_captions/train.json", "video.DenseCaptions"),
}
SEED = 20261123
MOST = 250
PAIRS_A_REPLY = 5


@dataclass(slots=True)
class Score:
    """Of one claim class: falsehoods, those caught, those caught as that class; true counterparts refused."""

    falsehoods: int = 0
    caught: int = 0
    as_class: int = 0
    refused: int = 0

    @property
    def recall(self) -> float:
        return self.caught / self.falsehoods if self.falsehoods else 0.0

    @property
    def precision(self) -> float:
        found = self.caught + self.refused
        return self.caught / found if found else 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """scores: by claim class; plain: claims of people that are contradicted by what others say of the same, and all."""

    scores: dict[str, Score]
    plain: dict[str, tuple[int, int]]
    cpu_ms_a_reply: dict[str, float]


def run(split: Split = "reported", most: int = MOST, show: str = "") -> Report:
    """Measure a split; raises FileNotFoundError where the annotations are not there."""
    texts = {name: read_texts(*FILES[name]) for name in MAKERS}
    cases = {name: make_cases(name, texts[name], split, SEED, most) for name in MAKERS}
    scores = {name: Score() for name in CLAIM_CLASSES}
    for case in (case for made in cases.values() for case in made):
        score_case(case, scores[case.claim_class], is_shown=case.claim_class == show)
    lines = {
        name: list(_hold_against(choose_texts(texts[name], split)[: 4 * most])) for name in ("coco", "spot_the_diff")
    }
    plain = {f"lines of {name}": _count_plain(held, show) for name, held in lines.items()}
    plain["answers in the kinds' own examples"] = _count_plain(list(_list_examples()), show)
    return Report(scores, plain, {name: _time_replies(made) for name, made in cases.items()})


def read_texts(path: str, kind: str) -> list[str]:
    """The sentences of every item of a published file."""
    found = find_kind(kind).open_query_inputs(DATA / path)
    return [item.sentences for item in found if isinstance(item, QueryInput)]


def score_case(case: Case, score: Score, *, is_shown: bool = False) -> None:
    """Check both sides of a case."""
    wrong = _find_wrong(case, case.false_question or case.question, case.false)
    refused = _find_wrong(case, case.question, case.true)
    score.falsehoods += 1
    score.caught += bool(wrong)
    score.as_class += any(verdict.claim_class == case.claim_class for verdict in wrong)
    score.refused += bool(refused)
    if is_shown and (not wrong or refused):
        print(f"--- missed: {not wrong}\n{case.annotation}\nQ {case.question}\nT {case.true}\nF {case.false}")
        for verdict in refused:
            print("  refused", verdict.describe())


def _find_wrong(case: Case, question: str, response: str) -> list[Verdict]:
    pairs = [Pair(*case.earlier)] if case.earlier else []
    verdicts = ground_pairs(case.annotation, [*pairs, Pair(question, response)])[-1]
    return [verdict for verdict in verdicts if verdict.standing is Standing.CONTRADICTED]


def _count_plain(held: Sequence[tuple[Pair, str]], show: str) -> tuple[int, int]:
    """What somebody wrote, held against what was told of the same: how many are contradicted, of how many."""
    contradicted = 0
    for pair, annotation in held:
        found = [v for v in ground_pairs(annotation, [pair])[0] if v.standing is Standing.CONTRADICTED]
        contradicted += bool(found)
        for verdict in found if show == "plain" else ():
            print(f"--- {pair.response}\n{annotation[:600]}\n  {verdict.describe()}")
    return contradicted, len(held)


def _list_examples() -> Iterator[tuple[Pair, str]]:
    """The pairs that the prompts of the kinds show, with the annotations they are about."""
    for kind in list_kinds():
        prompt = load_kind_prompt(kind.name)
        for user, assistant in zip(prompt.in_context[::2], prompt.in_context[1::2], strict=True):
            for pair in read_content(assistant.content):
                yield pair, str(user.content)


def _hold_against(texts: Sequence[str]) -> Iterator[tuple[Pair, str]]:
    """Captions of one image against the others and the boxes; remarks, each of which is news, against all of them."""
    for text in texts:
        lines = text.split("\n")
        has_boxes = lines[-1].endswith("]")
        for place, line in enumerate(lines):
            if has_boxes and not line.endswith("]"):
                yield Pair("What is there?", line), "\n".join([*lines[:place], *lines[place + 1 :]])
            elif not has_boxes:
                yield Pair("What is there?", line), text


def _time_replies(cases: Sequence[Case]) -> float:
    """Milliseconds of CPU for a reply of five pairs about one annotation, each of two claims."""
    replies = [
        (
            case.annotation,
            [Pair(case.question, f"{case.true} {other.true}") for other in cases[place : place + PAIRS_A_REPLY]],
        )
        for place, case in enumerate(cases[:300])
    ]
    began = time.process_time()
    for annotation, pairs in replies:
        ground_pairs(annotation, pairs)
    return (time.process_time() - began) * 1000 / max(1, len(replies))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("development", "reported"), default="reported")
    parser.add_argument("--show", default="", help="a claim class whose misses are printed, or `plain`")
    parser.add_argument("--most", type=int, default=MOST)
    chosen = parser.parse_args()
    report = run(chosen.split, chosen.most, chosen.show)
    for name, score in report.scores.items():
        print(
            f"{name:>12}  falsehoods {score.falsehoods:>5}  recall {score.recall:6.1%}  as {score.as_class:>4}"
            f"  refused {score.refused:>3}  precision {score.precision:6.1%}"
        )
    for name, (contradicted, total) in report.plain.items():
        print(f"{name:>36}  contradicted {contradicted} of {total}")
    for name, cpu_ms in report.cpu_ms_a_reply.items():
        print(f"{name:>16}  CPU a reply {cpu_ms:.3f} ms")
    print(Counter({name: score.falsehoods for name, score in report.scores.items()}).total(), "falsehoods")


if __name__ == "__main__":
    main()
