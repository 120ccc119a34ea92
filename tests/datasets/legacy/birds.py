# ruff: noqa: PERF401, PLC0415 - it is kept in the manner of the original
"""
This file contains the implementation of the BirdSounds, BirdPictures and BirdStream datasets.
"""

import json

from abstract_dataset import AbstractDataset


class BirdSounds(AbstractDataset):
    def __init__(
        self,
        name: str = "BirdSounds",
        prompt_path: str = "prompts/birds.json",
        query_inputs_path: str = "annotations/birds/train.json",
    ):
        super().__init__(name, prompt_path, query_inputs_path)
        self.count = len(self.query_inputs)

    def _load_prompt(self, path):
        with open(path) as f:
            json_data = json.load(f)
        examples = []
        for number, example in enumerate(json_data["examples"]):
            examples.append({"role": "user", "content": f"{number}: " + example["notes"]})
            examples.append({"role": "assistant", "content": example["talk"]})
        return {"system_message": " ".join(json_data["rules"]), "in_context": examples}

    def _load_query_inputs(self, path: str) -> list[dict[str, str]]:
        with open(path) as f:
            json_data = json.load(f)
        results = []
        for bird in json_data:
            results.append({"id": bird["bird"], "sentences": "\n".join(bird["notes"])})
        return results


class BirdPictures(AbstractDataset):
    def __init__(
        self,
        name: str = "BirdPictures",
        in_context_path: str = "prompts/bird_pictures.json",
        annotation_path: str = "annotations/birds/train.json",
    ):
        super().__init__(name, in_context_path, annotation_path)

    def _load_query_inputs(self, path: str) -> list[dict[str, str]]:
        from abstract_dataset import AbstractDataset as Again

        assert isinstance(self, Again)
        query_inputs = []
        with open(path) as f:
            for bird in json.load(f):
                query_inputs.append(
                    {"id": bird["number"], "sentences": bird["notes"][0], "image_ids": [f"bird_{bird['number']}"]}
                )
        return query_inputs


class BirdStream(AbstractDataset):
    def __init__(self, annotation_path: str = "birds.jsonl", **kwargs):
        super().__init__(query_inputs_path=annotation_path, **kwargs)

    def _load_prefix(self, path):
        return {"system_message": f"Talk about birds ({path[-17:]}).", "in_context": []}

    def _load_query_inputs(self, path):
        with open(path) as f:
            for line in f:
                yield json.loads(line)


class BirdsInOrder(AbstractDataset):
    def __init__(self, *args):
        super().__init__(*args)

    def _load_query_inputs(self, path):
        return [{"id": 1, "sentences": path}]
