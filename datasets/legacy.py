"""Makes dataset classes written for the original layout work as they are, however they spell their constructor."""

import inspect
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datasets import abstract_dataset
from datasets.abstract_dataset import AbstractDataset, check_query_input, deferred_loading
from datasets.record_values import FileFormatError, InvalidRecordError, QueryInput, Record, RecordError

_FOLDER = Path(__file__).resolve().parent

_STREAMING = ("read_record", "read_items", "read_stream")
_ROLES = ("name", "prompt_path", "query_inputs_path")
_SPELLINGS = {
    "name": ("name", "dataset_name"),
    "prompt_path": ("prompt_path", "in_context_path", "prefix_path", "prompt_file", "prompts_path", "prompt"),
    "query_inputs_path": (
        "query_inputs_path",
        "query_input_path",
        "annotation_path",
        "annotations_path",
        "annotation_file",
        "query_inputs_file",
        "data_path",
        "input_path",
        "path",
    ),
}


class DatasetClassError(FileFormatError):
    """A dataset class that cannot be constructed, or that failed while it read a file."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(line, message)


@contextmanager
def original_layout(folder: Path) -> Iterator[None]:
    """While it lasts, `abstract_dataset` and the file's neighbours are importable by their bare names.

    The bare name stays known afterwards, as the very module of this package, for imports inside methods.
    """
    sys.modules.setdefault("abstract_dataset", abstract_dataset)
    added = [str(folder), str(_FOLDER)]
    sys.path.extend(added)
    try:
        yield
    finally:
        for entry in added:
            if entry in sys.path:
                sys.path.remove(entry)


def is_streaming(cls: type[AbstractDataset]) -> bool:
    """Whether the class takes a file's records one by one, or its open stream, rather than a whole file by its path."""
    reads = any(getattr(cls, name) is not getattr(AbstractDataset, name) for name in _STREAMING)
    return reads and cls._load_query_inputs is AbstractDataset._load_query_inputs


def construct(
    cls: type[AbstractDataset], name: str, prompt_path: str | None = None, query_inputs_path: str | None = None
) -> AbstractDataset:
    """An instance that loads nothing yet; its paths go to whichever parameters stand for them.

    Raises DatasetClassError where a given path has no parameter or the constructor fails.
    """
    given = {"name": name, "prompt_path": prompt_path, "query_inputs_path": query_inputs_path}
    arguments, keywords = _bind(cls, given)
    try:
        with deferred_loading():
            return cls(*arguments, **keywords)
    except Exception as error:
        raise DatasetClassError(f"{name} cannot be constructed: {_describe(error)}") from error


def load_prompt_of(cls: type[AbstractDataset], name: str, prompt_path: str) -> Any:
    """What the class's own loader makes of a prompt file, unchecked; raises whatever the loader raises.

    A constructor that already needs the annotations cannot run without them; the loader is then called by itself.
    """
    try:
        instance = construct(cls, name, prompt_path)
    except DatasetClassError:
        instance = cls.__new__(cls)
        AbstractDataset.__init__(instance, name)
        instance.prompt_path = prompt_path
    return instance.prompt


def find_default(cls: type[AbstractDataset], role: str) -> str | None:
    """The default of the constructor's parameter for `prompt_path` or `query_inputs_path`, if it has one."""
    for parameter in _parameters(cls):
        if parameter.name in _SPELLINGS[role] and isinstance(parameter.default, str | Path):
            return str(parameter.default)
    return None


def read_whole(
    cls: type[AbstractDataset], name: str, path: Path, prompt_path: str | None
) -> Iterator[QueryInput | RecordError]:
    """The query inputs of a class that reads the file itself; those it should not have given as RecordError.

    Pointers are positions in what the class gave, e.g. `/3/sentences`. A generator is followed as it goes.
    Raises DatasetClassError when the class fails.
    """
    instance = construct(cls, name, prompt_path, str(path))
    for position, value in enumerate(_follow(name, instance)):
        record = Record(None, None, value, f"/{position}")
        try:
            yield check_query_input(value, record)
        except InvalidRecordError as refused:
            yield refused.error


def _follow(name: str, instance: AbstractDataset) -> Iterator[Any]:
    """Whatever goes wrong inside the class's own code is told as a failure of the class."""
    try:
        query_inputs = instance.query_inputs
        if isinstance(query_inputs, str | bytes) or not isinstance(query_inputs, Iterable):
            raise TypeError("_load_query_inputs must return a list of dicts with id and sentences")
        yield from query_inputs
    except json.JSONDecodeError as error:
        raise DatasetClassError(f"The file is no JSON that {name} can read: {error.msg}.", error.lineno) from error
    except Exception as error:
        raise DatasetClassError(f"{name} cannot read this file: {_describe(error)}") from error


def _bind(cls: type[AbstractDataset], given: dict[str, str | None]) -> tuple[list[str | None], dict[str, str]]:
    parameters = _parameters(cls)
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters) and not any(
        parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters
    ):
        return [given[role] for role in _ROLES], {}
    keywords: dict[str, str] = {}
    for role in _ROLES:
        target = _find_parameter(parameters, role)
        value = given[role]
        if target is None:
            if value is not None and role != "name":
                raise DatasetClassError(
                    f"The constructor of {cls.__name__} has no parameter for its {role}; name one {role!r}."
                )
            continue
        if value is None and target.default is inspect.Parameter.empty and target.kind is not target.VAR_KEYWORD:
            value = ""
        if value is not None:
            keywords[role if target.kind is target.VAR_KEYWORD else target.name] = value
    return [], keywords


def _find_parameter(parameters: list[inspect.Parameter], role: str) -> inspect.Parameter | None:
    """By name; else `**kwargs`; else the parameter in the original's position, if its name stands for nothing else."""
    by_name = {parameter.name: parameter for parameter in parameters}
    for spelling in _SPELLINGS[role]:
        if spelling in by_name:
            return by_name[spelling]
    for parameter in parameters:
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            return parameter
    taken = {spelling for spellings in _SPELLINGS.values() for spelling in spellings}
    position = _ROLES.index(role)
    if position < len(parameters) and parameters[position].name not in taken:
        return parameters[position]
    return None


def _parameters(cls: type[AbstractDataset]) -> list[inspect.Parameter]:
    return list(inspect.signature(cls).parameters.values())


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
