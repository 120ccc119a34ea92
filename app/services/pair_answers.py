"""Answers about pairs: translations in a reply are checked, read back where the job wants it, stored or asked again."""

from collections.abc import Sequence
from dataclasses import replace

from app.pipeline.chat import CompletionError
from app.pipeline.completions import decode_completion
from app.pipeline.parity import NO_TRANSLATION, find_disagreement, find_faults
from app.pipeline.scripts import LanguageDetector
from app.pipeline.translating import drafts_fingerprint, parse_translations, source_fingerprint
from app.pipeline.translation_policy import TranslationPolicy, read_translation_policy
from app.pipeline.values import Completion, Finding, Pair, Rejection, Stage
from app.services.answers import count_words, fail_call, fail_unreadable, make_outcome
from app.services.claims import JobContext
from app.services.units import PaidCall, PairUnit, RefusedTranslation
from app.store.outcomes import NewPair, Outcome

Judged = dict[str, tuple[Pair | None, list[Finding]]]
"""By language: the translation in a reply, and what is wrong with it."""


def read_pair_answer(
    job: JobContext,
    unit: PairUnit,
    call: PaidCall,
    raw: bytes,
    rounds: int,
    detector: LanguageDetector,
) -> tuple[Outcome, PairUnit | None]:
    """The translations in a reply, each checked; and the unit that is left to ask for, if any.

    rounds: how many replies with translations of this pair were read, this one included. After the policy's last
    round what is still wrong is refused or kept flagged; the languages that are right are kept either way, and where
    some were refused the unit fails. Never raises.
    """
    try:
        completion = decode_completion(raw)
        judge = _judge_back if unit.drafts else _judge
        return _conclude(job, unit, call, completion, judge(job, unit, call, completion, detector), rounds)
    except CompletionError as error:
        return fail_call(job, Stage.TRANSLATE, unit, call, error), unit
    except Exception as error:
        return fail_unreadable(job, Stage.TRANSLATE, unit, call, error), None


def _judge(
    job: JobContext, unit: PairUnit, call: PaidCall, completion: Completion, detector: LanguageDetector
) -> Judged:
    asked = tuple(language for language in unit.languages if language in call.languages)
    found = parse_translations(completion.text, asked, truncated=completion.finish_reason == "length")
    judged: Judged = {}
    for language in asked:
        translated = found.get(language)
        judged[language] = (translated, find_faults(unit.pair, translated, language, detector, job.glossary))
    return judged


def _judge_back(
    job: JobContext, unit: PairUnit, call: PaidCall, completion: Completion, detector: LanguageDetector
) -> Judged:
    """Compare what was read back from the drafts of a unit with its English."""
    languages = [language for language, _ in unit.drafts]
    back = parse_translations(completion.text, languages, truncated=completion.finish_reason == "length")
    judged: Judged = {}
    for language, draft in unit.drafts:
        disagreement = find_disagreement(unit.pair, back.get(language), language)
        judged[language] = (draft, [disagreement] if disagreement else [])
    return judged


def _conclude(
    job: JobContext, unit: PairUnit, call: PaidCall, completion: Completion, judged: Judged, rounds: int
) -> tuple[Outcome, PairUnit | None]:
    """What is stored of a reply, and what is asked next: to read back what passed, or once more for what did not."""
    policy = read_translation_policy(job.policies.get("translation"))
    right = {language: pair for language, (pair, faults) in judged.items() if pair is not None and not faults}
    refused = _merge(unit.refused, judged)
    if policy.back_translation and not unit.drafts and right:
        drafts = tuple(right.items())
        left = replace(unit, drafts=drafts, refused=refused, fingerprint=drafts_fingerprint(drafts))
        return _record(job, unit, call, completion, (), _reject(judged, ()), left, ()), left
    lacking = tuple(language for language in unit.languages if language not in right)
    flagged: tuple[RefusedTranslation, ...] = ()
    left_over: PairUnit | None = None
    if lacking and rounds < policy.rounds:
        english = source_fingerprint(unit.pair)
        left_over = replace(unit, languages=lacking, refused=refused, drafts=(), fingerprint=english)
    elif lacking:
        flagged = _choose_flagged(refused, lacking, policy)
        lacking = tuple(language for language in lacking if language not in {each.language for each in flagged})
    pairs = (
        *(_translation(unit, language, pair) for language, pair in right.items()),
        *(_translation(unit, each.language, each.pair, each.findings) for each in flagged if each.pair),
    )
    rejections = _reject(judged, flagged)
    return _record(job, unit, call, completion, pairs, rejections, left_over, lacking), left_over


def _merge(earlier: Sequence[RefusedTranslation], judged: Judged) -> tuple[RefusedTranslation, ...]:
    """What was last wrong with each language that is still wrong; a text that came before outlives a missing one."""
    kept = {each.language: each for each in earlier if each.language not in judged or judged[each.language][1]}
    for language, (pair, faults) in judged.items():
        before = kept.get(language)
        tries = 1 if before is None else before.tries + 1
        if faults and before is not None and pair is None:
            kept[language] = replace(before, tries=tries)
        elif faults:
            kept[language] = RefusedTranslation(language, pair, tuple(faults), tries)
    return tuple(kept.values())


def _choose_flagged(
    refused: Sequence[RefusedTranslation], lacking: Sequence[str], policy: TranslationPolicy
) -> tuple[RefusedTranslation, ...]:
    """What is stored although it is not right: translations, if the policy wants them, and never anything else."""
    if policy.on_failure != "flag":
        return ()
    return tuple(
        each
        for each in refused
        if each.language in lacking
        and each.pair is not None
        and not any(finding.code in NO_TRANSLATION for finding in each.findings)
    )


def _reject(judged: Judged, flagged: Sequence[RefusedTranslation]) -> tuple[Rejection, ...]:
    """The rejections of a reply; what is kept flagged is none."""
    kept = {each.language: each.pair for each in flagged}
    return tuple(
        RefusedTranslation(language, pair, tuple(faults)).to_rejection()
        for language, (pair, faults) in judged.items()
        if faults and (pair is None or kept.get(language) is not pair)
    )


def _record(
    job: JobContext,
    unit: PairUnit,
    call: PaidCall,
    completion: Completion,
    pairs: tuple[NewPair, ...],
    rejections: tuple[Rejection, ...],
    left: PairUnit | None,
    lacking: Sequence[str],
) -> Outcome:
    verdict = None if left else ("failed" if lacking else "done")
    return make_outcome(
        job, Stage.TRANSLATE, unit, call, completion,
        verdict=verdict,
        code="languages_refused" if verdict == "failed" else None,
        detail=", ".join(lacking) if verdict == "failed" else None,
        pairs=pairs,
        rejections=rejections,
    )  # fmt: skip


def _translation(unit: PairUnit, language: str, pair: Pair, findings: tuple[Finding, ...] = ()) -> NewPair:
    return NewPair(
        unit.sample,
        language,
        pair.instruction,
        pair.response,
        count_words(pair),
        unit.pair_id,
        unit.pair.conversation,
        findings,
        source=unit.pair,
    )
