"""The arguments of `python main.py`."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.pipeline.selecting import MODES

DEFAULT_VERSION = "v1"
MOST_CALLS_IN_FLIGHT = 4096

_VERSION_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_DESCRIPTION = """\
Make instruction-response pairs of one dataset, and write them to output_{name}_{version}/.

The database, Redis and model are those of DATABASE_URL, REDIS_URL and OPENAI_* where these are set, else those of the
service that runs on SYPHUS_HOME (./.syphus), else private ones that are started there for the time of the run.
The original's OPENAI_API_TYPE, _KEY, _BASE, _VERSION and _ENGINE are understood."""
_EPILOG = """\
examples:
  python main.py --name change.SpotTheDifference --query_inputs_path train.json --num_threads 16
  python main.py --name your_dataset.YourDataset --random_sample 100 --seed 7 --languages zh de
  python main.py --name your_dataset.YourDataset --slice_start 500 --max_cost_usd 2.50

Ctrl-C stops: the calls under way are waited for and kept. The same command continues where it stopped and pays for
nothing twice; another --dataset_version begins anew.
`python main.py cold-start --help` finds a prompt round by round, `python main.py judge --help` judges a job's pairs.
exit status: 0 every item is done, 1 not every item (failed, paused, interrupted), 2 nothing could be started."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the person asked for; None means the default of whoever decides it later."""

    name: str | None
    version: str
    prompt_path: str | None
    query_inputs_path: str | None
    calls_in_flight: int | None
    slice: dict[str, int]
    languages: list[str]
    model: str | None
    max_cost_usd: float | None
    output_folder: Path | None
    dataset_folders: list[Path]
    images: Path | None
    policies: dict[str, Any] = field(default_factory=dict)


def parse_arguments(arguments: Sequence[str]) -> Options:
    """The options; ends the process with status 2 and a line on standard error where they make no sense."""
    parser = _make_parser()
    given = parser.parse_args(arguments)
    seed = given.seed if given.seed is not None else (0 if given.random_sample else None)
    slice_ = {"start": given.slice_start, "end": given.slice_end, "sample": given.random_sample, "seed": seed}
    return Options(
        name=given.name,
        version=given.dataset_version,
        prompt_path=given.prompt_path,
        query_inputs_path=given.query_inputs_path,
        calls_in_flight=given.num_threads,
        slice={key: value for key, value in slice_.items() if value is not None},
        languages=[code for entry in given.languages for code in entry.split(",") if code],
        model=given.model,
        max_cost_usd=given.max_cost_usd,
        output_folder=given.output_folder,
        dataset_folders=given.dataset_folder,
        images=given.images,
        policies=_read_policies(given),
    )


def _read_policies(given: argparse.Namespace) -> dict[str, Any]:
    """What the arguments say of numbers of pairs and of in-context examples, as an order of a job says it."""
    policies = {name: getattr(given, name) for name in ("pairs_per_item", "target_pairs")}
    named = {"mode": given.examples, "k": given.examples_k, "max_tokens": given.examples_max_tokens}
    examples = {name: value for name, value in named.items() if value is not None}
    policies["examples"] = examples or None
    return {name: value for name, value in policies.items() if value is not None}


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="main.py",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add: Any = parser.add_argument
    add(
        "--name", metavar="MODULE.CLASS", help="the kind of dataset, either way round; plain {id, sentences} without it"
    )
    add("--query_inputs_path", metavar="FILE", help="the annotations; by default the file that the class names")
    add(
        "--images",
        metavar="FOLDER",
        type=Path,
        help="the pictures and videos of the annotations: a folder of them, of archives too, or one such file",
    )
    add("--prompt_path", metavar="FILE", help="the prompt; by default the one that the class brings")
    add(
        "--dataset_version",
        metavar="VERSION",
        type=_read_version,
        default=DEFAULT_VERSION,
        help=f"a word of yours; another one begins anew (default {DEFAULT_VERSION})",
    )
    add("--pairs_per_item", metavar="N", type=read_positive, help="exactly so many pairs of each item")
    add("--target_pairs", metavar="N", type=read_positive, help="stop with exactly so many pairs")
    add("--examples", metavar="MODE", choices=MODES, help=f"which of the prompt's examples: {', '.join(MODES)}")
    add("--examples_k", metavar="K", type=read_count, help="at most so many examples with an item (default 4, or all)")
    add("--examples_max_tokens", metavar="N", type=read_positive, help="about what the examples may cost together")
    add("--num_threads", metavar="N", type=read_calls, help="most calls in flight at a time (default 16)")
    add("--slice_start", metavar="N", type=read_count, help="leave out the items before this one, counted from 0")
    add("--slice_end", metavar="N", type=read_count, help="leave out this item and those after it")
    add("--random_sample", metavar="N", type=read_positive, help="only so many items (of the slice), drawn by --seed")
    add("--seed", metavar="N", type=read_count, help="what the draw goes by (default 0): the same one, the same items")
    add(
        "--languages",
        metavar="CODE",
        nargs="+",
        default=[],
        help="translate into zh ja es de fr ko ar, or some of them",
    )
    add("--model", metavar="NAME", help="the model or deployment; by default OPENAI_MODEL or OPENAI_API_ENGINE")
    add("--max_cost_usd", metavar="USD", type=read_money, help="stop before more than this is spent on the job")
    add("--output_folder", metavar="FOLDER", type=Path, help="where to write; by default ./output_{name}_{version}")
    add(
        "--dataset_folder",
        metavar="FOLDER",
        type=Path,
        action="append",
        default=[],
        help="a folder with dataset files of your own, beside datasets/; may be given again",
    )
    return parser


def read_count(text: str) -> int:
    """A whole number from 0 on; raises ArgumentTypeError, as those below do."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def read_positive(text: str) -> int:
    """A whole number from 1 on."""
    number = read_count(text)
    if number == 0:
        raise argparse.ArgumentTypeError("give at least 1")
    return number


def read_calls(text: str) -> int:
    """A number of calls in flight."""
    number = read_positive(text)
    if number > MOST_CALLS_IN_FLIGHT:
        raise argparse.ArgumentTypeError(f"give at most {MOST_CALLS_IN_FLIGHT}")
    return number


def read_money(text: str) -> float:
    """US dollars above 0."""
    try:
        amount = float(text)
    except ValueError:
        amount = 0.0
    if not 0 < amount < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of US dollars above 0")
    return amount


def _read_version(text: str) -> str:
    if not _VERSION_PATTERN.fullmatch(text):
        raise argparse.ArgumentTypeError("a version is 1 to 32 letters, digits, dots, underscores and hyphens")
    return text
