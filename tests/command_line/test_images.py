"""Pictures that a run brings along with its annotations."""

import json
from pathlib import Path

from sqlalchemy import select

from app.store.models import Dataset, Image
from app.store.session import Sessions
from tests.command_line.conftest import CommandLine
from tests.images.archives import make_tar, make_zip, pair_files


def _write(folder: Path) -> tuple[str, ...]:
    records = [{"img_id": str(number), "sentences": ["The red car is gone."]} for number in (1, 2, 3)]
    (folder / "train.json").write_text(json.dumps(records))
    pictures = folder / "pictures"
    (pictures / "deep").mkdir(parents=True)
    for name, data in pair_files(1).items():
        (pictures / "deep" / name).write_bytes(data)
    (pictures / "two.zip").write_bytes(make_zip({"2.png": pair_files(2)["2.png"]}))
    (pictures / "more.tar.gz").write_bytes(make_tar({"2_2.png": pair_files(2)["2_2.png"]}, "w:gz"))
    (pictures / "readme.txt").write_text("hello")
    return ("--name", "change.SpotTheDifference", "--query_inputs_path", "train.json", "--images", "pictures")


async def test_a_folder_of_pictures_and_archives_goes_with_the_dataset(
    command_line: CommandLine, sessions: Sessions
) -> None:
    arguments = _write(command_line.folder)
    ended = await command_line.run(*arguments)
    assert ended.status == 0, ended.err
    assert "Pictures: 4 taken, 0 were there, 2 are missing, 1 refused, 'readme.txt' first:" in ended.err
    async with sessions() as session:
        dataset = (await session.execute(select(Dataset))).scalar_one()
        ids = sorted(image.image_id for image in (await session.execute(select(Image))).scalars())
    assert ids == ["SD_IMG_00001_1", "SD_IMG_00001_2", "SD_IMG_00002_1", "SD_IMG_00002_2"]
    assert (dataset.images, dataset.images_uploaded, dataset.images_matched) == (6, 4, 4)
    again = await command_line.run(*arguments)
    assert "Pictures: 0 taken, 4 were there" in again.err


async def test_a_folder_that_is_not_there_is_told_in_one_line(command_line: CommandLine) -> None:
    _write(command_line.folder)
    ended = await command_line.run("--query_inputs_path", "train.json", "--images", "nowhere")
    assert (ended.status, ended.line) == (2, "main.py: There is nothing at 'nowhere' (--images).")
