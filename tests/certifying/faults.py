"""Faults to plant: what a careless exporter, a torn disk or a wrong hand would do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.certifying.planting import Planting, Rows, picture

INS, TRAIN = "XX_instructions.train.json", "XX_train.train.json"
INS_ZH, INS_VALID = "XX_instructions.train.zh.json", "XX_instructions.validation.json"
LLAVA, SHARE, OPENAI = "XX_llava.train.json", "XX_sharegpt.train.json", "XX_openai.train.jsonl"
LINES, CSV, TABLE = "XX_pairs.train.jsonl", "XX_pairs.train.csv", "XX_pairs.train.parquet"
PARQUET, JSON, TAR, MANIFEST = "XX.parquet", "XX.json", "XX_images.tar", "manifest.json"

Plant = Callable[[Planting], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a format: the code it must be called by, in which file, and where there."""

    format: str
    code: str
    file: str
    at: str
    plant: Plant

    def __str__(self) -> str:
        return f"{self.format}-{self.code}-{self.at or self.file}"


def _replace(name: str, old: str, new: str) -> Plant:
    return lambda planting: planting.replace(name, old, new)


def _set_member(name: str, number: int, **values: Any) -> Plant:
    return lambda planting: planting.edit_member(name, number, lambda value: {**value, **values})


def _set_object(name: str, number: int, **values: Any) -> Plant:
    return lambda planting: planting.edit_object(name, number, lambda value: {**value, **values})


def _turn(name: str, number: int, turn: int, **values: Any) -> Plant:
    def edit(talk: Any) -> Any:
        key = "conversations" if "conversations" in talk else "messages"
        talk[key][turn] |= values
        return talk

    return lambda planting: planting.edit_object(name, number, edit)


def _line(name: str, edit: Callable[[list[str]], list[str]]) -> Plant:
    return lambda planting: planting.edit_lines(name, edit)


def _pictures(**values: str) -> Plant:
    """The first picture of parquet and json becomes another one."""

    def edit(rows: Rows) -> Rows:
        return [{**rows[0], **values}, *rows[1:]]

    def plant(planting: Planting) -> None:
        planting.edit_rows(PARQUET, edit)
        if (planting.path / JSON).exists():
            planting.edit_member(JSON, 2, lambda value: values.get("base64", value))

    return plant


def _rows(name: str, edit: Callable[[Rows], Rows]) -> Plant:
    return lambda planting: planting.edit_rows(name, edit)


def _manifest(edit: Callable[[Any], None]) -> Plant:
    return lambda planting: planting.edit_manifest(edit)


def _file(name: str) -> Callable[[Any], Any]:
    return lambda manifest: next(file for file in manifest["files"] if file["name"] == name)


def _drop_image(planting: Planting) -> None:
    planting.edit_rows(PARQUET, lambda rows: [row for row in rows if row["id"] != "IMG_2"])
    planting.edit_lines(JSON, lambda lines: [line for line in lines if not line.startswith(',"IMG_2"')])


def _remove(name: str) -> Plant:
    return lambda planting: (planting.path / name).unlink()


def _urlsafe(planting: Planting) -> None:
    text = next(row["base64"] for row in _read(planting) if "+" in row["base64"] or "/" in row["base64"])
    _pictures(base64=text.replace("+", "-").replace("/", "_"))(planting)


def _read(planting: Planting) -> Rows:
    rows: Rows = pq.read_table(planting.path / PARQUET).to_pylist()
    return rows


def _leave(name: str, content: str) -> Plant:
    """A file that is written behind the manifest's back."""

    def plant(planting: Planting) -> None:
        (planting.path / name).write_text(content)

    return plant


def _move(to: str) -> Plant:
    """The first pair of the train side stands in the validation side too."""

    def plant(planting: Planting) -> None:
        entry = planting.read(INS).split("\n")[1]
        planting.edit_lines(to, lambda lines: [lines[0], entry, f",{lines[1]}", *lines[2:]])

    return plant


_BLANK = " \n\t "
MIMIC_IT = [
    Fault("mimic-it", "not_json", INS, "line 2", _replace(INS, '"answer":"A Red', '"answer":A Red')),
    Fault("mimic-it", "not_closed", INS, "the end", _line(INS, lambda lines: lines[:-2])),
    Fault("mimic-it", "not_closed", INS, "the end", _replace(INS, "\n}}\n", "\n}\n")),
    Fault("mimic-it", "after_the_end", INS, "line 9", _line(INS, lambda lines: [*lines[:-1], "{}"])),
    Fault("mimic-it", "bad_comma", INS, "line 3", _line(INS, lambda lines: [*lines[:2], lines[2][1:], *lines[3:]])),
    Fault("mimic-it", "bad_comma", INS, "line 2", _line(INS, lambda lines: [lines[0], f",{lines[1]}", *lines[2:]])),
    Fault("mimic-it", "bad_opening", INS, "line 1", _replace(INS, '"author":"Syphus",', "")),
    Fault("mimic-it", "bad_opening", TRAIN, "line 1", _line(TRAIN, lambda lines: ["[", *lines[1:]])),
    Fault("mimic-it", "wrong_fields", INS, "DC_INS_00005", _replace(INS, '"answer"', '"response"')),
    Fault("mimic-it", "blank_instruction", INS, "DC_INS_00005", _set_member(INS, 2, instruction=_BLANK)),
    Fault("mimic-it", "blank_answer", INS, "DC_INS_00006", _set_member(INS, 3, answer=" ")),
    Fault("mimic-it", "blank_answer", INS_ZH, "DC_INS_00005", _set_member(INS_ZH, 2, answer=None)),
    Fault("mimic-it", "wrong_image_ids", INS, "DC_INS_00005", _set_member(INS, 2, image_ids="IMG_2")),
    Fault("mimic-it", "wrong_rel_ins_ids", INS, "DC_INS_00005", _set_member(INS, 2, rel_ins_ids=[7])),
    Fault("mimic-it", "self_link", INS, "DC_INS_00005", _set_member(INS, 2, rel_ins_ids=["DC_INS_00005"])),
    Fault("mimic-it", "repeated_link", INS, "DC_INS_00005", _set_member(INS, 2, rel_ins_ids=["DC_INS_00006"] * 2)),
    Fault("mimic-it", "dangling_link", INS, "DC_INS_00005", _set_member(INS, 2, rel_ins_ids=["DC_INS_99999"])),
    Fault("mimic-it", "cross_split_link", INS, "DC_INS_00005", _set_member(INS, 2, rel_ins_ids=["DC_INS_00001"])),
    Fault(
        "mimic-it", "repeated_id", INS, "line 4, DC_INS_00005", _replace(INS, ',"DC_INS_00007":', ',"DC_INS_00005":')
    ),
    Fault("mimic-it", "id_in_two_splits", INS_VALID, "DC_INS_00005", _move(INS_VALID)),
    Fault("mimic-it", "image_in_two_splits", INS_VALID, "DC_INS_00001", _set_member(INS_VALID, 2, image_ids=["IMG_2"])),
    Fault("mimic-it", "not_in_english", INS_ZH, "DC_INS_77777", _replace(INS_ZH, '"DC_INS_00005":', '"DC_INS_77777":')),
    Fault("mimic-it", "unknown_train_id", TRAIN, "DC_INS_88888", _replace(TRAIN, '"DC_INS_00005":', '"DC_INS_88888":')),
    Fault("mimic-it", "self_link", TRAIN, "DC_INS_00005", _replace(TRAIN, '["DC_INS_00006"]', '["DC_INS_00005"]')),
    Fault("mimic-it", "dangling_link", TRAIN, "DC_INS_00005", _replace(TRAIN, '["DC_INS_00006"]', '["XX_INS_1"]')),
    Fault("mimic-it", "missing_image", INS, "DC_INS_00005", _drop_image),
    Fault("mimic-it", "bad_base64", PARQUET, "row 0, IMG_0", _pictures(base64="not base64!")),
    Fault("mimic-it", "bad_base64", PARQUET, "row 0, IMG_0", _pictures(base64=picture()[:-1])),
    Fault("mimic-it", "bad_base64", PARQUET, "row 0, IMG_0", _urlsafe),
    Fault("mimic-it", "not_an_rgb_square", PARQUET, "row 0", _pictures(base64="aGVsbG8gd29ybGQ=")),
    Fault("mimic-it", "not_an_rgb_square", PARQUET, "row 0", _pictures(base64=picture("RGBA"))),
    Fault("mimic-it", "not_an_rgb_square", PARQUET, "row 0", _pictures(base64=picture(size=(224, 200)))),
    Fault("mimic-it", "not_an_rgb_square", PARQUET, "row 0", _pictures(base64=picture(image_format="JPEG"))),
    Fault("mimic-it", "not_an_rgb_square", PARQUET, "row 0", _pictures(base64=picture()[:200])),
    Fault("mimic-it", "repeated_image", PARQUET, "IMG_0", _rows(PARQUET, lambda rows: [*rows, rows[0]])),
    Fault("mimic-it", "repeated_image", JSON, "IMG_0", _replace(JSON, ',"IMG_1":', ',"IMG_0":')),
    Fault("mimic-it", "image_sets_differ", JSON, "IMG_0", lambda it: it.edit_member(JSON, 2, lambda _: picture())),
    Fault("mimic-it", "image_sets_differ", JSON, "", _line(JSON, lambda lines: [*lines[:2], *lines[3:]])),
    Fault("mimic-it", "bad_base64", JSON, "line 2, IMG_0", lambda it: it.edit_member(JSON, 2, lambda _: "?")),
    Fault("mimic-it", "not_parquet", PARQUET, "", lambda it: it.write(PARQUET, b"PAR1 but no more")),
    Fault(
        "mimic-it",
        "wrong_schema",
        PARQUET,
        "",
        lambda it: it.edit_table(PARQUET, lambda t: t.rename_columns(["id", "png"])),
    ),
    Fault(
        "mimic-it",
        "wrong_schema",
        PARQUET,
        "",
        lambda it: it.edit_table(PARQUET, lambda t: t.replace_schema_metadata({})),
    ),
]
CONVERSATIONS = [
    Fault("llava", "marks_differ", LLAVA, "line 2", _turn(LLAVA, 2, 0, value="What is it?")),
    Fault("llava", "marks_differ", LLAVA, "line 2", _turn(LLAVA, 2, 0, value="<image>\n<image>\nWhat is it?")),
    Fault("llava", "marks_differ", LLAVA, "line 2", _turn(LLAVA, 2, 1, value="It says <image>.")),
    Fault("llava", "roles_repeat", LLAVA, "line 3", _turn(LLAVA, 3, 1, **{"from": "human"})),
    Fault("llava", "wrong_start", LLAVA, "line 2", _turn(LLAVA, 2, 0, **{"from": "gpt"})),
    Fault("llava", "unknown_role", LLAVA, "line 2", _turn(LLAVA, 2, 0, **{"from": "user"})),
    Fault("llava", "empty_turn", LLAVA, "line 2, turn 1", _turn(LLAVA, 2, 1, value=_BLANK)),
    Fault("llava", "empty_turn", LLAVA, "line 2, turn 0", _turn(LLAVA, 2, 0, value="<image>\n")),
    Fault("llava", "no_turns", LLAVA, "line 2", _set_object(LLAVA, 2, conversations=[])),
    Fault("llava", "wrong_fields", LLAVA, "line 2", _set_object(LLAVA, 2, images=["IMG_2.png"])),
    Fault("llava", "blank_id", LLAVA, "line 2", _set_object(LLAVA, 2, id="")),
    Fault(
        "llava",
        "missing_image",
        LLAVA,
        "line 2",
        lambda it: it.edit_tar(TAR, lambda files: {n: d for n, d in files.items() if n != "IMG_2.png"}),
    ),
    Fault(
        "llava",
        "not_a_picture",
        TAR,
        "IMG_0.png",
        lambda it: it.edit_tar(TAR, lambda files: {**files, "IMG_0.png": b"?"}),
    ),
    Fault(
        "llava", "unsafe_name", TAR, "member 6", lambda it: it.edit_tar(TAR, lambda files: {**files, "../x.png": b"?"})
    ),
    Fault("llava", "not_tar", TAR, "", lambda it: it.write(TAR, b"no archive" * 200)),
    Fault(
        "llava",
        "image_in_two_splits",
        "XX_llava.validation.json",
        "line 2",
        _set_object("XX_llava.validation.json", 2, image="IMG_2.png"),
    ),
    Fault("llava", "not_closed", LLAVA, "the end", _line(LLAVA, lambda lines: lines[:-2])),
    Fault(
        "sharegpt",
        "no_answer",
        SHARE,
        "line 2",
        lambda it: it.edit_object(SHARE, 2, lambda talk: {**talk, "messages": talk["messages"][:3]}),
    ),
    Fault(
        "sharegpt",
        "mark_not_first",
        SHARE,
        "line 2",
        _line(
            SHARE,
            lambda lines: [
                lines[0],
                lines[1].replace("<image>\\n", "", 1).replace("question 1", "<image> 1"),
                *lines[2:],
            ],
        ),
    ),
    Fault("sharegpt", "strange_mark", SHARE, "line 2", _turn(SHARE, 2, 1, content="It moves: <video>")),
    Fault("sharegpt", "wrong_images", SHARE, "line 2", _set_object(SHARE, 2, images=[""])),
    Fault(
        "sharegpt",
        "wrong_dataset_info",
        "dataset_info.json",
        "",
        _replace("dataset_info.json", "XX_sharegpt.train.json", "other.json"),
    ),
    Fault("openai", "empty_turn", OPENAI, "line 1, turn 1", _turn(OPENAI, 1, 1, content="")),
    Fault(
        "openai",
        "not_a_picture",
        OPENAI,
        "line 1",
        _replace(OPENAI, "data:image/jpeg;base64,", "data:image/jpeg;base64,!"),
    ),
    Fault(
        "openai",
        "image_in_answer",
        OPENAI,
        "line 1, turn 1",
        _turn(
            OPENAI,
            1,
            1,
            content=[
                {"type": "text", "text": "A"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture()}"}},
            ],
        ),
    ),
    Fault(
        "openai",
        "missing_image",
        OPENAI,
        "line 1",
        _turn(
            OPENAI, 1, 0, content=[{"type": "text", "text": "A"}, {"type": "image_url", "image_url": {"url": "IMG_2"}}]
        ),
    ),
    Fault("openai", "not_json", OPENAI, "line 1", _replace(OPENAI, '{"messages"', '{"messages')),
    Fault("openai", "wrong_count", MANIFEST, "counts of conversations", _line(OPENAI, lambda lines: lines[1:])),
]
TABLES = [
    Fault("jsonl", "unreadable", LINES, "after row 0", _replace(LINES, '"ordinal":0', '"ordinal":"none"')),
    Fault("jsonl", "wrong_schema", LINES, "", _replace(LINES, '"round":', '"turn":')),
    Fault("jsonl", "repeated_id", LINES, "row 13", _line(LINES, lambda lines: [*lines[:-1], lines[0], ""])),
    Fault("jsonl", "dangling_link", LINES, "row 1", _set_object(LINES, 1, related_pair_ids=["pair_x"])),
    Fault(
        "jsonl",
        "self_link",
        LINES,
        "row 2",
        lambda it: it.edit_object(LINES, 2, lambda row: {**row, "translation_of": row["id"]}),
    ),
    Fault("jsonl", "strange_language", LINES, "row 1", _set_object(LINES, 1, language="fr", translation_of=None)),
    Fault("jsonl", "wrong_original", LINES, "row 2", _set_object(LINES, 2, translation_of=None)),
    Fault(
        "jsonl",
        "source_in_two_splits",
        "XX_pairs.validation.jsonl",
        "row 1",
        _set_object("XX_pairs.validation.jsonl", 1, source_id="source-2"),
    ),
    Fault("jsonl", "wrong_rows", LINES, "", _line(LINES, lambda lines: [*lines[:-3], ""])),
    Fault("csv", "formula_cell", CSV, "row 1", _replace(CSV, "A Red car", "=1+1")),
    Fault("csv", "wrong_schema", CSV, "", _replace(CSV, "id,source_id,", "source_id,id,")),
    Fault("csv", "wrong_value", CSV, "row 1", _replace(CSV, '"[""IMG_2""]"', "IMG_2")),
    Fault("csv", "unreadable", CSV, "after row 0", _replace(CSV, ",accepted,", ",accepted,more,")),
    Fault("csv", "blank_response", CSV, "row 1", _replace(CSV, '"A Red car, 100% sure_0."', '" "')),
    Fault(
        "parquet", "unreadable", TABLE, "after row 0", lambda it: it.write(TABLE, (it.path / TABLE).read_bytes()[:-9])
    ),
    Fault(
        "parquet",
        "wrong_schema",
        TABLE,
        "",
        lambda it: it.edit_table(TABLE, lambda t: t.set_column(2, "ordinal", t["ordinal"].cast(pa.int64()))),
    ),
    Fault(
        "parquet",
        "blank_instruction",
        TABLE,
        "row 1",
        _rows(TABLE, lambda rows: [{**rows[0], "instruction": _BLANK}, *rows[1:]]),
    ),
    Fault(
        "parquet",
        "missing_image",
        TABLE,
        "row 1",
        _rows(PARQUET, lambda rows: [row for row in rows if row["id"] != "IMG_2"]),
    ),
]
MANIFESTS = [
    Fault("jsonl", "missing_file", LINES, "", _remove(LINES)),
    Fault("jsonl", "missing_file", MANIFEST, "", _remove(MANIFEST)),
    Fault("jsonl", "unlisted_file", "notes.txt", "", _leave("notes.txt", "?")),
    Fault("jsonl", "manifest_unreadable", MANIFEST, "", _leave(MANIFEST, "{")),
    Fault("jsonl", "manifest_incomplete", MANIFEST, "prompts", _manifest(lambda manifest: manifest.pop("prompts"))),
    Fault("jsonl", "unknown_format", MANIFEST, "format", _manifest(lambda manifest: manifest.update(format="docx"))),
    Fault(
        "jsonl", "wrong_count", MANIFEST, "counts of en", _manifest(lambda manifest: manifest["counts"].update(pairs=7))
    ),
    Fault(
        "jsonl",
        "wrong_count",
        MANIFEST,
        "counts of zh",
        _manifest(lambda manifest: manifest["counts"]["translations"].update(zh=7)),
    ),
    Fault("mimic-it", "wrong_rows", INS, "", _manifest(lambda manifest: _file(INS)(manifest).update(rows=7))),
    Fault("mimic-it", "wrong_bytes", INS, "", _manifest(lambda manifest: _file(INS)(manifest).update(bytes=7))),
    Fault(
        "mimic-it", "wrong_sha256", JSON, "", _manifest(lambda manifest: _file(JSON)(manifest).update(sha256="0" * 64))
    ),
]
FAULTS = [*MIMIC_IT, *CONVERSATIONS, *TABLES, *MANIFESTS]
