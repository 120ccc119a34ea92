"""The arguments of `python main.py cold-start`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workers.command_line.arguments import read_calls, read_count, read_money, read_positive

COMMAND = "cold-start"

_DESCRIPTION = """\
Find a prompt for a dataset round by round: ask with a system message alone, look at the replies, keep the good ones as
examples, and freeze them into a prompt once they are satisfactory. It uses the database, Redis and model that
`python main.py` uses; the service shows the same cold start under /v1/cold-starts."""
_EPILOG = """\
example:
  python main.py cold-start start yard --name change.SpotTheDifference --query_inputs_path train.json --items 40
  python main.py cold-start round yard
  python main.py cold-start review yard
  python main.py cold-start change yard --system_message_file better.txt
  python main.py cold-start round yard --with_examples
  python main.py cold-start rounds yard
  python main.py cold-start freeze yard

A cold start is named by its id, or by its name: the newest of that name is meant."""


def parse_cold_start(arguments: Sequence[str]) -> argparse.Namespace:
    """The order; ends the process with status 2 and a line on standard error where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog=f"main.py {COMMAND}",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_start(commands)
    _add_round(commands)
    _add_looks(commands)
    _add_decisions(commands)
    change = _add_command(commands, "change", "set the system message or the stop rule")
    change.add_argument("--title", metavar="NAME", help="what the prompt will be called")
    change.add_argument("--system_message_file", metavar="FILE", type=Path, help="a text file with the new one")
    _add_stop_rule(change)
    freeze = _add_command(commands, "freeze", "make a prompt of the accepted examples, once they are satisfactory")
    freeze.add_argument("--out", metavar="FILE", type=Path, help="write the prompt to a file for --prompt_path, too")
    _add_command(commands, "cancel", "end the newest round; what was answered is kept")
    _add_command(commands, "delete", "delete a cold start; the jobs of its rounds and its prompts stay")
    return parser.parse_args(arguments)


def _add_command(commands: Any, name: str, told: str, *, is_named: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=told, description=told, allow_abbrev=False)
    parser.add_argument(
        "--dataset_folder",
        metavar="FOLDER",
        type=Path,
        action="append",
        default=[],
        help="a folder with dataset files of your own, beside datasets/; may be given again",
    )
    if is_named:
        parser.add_argument("cold_start", metavar="COLD_START", help="its id or name")
    return parser


def _add_start(commands: Any) -> None:
    parser = _add_command(commands, "start", "choose items and begin", is_named=False)
    add: Any = parser.add_argument
    add("title", metavar="NAME", help="what the prompt will be called")
    add("--name", metavar="MODULE.CLASS", help="the kind of dataset, as for a run")
    add("--query_inputs_path", metavar="FILE", help="the annotations; by default the file that the class names")
    add("--dataset_version", metavar="VERSION", default="v1")
    add("--system_message_file", metavar="FILE", type=Path, help="a text file; by default that of the kind's prompt")
    add("--items", metavar="N", type=read_positive, help="how many items in all (default 24)")
    add("--held_out", metavar="N", type=read_positive, help="how many of them only measure (default a quarter)")
    add("--position", metavar="N", type=read_count, action="append", default=[], help="an item chosen by hand")
    add("--seed", metavar="N", type=read_count, default=0, help="what the choice goes by (default 0)")
    add("--model", metavar="NAME", help="the model or deployment")
    add("--vision", action="store_true", help="show the model the pictures of each item; see --images")
    add("--images", metavar="FOLDER", type=Path, help="the pictures and videos of the annotations, as for a run")
    add("--automatic", action="store_true", help="decide by score, or by --judge_model, without a person")
    add("--judge_model", metavar="NAME", help="a model that judges each candidate; implies --automatic")
    add("--accept_score", metavar="S", type=float, default=0.8, help="without a judge: accept from this score on")
    add("--max_rounds", metavar="N", type=read_positive, default=4, help="of an automatic one")
    _add_stop_rule(parser)


def _add_stop_rule(parser: argparse.ArgumentParser) -> None:
    """What is not given is left out, so that null can be told from nothing."""
    rule = parser.add_argument_group("stop rule", argument_default=argparse.SUPPRESS)
    add: Any = rule.add_argument
    add("--examples", metavar="K", type=read_positive, help="at least so many accepted examples")
    add("--coverage", metavar="S", type=float, help="share of the clusters of items that have one")
    add("--held_out_score", metavar="S", type=_read_bound, help="mean score on the items held out, or none")
    add("--improvement", metavar="S", type=_read_bound, help="how much that mean may still move, or none")


def _add_round(commands: Any) -> None:
    parser = _add_command(commands, "round", "ask the model about the items, and wait")
    add: Any = parser.add_argument
    add("--with_examples", action="store_true", help="show the accepted examples in the prompt")
    add("--num_threads", metavar="N", type=read_calls, help="most calls in flight at a time (default 16)")
    add("--max_cost_usd", metavar="USD", type=read_money, help="stop before more than this is spent on the round")


def _add_looks(commands: Any) -> None:
    show = _add_command(commands, "show", "the candidates of a round with their scores")
    show.add_argument("--round", metavar="N", type=read_positive, help="by default the newest")
    rounds = _add_command(commands, "rounds", "the rounds side by side, and what the stop rule still asks for")
    listed = _add_command(commands, "list", "the cold starts that there are, the newest first", is_named=False)
    for parser in (show, rounds, listed):
        parser.add_argument("--json", action="store_true", help="as the API shows it")


def _add_decisions(commands: Any) -> None:
    review = _add_command(commands, "review", "go through the open candidates of the newest round one by one")
    review.add_argument("--round", metavar="N", type=read_positive, help="by default the newest")
    decisions = {
        "accept": "take candidates as examples",
        "reject": "turn candidates down",
        "reopen": "take decisions about candidates back",
    }
    for name, told in decisions.items():
        parser = _add_command(commands, name, told, is_named=False)
        parser.add_argument("candidates", metavar="CANDIDATE", nargs="+")
        parser.add_argument("--note", metavar="TEXT", help="why; kept with the candidates")
    edit = _add_command(commands, "edit", "take a candidate as an example, with other texts", is_named=False)
    edit.add_argument("candidates", metavar="CANDIDATE", nargs=1)
    edit.add_argument("--file", metavar="FILE", type=Path, required=True, help="JSON: the whole reply as it shall be")
    edit.add_argument("--note", metavar="TEXT", help="why; kept with the candidate")


def _read_bound(text: str) -> float | None:
    return None if text.lower() == "none" else float(text)
