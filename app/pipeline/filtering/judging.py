"""The rules at work: what is kept of a reply, what is refused and why, what was found and what was changed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.pipeline.filtering.plan import ChosenRules, FilterPlan, plan_filters
from app.pipeline.filtering.rules import Candidate, HouseRule, ReplyContext, ReplyText, Rule
from app.pipeline.formats import EARLIER_ROUND_REFUSED, PAIRS, ParsedReply, ReplyGrammar
from app.pipeline.prompt_leaks import PairKey, key_of
from app.pipeline.values import Finding, Pair, Prompt, Rejection, Repair

Mended = tuple[Pair, PairKey, tuple[Repair, ...]]
"""A pair after its repairs, its key, and what was changed."""


@dataclass(frozen=True, slots=True)
class FilterResult:
    """The pairs that are kept, in order, and every refusal, those of the parser first.

    findings, repairs: what was found about kept pairs and what was changed in them, by their place in `accepted`;
    most pairs have none
    """

    accepted: tuple[Pair, ...]
    rejections: tuple[Rejection, ...]
    findings: Mapping[int, tuple[Finding, ...]] = field(default_factory=dict)
    repairs: Mapping[int, tuple[Repair, ...]] = field(default_factory=dict)


def filter_pairs(
    pairs: Sequence[Pair],
    rejections: Iterable[Rejection] = (),
    *,
    house_rules: Sequence[HouseRule] = (),
    plan: FilterPlan | None = None,
    prompt: Prompt,
    sentences: str,
    fewest: int = 1,
    grammar: ReplyGrammar = PAIRS,
    most: int | None = None,
    earlier: Sequence[Pair] = (),
) -> FilterResult:
    """Keep the pairs of one item that break no rule.

    rejections: what the parser refused, passed through. plan: the rules of the job, those of `house_rules` among them;
    without one these and the general rules as they come. sentences: the item's annotation.

    What has one right form is repaired first, so that the rules see what would be kept. A rejection's ordinal is the
    pair's place in the reply, its text what the model wrote; the first rule that a pair breaks is its reason. Where
    fewer than `fewest` pairs are left, those are kept, and `too_few_pairs` says so: good pairs are not thrown away for
    others that are missing. Where the grammar keeps the order of rounds, those after a refused one are
    `earlier_round_refused`. Good pairs after the first `most` are refused as `surplus_pair`. `earlier` are pairs of the
    item that were kept before: what repeats one of them is a duplicate.
    """
    plan = plan or plan_filters(house_rules=house_rules)
    context = ReplyContext(prompt, sentences, options=plan.options)
    mended, rules = _look_over(pairs, plan, prompt, earlier)
    accepted: list[Pair] = []
    findings: dict[int, tuple[Finding, ...]] = {}
    repairs: dict[int, tuple[Repair, ...]] = {}
    refused = list(rejections)
    rounds: Counter[int] = Counter()
    broken: set[int] = set()
    for pair in earlier:
        _keep(Candidate(pair, key_of(pair), rounds[pair.conversation]), context, rules)
        rounds[pair.conversation] += 1
    for ordinal, (pair, (repaired, key, done)) in enumerate(zip(pairs, mended, strict=True)):
        candidate = Candidate(repaired, key, rounds[pair.conversation])
        rounds[pair.conversation] += 1
        if pair.conversation in broken:
            verdict: tuple[str, str] | None = EARLIER_ROUND_REFUSED
        else:
            verdict = _find_broken_rule(candidate, context, rules.refusing)
        if verdict is None and len(accepted) == most:
            verdict = "surplus_pair", f"pairs kept of a reply: {most}"
        if verdict is not None:
            if grammar.keeps_order:
                broken.add(pair.conversation)
            refused.append(Rejection(*verdict, f"{pair.instruction}\n{pair.response}", pair, ordinal))
            continue
        found = _find_marks(candidate, context, rules.flagging) if rules.flagging else ()
        if found:
            findings[len(accepted)] = found
        if done:
            repairs[len(accepted)] = done
        _keep(candidate, context, rules)
        accepted.append(repaired)
    if 0 < len(accepted) < fewest:
        refused.append(Rejection("too_few_pairs", f"{len(accepted)} of at least {fewest} pairs were accepted"))
    return FilterResult(tuple(accepted), tuple(refused), findings, repairs)


def filter_reply(
    reply: ParsedReply,
    *,
    house_rules: Sequence[HouseRule] = (),
    prompt: Prompt,
    sentences: str,
    grammar: ReplyGrammar = PAIRS,
) -> FilterResult:
    """`filter_pairs` for what the parser returned."""
    return filter_pairs(
        reply.pairs,
        reply.rejections,
        house_rules=house_rules,
        prompt=prompt,
        sentences=sentences,
        grammar=grammar,
    )


def _look_over(
    pairs: Sequence[Pair], plan: FilterPlan, prompt: Prompt, earlier: Sequence[Pair]
) -> tuple[list[Mended], ChosenRules]:
    """Every pair as the rules are to see it, and the rules that any of them may break."""
    keys, before = [key_of(pair) for pair in pairs], [key_of(pair) for pair in earlier]
    reply = ReplyText.of(pairs, keys, before)
    mending = plan.choose_repairs(reply, prompt)
    mended: list[Mended] = [(pair, key, ()) for pair, key in zip(pairs, keys, strict=True)]
    if mending:
        repaired = [_mend(pair, mending) for pair in pairs]
        if any(done for _, done in repaired):
            mended = [(pair, key_of(pair), done) for pair, done in repaired]
            reply = ReplyText.of([pair for pair, _, _ in mended], [key for _, key, _ in mended], before)
    return mended, plan.choose(reply, prompt)


def _mend(pair: Pair, rules: Iterable[Rule]) -> tuple[Pair, tuple[Repair, ...]]:
    """The pair after each repair in turn, and what was changed."""
    done = []
    for rule in rules:
        mended = rule.mend(pair) if rule.mend else pair
        if mended is not pair and mended != pair:
            done.append(Repair(rule.code, pair, mended))
            pair = mended
    return pair, tuple(done)


def _find_broken_rule(candidate: Candidate, context: ReplyContext, rules: Iterable[Rule]) -> tuple[str, str] | None:
    for rule in rules:
        detail = rule.find(candidate, context)
        if detail:
            return rule.code, detail
    return None


def _find_marks(candidate: Candidate, context: ReplyContext, rules: Iterable[Rule]) -> tuple[Finding, ...]:
    """What is found about a pair that is kept, each code once."""
    found: dict[str, Finding] = {}
    for rule in rules:
        detail = rule.find(candidate, context)
        if detail:
            found.setdefault(rule.code, Finding(rule.code, detail, {"version": rule.version}))
    return tuple(found.values())


def _keep(candidate: Candidate, context: ReplyContext, rules: ChosenRules) -> None:
    if rules.remembers:
        context.keep(candidate)
    if rules.compares_questions:
        context.keep_question(candidate)
