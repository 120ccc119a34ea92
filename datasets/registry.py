"""Finds dataset kinds: every class with the contract, in this folder and in folders an operator names.

A kind is called `module.Class`. Names are looked up among the classes that were found; no name is ever imported.
"""

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from datasets.abstract_dataset import AbstractDataset, RelationRule, TrainRule
from datasets.house_rules import HouseRule
from datasets.legacy import (
    DatasetClassError,
    construct,
    find_default,
    is_streaming,
    load_prompt_of,
    original_layout,
    read_whole,
)
from datasets.prompts import PromptError, PromptText, check_prompt
from datasets.record_values import QueryInput, RecordError
from datasets.records import FileFormat

DATASETS_FOLDER = Path(__file__).resolve().parent
DEFAULT_KIND = "plain.PlainItems"

_operator_folders: list[Path] = []


class KindNotFoundError(Exception):
    """No kind of this name; `suggestions` are the names most like it."""

    def __init__(self, name: str, suggestions: list[str], detail: str = "") -> None:
        hint = f" Did you mean {', '.join(suggestions)}?" if suggestions else ""
        super().__init__(f"There is no dataset kind {name!r}.{hint}{detail}")
        self.name = name
        self.suggestions = suggestions


@dataclass(frozen=True, slots=True)
class BrokenModule:
    """A file in a folder of datasets that cannot be imported, and why."""

    name: str
    path: Path
    error: str


@dataclass(frozen=True, slots=True)
class KindInfo:
    """A dataset kind: what it is called, what it reads, what its pairs obey."""

    name: str
    cls: type[AbstractDataset]
    folder: Path

    @property
    def abbr(self) -> str:
        """What ids begin with; for a class that does not say, the capitals and digits of its name."""
        if self.cls.abbr:
            return self.cls.abbr
        capitals = "".join(letter for letter in self.cls.__name__ if letter.isupper() or letter.isdigit())
        return capitals if len(capitals) > 1 else self.cls.__name__.upper()

    @property
    def title(self) -> str:
        """A name for people."""
        return self.cls.title or self.cls.__name__

    @property
    def doc(self) -> str:
        """What the class says of itself."""
        own = self.cls.__doc__
        return inspect.cleandoc(own) if own else ""

    @property
    def file_format(self) -> str:
        """The shape of the annotation file, for people."""
        return self.cls.file_format or f"whatever {self.cls.__name__}._load_query_inputs reads"

    @property
    def image_id_pattern(self) -> str:
        """The shape of image ids, for people."""
        return self.cls.image_id_pattern or "as given in image_ids"

    @property
    def picture_files(self) -> dict[str, str | None]:
        """Examples of file names, each with the image id it stands for, None where it stands for none."""
        return {name: self.cls.image_id_of(name) for name in self.cls.picture_files}

    @property
    def doc_page(self) -> str | None:
        """Where the project's documentation of a kind of its own is, from the root of the repository."""
        return f"docs/kinds/{self.name}.md" if self.folder == DATASETS_FOLDER else None

    @property
    def house_rules(self) -> tuple[HouseRule, ...]:
        """What pairs of this kind must not do."""
        return self.cls.house_rules

    @property
    def filters(self) -> Mapping[str, str]:
        """What general rules of the filter do to its pairs, where that is not the default."""
        return self.cls.filters

    @property
    def relation_rule(self) -> RelationRule:
        """Which pairs relate to a pair."""
        return self.cls.relation_rule

    @property
    def train_rule(self) -> TrainRule:
        """What the train file holds."""
        return self.cls.train_rule

    @property
    def reply_grammar(self) -> str:
        """How a reply is read."""
        return self.cls.reply_grammar

    @property
    def fewest_pairs(self) -> int:
        """How many pairs a reply is to hold."""
        return self.cls.fewest_pairs

    @property
    def conversations(self) -> int:
        """How many conversations a reply has, 0 where their number is left to the model."""
        return self.cls.conversations

    @property
    def rounds(self) -> int:
        """How many rounds each of them has, 0 where their number is left to the model."""
        return self.cls.rounds

    @property
    def most_pairs(self) -> int | None:
        """How many good pairs of a reply are kept; None keeps all."""
        return self.cls.most_pairs

    @property
    def streams(self) -> bool:
        """Whether the file is read record by record, from a path or an open stream, in bounded memory."""
        return is_streaming(self.cls)

    @property
    def default_prompt_path(self) -> Path | None:
        """The prompt that comes with the kind: looked for beside the class, above it, and in the working directory."""
        stated = self.cls.prompt_file and f"prompts/{self.cls.prompt_file}"
        stated = stated or find_default(self.cls, "prompt_path") or ""
        if not stated:
            return None
        places = (self.folder, self.folder.parent, Path.cwd(), DATASETS_FOLDER)
        return next((path for place in places if (path := place / stated).is_file()), None)

    @property
    def default_query_inputs_path(self) -> str | None:
        """The annotation file that the constructor names by default."""
        return find_default(self.cls, "query_inputs_path")

    def instruction_id(
        self, serial: int, source_id: str, ordinal: int, conversation: int = 0, round_number: int = 0
    ) -> str:
        """The published id of a pair; see `AbstractDataset.instruction_id`."""
        if self.cls.abbr:
            return self.cls.instruction_id(serial, source_id, ordinal, conversation, round_number)
        return f"{self.abbr}_INS_{serial:05d}"

    def load_prompt(self, prompt_path: str | Path | None = None) -> PromptText:
        """The checked prompt of a file, or of the kind; by the class's own loader. Raises PromptError."""
        path = Path(prompt_path) if prompt_path is not None else self.default_prompt_path
        if path is None:
            raise PromptError("", f"{self.name} brings no prompt; give a prompt file.")
        try:
            return check_prompt(load_prompt_of(self.cls, self.name, str(path)))
        except PromptError:
            raise
        except Exception as error:
            message = f"{self.name} cannot load the prompt {str(path)!r}: {type(error).__name__}: {error}"
            raise PromptError("", message) from error

    def open_query_inputs(
        self,
        source: str | Path | BinaryIO,
        format: FileFormat | None = None,  # noqa: A002 - the word of the API
        prompt_path: str | Path | None = None,
    ) -> Iterator[QueryInput | RecordError]:
        """Yield the query inputs of an annotation file in order, refused ones as RecordError.

        A class that reads files itself needs a path. Raises FileFormatError, and its DatasetClassError where the
        class fails.
        """
        prompt = prompt_path if prompt_path is not None else self.default_prompt_path
        stated = None if prompt is None else str(prompt)
        if self.streams:
            instance = construct(self.cls, self.name)
            yield from instance.iter_query_inputs(source, format)
        elif isinstance(source, str | Path):
            yield from read_whole(self.cls, self.name, Path(source), stated)
        else:
            raise DatasetClassError(f"{self.name} reads its file itself and needs a path, not a stream.")


@contextmanager
def searching_too(folders: Iterable[str | Path]) -> Iterator[None]:
    """While it lasts, this process finds the kinds of these folders as well, in every lookup.

    Like `sys.path` this belongs to the process: a job is worked by whoever finds its kind.
    """
    added = [Path(folder).resolve() for folder in folders]
    _operator_folders.extend(added)
    try:
        yield
    finally:
        for folder in added:
            _operator_folders.remove(folder)


def list_kinds(extra_folders: Sequence[str | Path] = ()) -> list[KindInfo]:
    """Every kind that can be used, by name; on equal names the first folder wins, this package before all."""
    return sorted(_scan(extra_folders)[0].values(), key=lambda kind: kind.name)


def list_broken_modules(extra_folders: Sequence[str | Path] = ()) -> list[BrokenModule]:
    """Files that could not be imported, with the reason; they never hide the kinds of other files."""
    return _scan(extra_folders)[1]


def find_kind(name: str | None, extra_folders: Sequence[str | Path] = ()) -> KindInfo:
    """The kind `module.Class`, also spelt `Class.module`; None means plain items. Raises KindNotFoundError."""
    wanted = DEFAULT_KIND if name is None else name
    kinds, broken = _scan(extra_folders)
    turned = ".".join(reversed(wanted.split(".")))
    for spelling in (wanted, turned):
        if spelling in kinds:
            return kinds[spelling]
    folded = {kind.lower(): kind for kind in kinds}
    close = difflib.get_close_matches(wanted.lower(), folded, n=3, cutoff=0.6)
    close += [kind for kind in difflib.get_close_matches(turned.lower(), folded, n=3, cutoff=0.6) if kind not in close]
    parts = wanted.split(".")
    details = [
        f" The file {module.path.name} cannot be loaded: {module.error}" for module in broken if module.name in parts
    ]
    raise KindNotFoundError(wanted, [folded[kind] for kind in close[:3]], "".join(details))


def _scan(extra_folders: Sequence[str | Path]) -> tuple[dict[str, KindInfo], list[BrokenModule]]:
    kinds: dict[str, KindInfo] = {}
    broken: list[BrokenModule] = []
    extra = (Path(folder).resolve() for folder in extra_folders)
    for folder in dict.fromkeys((DATASETS_FOLDER, *_operator_folders, *extra)):
        for path in sorted(folder.glob("*.py")):
            if path.stem.startswith("_"):
                continue
            try:
                module = _load_module(path)
            except (Exception, SystemExit) as error:
                broken.append(BrokenModule(path.stem, path, f"{type(error).__name__}: {error}"))
                continue
            for cls in _find_classes(module):
                name = f"{path.stem}.{cls.__name__}"
                kinds.setdefault(name, KindInfo(name, cls, folder))
    return kinds, broken


def _load_module(path: Path) -> ModuleType:
    """The module of a file; a file of this package under its own name, any other under one made of its path."""
    if path.parent == DATASETS_FOLDER:
        name = f"datasets.{path.stem}"
        if name in sys.modules:
            return sys.modules[name]
        with original_layout(path.parent):
            return importlib.import_module(name)
    name = f"datasets_of_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with original_layout(path.parent):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _find_classes(module: ModuleType) -> list[type[AbstractDataset]]:
    """Classes the module itself defines that have the contract and say how a file is read."""
    return [
        cls
        for name, cls in vars(module).items()
        if inspect.isclass(cls)
        and issubclass(cls, AbstractDataset)
        and cls.__module__ == module.__name__
        and cls.__name__ == name
        and not name.startswith("_")
        and _is_usable(cls)
    ]


def _is_usable(cls: type[AbstractDataset]) -> bool:
    reads_files = cls._load_query_inputs is not AbstractDataset._load_query_inputs
    return (reads_files or is_streaming(cls)) and not inspect.isabstract(cls)
