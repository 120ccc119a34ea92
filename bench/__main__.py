"""`python -m bench`: benchmarks in turn, one table, and an exit status that says whether the targets are met.

`relations`, `scale`, `rerun` and `alike` take long and run by name only.

Times are compared only within one run, in turns, so the table shows ratios wherever a target is one. `--quick` runs
small sizes to see that all of them work.
"""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from statistics import fmean

from bench import (
    alike,
    engine,
    export,
    grounding,
    ingest,
    pages,
    parity,
    rate_limits,
    relations,
    rerun,
    scale,
    selection,
    selection_people,
    stats,
)
from tests.support.corruptions import CORRUPTIONS
from tests.support.translations import TARGETS

Rows = Iterator["Row"]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `is_met` is None where no target is set for this figure."""

    name: str
    value: str
    target: str = ""
    is_met: bool | None = None


def at_most(name: str, value: float, bound: float, unit: str = "") -> Row:
    return Row(name, f"{value:.3g}{unit}", f"<= {bound:g}{unit}", value <= bound)


def at_least(name: str, value: float, bound: float, unit: str = "") -> Row:
    return Row(name, f"{value:.3g}{unit}", f">= {bound:g}{unit}", value >= bound)


def measure_engine(*, quick: bool) -> Rows:
    found = asyncio.run(engine.run(*((600, 256, 1) if quick else (3000, 256, 5))))
    (bare, bare_wide, worker) = found.values()
    for name, figures in found.items():
        yield Row(f"CPU per reply, {name}", f"{figures['cpu_ms']:.2f} ms")
        yield Row(f"replies a second, {name}", f"{figures['per_s']:.0f}")
    best_cpu = min(bare["cpu_ms"], bare_wide["cpu_ms"])
    yield at_most("CPU per reply, worker over the bare loop at its best", worker["cpu_ms"] / best_cpu, 0.5)
    with_postgres = (worker["cpu_ms"] + worker["postgres_cpu_ms"]) / best_cpu
    yield Row("the same with PostgreSQL's CPU", f"{with_postgres:.3g}")
    per_s = worker["per_s"] / max(bare["per_s"], bare_wide["per_s"])
    yield Row("replies a second, worker over the bare loop at its best", f"{per_s:.3g}")
    yield at_most("worker's memory at 256 in flight", worker["rss_mb"], 250, " MB")


def measure_rate_limits(*, quick: bool) -> Rows:
    found = asyncio.run(rate_limits.run(limits=(60,) if quick else (60, 500), seconds=10 if quick else 30))
    for name, figures in found.items():
        if "bare" in name:
            yield Row(f"share of the limit, {name}", f"{figures['share']:.1%}, lost {figures['lost']:.0f}")
            continue
        bound = 0.02 if "429" in name else 0.005
        yield Row(f"share of the limit, {name}", f"{figures['share']:.1%}", ">= 95%", figures["share"] >= 0.95)
        yield Row(f"refused, {name}", f"{figures['refused']:.2%}", f"<= {bound:.1%}", figures["refused"] <= bound)
        yield Row(f"lost, {name}", f"{figures['lost']:.0f}", "0", figures["lost"] == 0)


def measure_pages(*, quick: bool) -> Rows:
    found = pages.run(50_000 if quick else 1_000_000)
    yield Row("page of 100 at the start", f"{found['page_at_start_ms']:.2f} ms")
    yield at_most("page of 100 at the end over the start", found["end_over_start"], 1.2)


def measure_ingest(*, quick: bool) -> Rows:
    found = ingest.run(rows=30_000, rounds=1, megabytes=50) if quick else ingest.run()
    yield at_least("JSONL ingest with validation over raw COPY", found["over_raw"], 0.5)
    yield at_most(f"API's memory during an upload of {found['upload_mb']:.0f} MB", found["upload_rss_mb"], 150, " MB")


def measure_export(*, quick: bool) -> Rows:
    found = export.run(20_000 if quick else 1_000_000)
    yield at_least("streaming the export's lines over raw COPY", found["stream_over_raw"], 0.8)
    for name, value in found.items():
        if name.endswith("_rss_mb") and name != "api_rss_mb":
            yield Row(f"worker's memory, {name.removesuffix('_rss_mb')} export", f"{value:.0f} MB")
    yield at_most("API's memory while the files download", found["api_rss_mb"], 150, " MB")


def measure_selection(*, quick: bool) -> Rows:
    found = selection.run(3, 100) if quick else selection.run()
    found |= selection_people.run(3 if quick else 10)
    for kind, scores in found.items():
        for mode, values in scores.items():
            yield Row(f"score of replies, {kind} worlds, {mode}", f"{fmean(values):.3f}")
        for rule in ("nearest", "coverage"):
            sums = selection.sum_up(scores, rule)
            name = f"margin of {rule} over random, {kind} worlds (least of any)"
            value = f"{sums['margin']:+.3f} ± {sums['spread']:.3f} ({sums['least']:+.3f})"
            is_judged = rule == "coverage" and kind not in ("blind", "exchanged")
            yield Row(name, value, "> 0" if is_judged else "", sums["least"] > 0 if is_judged else None)
    for mode, taken_us in selection.time_choices(queries=50 if quick else 500).items():
        yield Row(f"CPU of a choice among 300 examples, {mode}", f"{taken_us:.0f} µs")


def measure_stats(*, quick: bool) -> Rows:
    found = stats.run(50_000, 50, sample=500) if quick else stats.run()
    yield Row("a trivial request, GET /healthz", f"{found['healthz_ms']:.2f} ms")
    yield at_most("a look at a job's statistics over a trivial request", found["job_over_healthz"], 10)
    yield at_most("a look at everything's statistics over a trivial request", found["all_over_healthz"], 10)
    for name in ("drawn", "page"):
        yield Row(f"statistics as SVG ({name}) over a trivial request", f"{found[f'{name}_over_healthz']:.3g}")
    yield Row(f"counting {found['pairs']:,.0f} pairs once", f"{found['count_s']:.1f} s")
    yield Row("memory of the program that counts", f"{found['count_rss_mb']:.0f} MB")
    yield Row("API's memory meanwhile", f"{found['api_rss_mb']:.0f} MB")


def measure_parity(*, quick: bool) -> Rows:
    found, cost_ms = parity.run(1 if quick else 3)
    for name, figures in found.items():
        said = name.replace("_", " ")
        yield at_least(f"caught of {sum(figures.seeded.values()):,} corruptions, {said}", figures.share_caught, 0.99)
        yield at_most(f"refused of {figures.correct} correct translations, {said}", figures.share_refused, 0.02)
    for kind in CORRUPTIONS:
        shares = [f"{each.caught[kind]}/{each.seeded[kind]}" for each in found.values()]
        yield Row(f"  {kind} ({', '.join(found)})", ", ".join(shares))
    for language in TARGETS:
        shares = [f"{each.caught_in[language]}/{each.seeded_in[language]}" for each in found.values()]
        yield Row(f"  in {language} ({', '.join(found)})", ", ".join(shares))
    yield Row("CPU of checking a pair in seven languages", f"{cost_ms:.2f} ms")


def measure_relations(*, quick: bool) -> Rows:
    pairs = 5_000 if quick else 100_000
    found = relations.run(pairs, *((50, 500) if quick else ()))
    from_endpoint = f"relating {pairs:,} pairs by their texts, vectors from an endpoint"
    yield at_most(from_endpoint, found["endpoint_relate_s"], 600, " s")
    yield at_most("the same, vectors known", found["relate_s"], 600, " s")
    yield Row("CPU of the process that compares", f"{found['child_cpu_s']:.0f} s")
    yield Row("related pairs a pair", f"{found['links']:.3g}", "10", found["links"] == 10 and found["related"] == pairs)
    yield at_most("worker's memory meanwhile", found["worker_rss_mb"], 250, " MB")
    yield Row("memory of the process that compares", f"{found['child_rss_mb']:.0f} MB")
    yield at_least(f"recall@10 of an index over {pairs:,} vectors", found["index_recall"], 0.95)
    yield Row("CPU of building that index and asking it for all of them", f"{found['index_cpu_s']:.0f} s")
    yield Row("packaged model, texts a CPU second", f"{found['texts_per_cpu_s']:.0f}")


def measure_scale(*, quick: bool) -> Rows:
    found = asyncio.run(scale.run(20_000 if quick else 560_000))
    yield Row(f"one job of {found['items']:,.0f} items", f"{found['seconds']:.0f} s, {found['items_per_s']:.0f}/s")
    costs = {
        int(name.removeprefix("cpu_ms_at_")): cost for name, cost in found.items() if name.startswith("cpu_ms_at_")
    }
    first = min(costs)
    yield Row(f"CPU per item at {first:,}", f"{costs.pop(first):.2f} ms")
    for mark, cost in costs.items():
        yield at_most(f"CPU per item at {mark:,} over {first:,}", cost / found[f"cpu_ms_at_{first}"], 1.15)
    yield at_most("worker's memory in the second half", found["worker_mb_second_half"], 250, " MB")
    yield at_most("the same over the first half", found["worker_mb_second_half"] / found["worker_mb_first_half"], 1.15)
    yield at_most("API's memory meanwhile", found["api_mb_while_running"], 150, " MB")
    yield at_most("page of 100 at the end over the start", found["page_end_over_start"], 1.2)
    yield Row("MIMIC-IT export of it all", f"{found['export_s']:.0f} s, {found['export_worker_mb']:.0f} MB")


def measure_grounding(*, quick: bool) -> Rows:
    if not grounding.DATA.is_dir():
        yield Row("the published annotations are not beside this project", "skipped")
        return
    found = grounding.run(most=20 if quick else grounding.MOST)
    for name, score in found.scores.items():
        yield at_least(f"precision of {name}", score.precision, 0.95)
        yield at_least(f"recall of {name}, {score.falsehoods} falsehoods", score.recall, 0.8)
    total = sum(score.falsehoods for score in found.scores.values())
    yield Row("falsehoods in all", str(total), ">= 1000", total >= 1000)
    for name, (contradicted, lines) in found.plain.items():
        yield at_most(f"{name} that are contradicted", contradicted / lines, 0.01)
    for name, cpu_ms in found.cpu_ms_a_reply.items():
        yield Row(f"CPU of a reply, {name}", f"{cpu_ms:.3f} ms")


def measure_rerun(*, quick: bool) -> Rows:
    found = asyncio.run(rerun.run(2_000 if quick else 50_000))
    replies = f"{found['replies']:,.0f} stored replies"
    changes = {
        "strict": "refusing more",
        "soft": "flagging instead",
        "same": "changing nothing",
        "once": "rejecting what comes again",
    }
    for name, what in changes.items():
        yield at_most(f"dry run over {replies}, {what}", found[f"{name}_dry_s"], 120, " s")
        yield at_most(f"rerun over {replies}, {what}", found[f"{name}_s"], 120, " s")
        yield Row(
            "pairs that changed, as told before", f"{found[f'{name}_changed']:,.0f}", "", found[f"{name}_as_told"] == 1
        )
    yield Row("calls meanwhile", f"{found['calls']:.0f}", "0", found["calls"] == 0)
    yield at_most("API's memory meanwhile", found["api_mb"], 250, " MB")
    yield at_most("worker's memory meanwhile", found["worker_mb"], 250, " MB")


def measure_alike(*, quick: bool) -> Rows:
    pairs = 20_000 if quick else 1_000_000
    found = asyncio.run(alike.run(pairs))
    yield at_most(f"comparing the questions of {pairs:,} pairs", found["compared_s"], 600, " s")
    yield Row(f"the same with marking {found['marked']:,.0f} of them", f"{found['whole_s']:.0f} s")
    yield Row("CPU of the worker", f"{found['worker_cpu_s']:.0f} s")
    yield at_least(f"found of {found['planted']:,.0f} planted ones", found["recall"], 0.99)
    yield Row(f"false ones of {found['findings']:,.0f} findings", f"{found['false']:.0f}", "0", found["false"] == 0)
    unlike = f"found of {found['unlike']:,.0f} that are just too different"
    yield Row(unlike, f"{found['unlike_found']:.0f}", "0", found["unlike_found"] == 0)
    yield at_most("worker's memory", found["worker_mb"], 250, " MB")
    yield Row("the same before", f"{found['worker_idle_mb']:.0f} MB")
    yield at_most("temporary tables and files", found["temporary_mb"], 1000, " MB")


SUITES: dict[str, Callable[..., Rows]] = {
    "engine": measure_engine,
    "rate-limits": measure_rate_limits,
    "pages": measure_pages,
    "ingest": measure_ingest,
    "export": measure_export,
    "grounding": measure_grounding,
    "stats": measure_stats,
    "selection": measure_selection,
    "parity": measure_parity,
}
LONG_SUITES: dict[str, Callable[..., Rows]] = {
    "relations": measure_relations,
    "scale": measure_scale,
    "rerun": measure_rerun,
    "alike": measure_alike,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "suites", nargs="*", choices=[[], *SUITES, *LONG_SUITES], help="which to run; all but the long by default"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that all works, measures little")
    arguments = parser.parse_args()
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("openai", "aiohttp", "SQLAlchemy", "asyncpg", "fastapi")
    )
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}, {packages}")
    missed = 0
    for name in arguments.suites or SUITES:
        print(f"\n{name} (load before: {os.getloadavg()[0]:.1f})", flush=True)
        for row in (SUITES | LONG_SUITES)[name](quick=arguments.quick):
            verdict = {None: "", True: "met", False: "MISSED"}[row.is_met]
            missed += row.is_met is False
            print(f"  {row.name:<66} {row.value:>22}  {row.target:<10} {verdict}", flush=True)
    print(f"\n{missed} targets missed" if missed else "\nall targets met")
    return 1 if missed and not arguments.quick else 0


if __name__ == "__main__":
    sys.exit(main())
