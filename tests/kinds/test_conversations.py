"""Scenes become conversations: from the file over HTTP to pairs, their relations, translations and an export."""

import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from tests.images.archives import make_zip
from tests.kinds.cases import CASES
from tests.kinds.test_from_file_to_export import export, upload
from tests.pictures.files import encode, scene
from tests.support.house import House

SCENES = next(case for case in CASES if case.kind == "scenes.SceneNavigation")
PLACES = [(conversation, number) for conversation in range(3) for number in range(3)]


@pytest.mark.parametrize("in_text", [False, True])
async def test_a_scene_becomes_three_conversations_of_three_rounds(house: House, in_text: bool) -> None:
    await house.endpoint.set_mode(refuse_response_format=in_text)
    pairs = await make_pairs(house, ["fr"])
    english = [pair for pair in pairs if pair["language"] == "en"]
    by_scene = group(english)
    assert sorted(by_scene) == ["scene0000_00", "scene0001_00"]
    for rounds in by_scene.values():
        assert [(pair["conversation"], pair["round"]) for pair in rounds] == PLACES
        assert [pair["ordinal"] for pair in rounds] == list(range(9))
        for pair in rounds:
            earlier = [each["id"] for each in rounds if each["conversation"] == pair["conversation"]][: pair["round"]]
            assert pair["related_pair_ids"] == earlier
            assert ("suit" in pair["instruction"]) == (pair["round"] == 0)
    place_of = {pair["id"]: (pair["conversation"], pair["round"]) for pair in english}
    french = [pair for pair in pairs if pair["language"] == "fr"]
    assert len(french) == len(english)
    assert all(place_of[pair["translation_of"]] == (pair["conversation"], pair["round"]) for pair in french)


async def test_an_export_names_activity_and_round_and_trains_on_each_last_round(house: House) -> None:
    pairs = await make_pairs(house, ["zh"])
    files = await export(house, pairs[0]["job_id"])
    names = [f"SN_INS_{scene}_activity{c}_round{r}" for scene in ("scene0000_00", "scene0001_00") for c, r in PLACES]
    for suffix in ("", ".zh"):
        data = files[f"SN_instructions{suffix}.json"]["data"]
        assert list(data) == names
        for name in names:
            stem, number = name.rsplit("_round", 1)
            assert data[name]["rel_ins_ids"] == [f"{stem}_round{earlier}" for earlier in range(int(number))]
        assert files[f"SN_train{suffix}.json"] == {
            name: data[name]["rel_ins_ids"] for name in names if name.endswith("_round2")
        }


async def test_a_broken_round_takes_only_those_that_stand_on_it(house: House) -> None:
    rounds = [{"instruction": f"Why does plan {n} suit it?", "response": f"There is space {n}."} for n in range(3)]
    speaks = {"instruction": "What do the descriptions say?", "response": "They speak of a sofa."}
    broken = [rounds[0], speaks, rounds[2]]
    late = [{"instruction": "Where is the lamp?", "response": "Beside the shelf."}, rounds[1]]
    reply = {"conversations": [
        {"title": "A", "reason": "", "rounds": broken},
        {"title": "B", "reason": "", "rounds": late},
        {"title": "C", "reason": "", "rounds": rounds[1:]},
    ]}  # fmt: skip
    await house.endpoint.set_mode(says=json.dumps(reply))
    pairs = await make_pairs(house, [])
    for kept in group(pairs).values():
        assert [(pair["conversation"], pair["round"], pair["instruction"]) for pair in kept] == [
            (0, 0, rounds[0]["instruction"]),
            (2, 0, rounds[1]["instruction"]),
            (2, 1, rounds[2]["instruction"]),
        ]
    refused = (await house.get(f"/jobs/{pairs[0]['job_id']}/rejections"))["data"]
    assert Counter(rejection["reason"] for rejection in refused) == {
        "leaked_annotation": 2,
        "asks_no_reason": 2,
        "earlier_round_refused": 4,
        "too_few_pairs": 2,
    }
    files = await export(house, pairs[0]["job_id"])
    stem = "SN_INS_scene0001_00_activity"
    assert files["SN_train.json"][f"{stem}0_round0"] == []
    assert files["SN_train.json"][f"{stem}2_round1"] == [f"{stem}2_round0"] * 2


async def test_frames_find_their_scene_and_go_out_with_its_rounds(house: House) -> None:
    items = await upload(house, SCENES)
    frame = encode(scene(seed=3))
    names = ["scene0000_00/color/0.jpg", "scene0000_00/color/20.jpg", "scene0000_00/color/40.jpg"]
    names += ["scene0000_00/frame-000060.color.jpg", "scene0001_00/color/0.jpg", "scene0001_00_color_000100.png"]
    archive = make_zip(dict.fromkeys([*names, "scene0001_00/depth/0.png"], frame))
    answer = await house.client.post(f"/datasets/{items[0]['dataset_id']}/images?name=frames.zip", content=archive)
    assert answer.status_code < 300, answer.text
    assert (answer.json()["missing"]["count"], answer.json()["counts"]["stored"]) == (0, 6)
    job = await house.post("/jobs", {"dataset_id": items[0]["dataset_id"]})
    await house.finish(f"/jobs/{job['id']}")
    order = {"job_id": job["id"], "format": "mimic-it", "images": "base64", "on_missing_images": "fail"}
    done = await house.finish(f"/exports/{(await house.post('/exports', order))['id']}")
    assert (done["state"], done["certificate"] and done["certificate"]["valid"]) == ("completed", True), done
    data = (await house.get(f"/exports/{done['id']}/files/SN_instructions.json"))["data"]
    found = data["SN_INS_scene0001_00_activity1_round2"]["image_ids"]
    assert found == ["SN_IMG_scene0001_00_color_000000", "SN_IMG_scene0001_00_color_000100"]
    pictures = await house.get(f"/exports/{done['id']}/files/SN.json")
    assert set(pictures) == {image_id for pair in data.values() for image_id in pair["image_ids"]}
    assert len(pictures) == 6


async def test_a_prompt_with_conversations_is_kept_and_shown_as_it_is_sent(house: House) -> None:
    items = await upload(house, SCENES)
    rounds = [{"instruction": "Why tea?", "response": "There is a kettle."}]
    content = [{"title": "Tea", "reason": "A kettle.", "rounds": rounds}, {"title": "Sleep", "rounds": rounds}]
    turns = [{"role": "user", "content": "a kettle"}, {"role": "assistant", "content": content}]
    prompt = await house.post("/prompts", {"name": "rooms", "system_message": "Look.", "in_context": turns})
    content[1]["reason"] = ""
    assert (await house.get(f"/prompts/{prompt['id']}"))["in_context"] == turns
    shown = await house.post(f"/prompts/{prompt['id']}/render", {"item_id": items[0]["id"]})
    assert json.loads(shown["messages"][2]["content"]) == {"conversations": content}
    assert '{"conversations"' in shown["messages"][0]["content"]


async def test_the_kind_tells_its_grammar(house: House) -> None:
    kind = await house.get("/kinds/scenes.SceneNavigation")
    assert (kind["reply_grammar"], kind["conversations"], kind["rounds"]) == ("conversations", 3, 3)


async def make_pairs(house: House, languages: list[str]) -> list[dict[str, Any]]:
    """The pairs of a finished job over the fixture, in all its languages."""
    items = await upload(house, SCENES)
    job = await house.post("/jobs", {"dataset_id": items[0]["dataset_id"], "languages": languages})
    job = await house.finish(f"/jobs/{job['id']}")
    assert (job["state"], job["reason"]) == ("completed", None)
    pairs: list[dict[str, Any]] = (await house.get(f"/pairs?job_id={job['id']}&language=*&limit=1000"))["data"]
    return pairs


def group(pairs: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The pairs of each scene by their ordinal."""
    scenes = defaultdict(list)
    for pair in sorted(pairs, key=lambda pair: pair["ordinal"]):
        scenes[pair["source_id"]].append(pair)
    return scenes
