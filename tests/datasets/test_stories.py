"""Albums, clips and funny videos: what is gathered from several records, and what of a record is refused."""

import io
import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from datasets.egocentric import Ego4D
from datasets.funqa import FunQA
from datasets.funqa_records import VideoShelf, tell_family, tell_part
from datasets.markup import strip_markup
from datasets.records import FileFormatError, QueryInput, RecordError
from datasets.registry import find_kind
from datasets.story_albums import MOST_PHOTOS, AlbumShelf, merge_orders
from datasets.video import VisualStoryTelling

Refused = list[tuple[str, str, str | None]]


def part(outcomes: Iterator[QueryInput | RecordError]) -> tuple[list[QueryInput], Refused]:
    found = list(outcomes)
    good = [outcome for outcome in found if isinstance(outcome, QueryInput)]
    bad = [(error.pointer, error.code, error.source_id) for error in found if isinstance(error, RecordError)]
    return good, bad


def test_an_album_holds_all_that_its_stories_tell_in_their_order(fixtures: Path) -> None:
    good, bad = part(VisualStoryTelling().iter_query_inputs(fixtures / "visual_story_telling.json"))
    assert good[0] == QueryInput(
        "100",
        "album title: By the sea\n"
        "album description: A day out. See more & enjoy\n\n"
        "image 1\ntitle: Kites & wind\ntags: beach, kite, summer\n"
        "annotation: We went to the beach <3 early.\nannotation: A day at the sea & in the sun.\n\n"
        "image 2\ntitle: DSC_2\nannotation: The wind was strong.\n\n"
        "image 3\ntitle: sandcastle\nannotation: Then the castle fell.",
        ("VST_IMG_5001", "VST_IMG_5002", "VST_IMG_5003"),
        19,
    )
    assert [(album.id, album.sentences, album.image_ids) for album in good[1:]] == [
        ("200", "image 1\nannotation: the dog slept .", ("VST_IMG_6001",)),
        ("300", "image 1\nannotation: It was told of a picture that is gone.", ("VST_IMG_9999",)),
    ]
    assert bad == [
        ("/images/4/id", "missing_field", None),
        ("/images/5/id", "repeated_id", "5001"),
        ("/images/6/title", "wrong_type", "6001"),
        ("/albums/1/id", "repeated_id", "100"),
        ("/albums/2/description", "wrong_type", "200"),
        ("/annotations/2/0/original_text", "empty_sentences", "100"),
        ("/annotations/8/0/photo_flickr_id", "missing_field", "100"),
        ("/annotations/9/0/original_text", "wrong_type", "100"),
        ("/annotations/10", "empty_sentences", None),
        ("/annotations/11", "wrong_type", None),
    ]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("indent", [None, 1])
def test_the_parts_of_a_story_file_may_come_in_any_order(fixtures: Path, seed: int, indent: int | None) -> None:
    file = json.loads((fixtures / "visual_story_telling.json").read_text())
    names = list(file)
    random.Random(seed).shuffle(names)
    shuffled = json.dumps({name: file[name] for name in names}, indent=indent).encode()
    wanted, _ = part(VisualStoryTelling().iter_query_inputs(fixtures / "visual_story_telling.json"))
    good, bad = part(VisualStoryTelling().iter_query_inputs(io.BytesIO(shuffled)))
    assert [(album.id, album.sentences, album.image_ids) for album in good] == [
        (album.id, album.sentences, album.image_ids) for album in wanted
    ]
    assert len(bad) == 10


def test_a_story_file_that_was_cut_off_gives_what_it_told() -> None:
    whole = b'{"annotations": [[{"album_id": 1, "photo_flickr_id": 2, "text": "a"}], [{"album_id": 1, "pho'
    good, bad = part(VisualStoryTelling().iter_query_inputs(io.BytesIO(whole)))
    assert [album.sentences for album in good] == ["image 1\nannotation: a"]
    assert [code for _, code, _ in bad] == ["torn_file"]


def test_orders_are_merged_so_that_each_story_reads_on() -> None:
    assert merge_orders([["a", "b", "c"], ["a", "x", "c"], ["y", "b"], ["p", "q"]]) == (
        "y",
        "a",
        "x",
        "b",
        "c",
        "p",
        "q",
    )
    assert merge_orders([["a", "b"], ["b", "a", "z"]]) == ("a", "b", "z")
    assert merge_orders([]) == ()


def test_an_album_of_far_too_many_pictures_is_refused_alone() -> None:
    lines = [
        json.dumps({"album_id": album, "photo_flickr_id": photo, "text": "a"}).encode()
        for album, count in (("1", MOST_PHOTOS + 1), ("2", MOST_PHOTOS))
        for photo in range(count)
    ]
    good, bad = part(VisualStoryTelling().iter_query_inputs(io.BytesIO(b"\n".join(lines)), "jsonl"))
    assert [(album.id, len(album.image_ids)) for album in good] == [("2", MOST_PHOTOS)]
    assert bad == [("", "too_many_images", "1")]


def test_a_file_that_tells_more_than_fits_is_refused() -> None:
    albums, videos = AlbumShelf(cap_bytes=500), VideoShelf(cap_bytes=500)
    albums.add_photo("1", "a title", "")
    albums.add_photo("2", "a title", "")
    videos.add("v", 1, None, "title", "a title")
    with pytest.raises(FileFormatError, match="split it"):
        albums.add_photo("3", "a title", "")
    with pytest.raises(FileFormatError, match="split it"):
        videos.add("w", 2, None, "title", "a title")


def test_a_story_file_is_held_in_about_as_much_memory_as_it_takes_on_disk() -> None:
    tracemalloc.start()
    shelf = AlbumShelf()
    written = 0
    for story in range(4_000):
        for place in range(5):
            photo = f"{story // 5:06d}{place:04d}"
            text = f"This is what story {story} tells of its picture number {place} on that long day."
            shelf.add_photo(photo, f"title of {photo}", "some, tags, here")
            shelf.add_sentence(f"album{story // 5}", str(story), place, photo, text, story)
            written += 420  # bytes of an annotation as published, without its picture
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < written
    assert sum(len(album.photo_ids) for album in shelf.take_albums()) == 4_000


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a &amp; b", "a & b"),
        ("&lt;b&gt;bold&lt;/b&gt; &amp;quot;x&amp;quot;", 'bold "x"'),
        ("one<br/>two\n\tthree\x00\x1f", "one two three"),
        ("I <3 you, 2 < 3 > 1", "I <3 you, 2 < 3 > 1"),
        ('<a href="http://x.example">here</a>', "here"),
        ("<!-- hidden -->shown", "shown"),
        ("  ", ""),
    ],
)
def test_markup_becomes_plain_text(markup: str, text: str) -> None:
    assert strip_markup(markup) == text


def test_a_clip_is_an_item_and_a_second_of_the_video_is_told_once(fixtures: Path) -> None:
    good, bad = part(Ego4D().iter_query_inputs(fixtures / "ego4d.json"))
    first = "E4D_IMG_0a1b-uid_0000000"
    assert good == [
        QueryInput(
            "0a1b-uid_0",
            "timestamp: 3\ndescription: #C C opens a drawer\nobjects: a white drawer; a wooden spoon\n"
            "description: #C C takes a spoon\ntimestamp: 5\ndescription: #C C closes the drawer",
            (f"{first}3", f"{first}4", f"{first}5"),
            2,
        ),
        QueryInput(
            "0a1b-uid_1",
            "description: #O a man A walks in\ntimestamp: 7\ndescription: #C C looks at the man",
            (f"{first}5", f"{first}6", f"{first}7"),
            2,
        ),
        QueryInput(
            "4e5f-uid_0",
            "timestamp: 3\ndescription: #C C walks\nobjects: a road",
            ("E4D_IMG_4e5f-uid_00000003",),
            22,
        ),
    ]
    place = "/0a1b-uid/clips"
    assert bad == [
        (f"{place}/1/narrations/1/text", "empty_sentences", "0a1b-uid_1"),
        (f"{place}/1/narrations/3/time", "wrong_type", "0a1b-uid_1"),
        (f"{place}/1/narrations/4/object_description", "wrong_type", "0a1b-uid_1"),
        (f"{place}/2/narrations", "empty_sentences", "0a1b-uid_2"),
        (f"{place}/3/narrations/0/time", "out_of_range", "0a1b-uid_3"),
        (f"{place}/4/narrations", "missing_field", "0a1b-uid_4"),
        ("/2c3d-uid/clips", "empty_sentences", "2c3d-uid"),
        ("/6a7b-uid", "wrong_type", "6a7b-uid"),
    ]


def test_a_clip_of_many_hours_is_refused_before_its_frames_are_counted() -> None:
    narrations = [{"time": time, "text": "#C C walks"} for time in (0, 80_000)]
    file = json.dumps({"a": {"clips": [{"narrations": narrations}, {"narrations": narrations[:1]}]}}).encode()
    good, bad = part(Ego4D().iter_query_inputs(io.BytesIO(file)))
    assert [clip.id for clip in good] == ["a_1"]
    assert bad == [("/a/clips/0/narrations", "too_long", "a_0")]


def test_a_day_of_narrations_is_one_record() -> None:
    narration = {"time": 1, "text": "#C C walks", "object_description": ["a long road " * 20]}
    file = json.dumps({"a": {"clips": [{"narrations": [narration] * 8_000}]}}).encode()
    assert len(file) > 2_000_000
    good, bad = part(Ego4D().iter_query_inputs(io.BytesIO(file)))
    assert (len(good), bad) == (1, [])


def test_records_of_a_video_are_gathered_wherever_they_stand(fixtures: Path) -> None:
    good, bad = part(FunQA().iter_query_inputs(fixtures / "funqa.json"))
    assert good == [
        QueryInput(
            "H_B_7_0001_0100",
            "about: humor\ndescription: A cat races a dog.\nreason: Nobody expects the cat to win.\n"
            "title: Nine lives, one lane.",
            (),
            2,
        ),
        QueryInput(
            "C_KT_2_0001_0100",
            "about: creativity\ndescription: A man folds a boat of paper & rows it.\ncreativity: 17 of 20",
            (),
            3,
        ),
        QueryInput(
            "M_K_3_0001_0100",
            "about: magic\ndescription: He shows a card and loses it.\nreason: The card was in his sleeve.",
            (),
            10,
        ),
    ]
    assert bad == [
        ("/7/output", "bad_score", "C_KT_2_0001_0100"),
        ("/9/instruction", "unknown_instruction", "M_K_3_0001_0100"),
        ("/12/output", "empty_sentences", "H_B_9_0001_0100"),
        ("/13/visual_input", "missing_field", None),
        ("", "empty_sentences", "H_B_8_0001_0100"),
    ]


@pytest.mark.parametrize(
    ("kind", "video"),
    [("HumorQA", "H_B_7_0001_0100"), ("CreativeQA", "C_KT_2_0001_0100"), ("MagicQA", "M_K_3_0001_0100")],
)
def test_a_collection_keeps_its_own_and_reports_the_others(fixtures: Path, kind: str, video: str) -> None:
    good, bad = part(find_kind(f"funqa.{kind}").open_query_inputs(fixtures / "funqa.json"))
    assert [item.id for item in good] == [video]
    assert "other_family" in {code for _, code, _ in bad}


def test_of_many_wordings_of_one_thing_three_are_taken() -> None:
    records = [
        {"instruction": "Describe the video.", "visual_input": "H_1.mp4", "output": f"{number} cats.", "task": "H2"}
        for number in (1, 2, 2, 3, 4)
    ]
    good, bad = part(FunQA().iter_query_inputs(io.BytesIO(json.dumps(records).encode())))
    assert good[0].sentences == "about: humor\ndescription: 1 cats.\ndescription: 2 cats.\ndescription: 3 cats."
    assert bad == []


@pytest.mark.parametrize(
    ("instruction", "wanted"),
    [
        ("Provide a detailed account of the video's funny moment.", "description"),
        ("Describe the laughter-provoking part of the video.", "description"),
        ("Give a narration of the humorous segment in the video.", "description"),
        ("Please describe the magic trick in the video in detail.", "description"),
        ("What is happening in the creative part?", "description"),
        ("What makes the entire video funny?", "reason"),
        ("Why is the video as a whole comedic?", "reason"),
        ("What factors create the humor throughout the video?", "reason"),
        ("Explain in detail how the magic trick works.", "reason"),
        ("How is the trick done?", "reason"),
        ("What is the reason for the counter-intuitive effect?", "reason"),
        ("Give a suitable description for the video.", "title"),
        ("Suggest a caption that captures the humor in the video.", "title"),
        ("Write a humorous title for this video.", "title"),
        ("What is the creativity score of this video, from 0 to 20?", "score"),
        ("How creative is the video? Rate it.", "score"),
        ("Locate the funny moment of the video.", "moment"),
        ("When does the magic happen?", "moment"),
        ("Give the start and end of the creative segment.", "moment"),
        ("Sing along!", None),
        ("", None),
    ],
)
def test_an_instruction_is_told_by_its_words(instruction: str, wanted: str | None) -> None:
    assert tell_part(instruction, "") == wanted


def test_a_task_speaks_where_words_do_not_and_names_the_collection_first() -> None:
    assert (tell_part("Go on.", "M3"), tell_part("Go on.", "X3"), tell_part("Give it a title.", "M3")) == (
        "reason",
        None,
        "title",
    )
    assert tell_family("Why is it funny?", "C2", "M_1") == "creativity"
    assert tell_family("Why is it funny?", "", "M_1") == "magic"
    assert tell_family("Why is it funny?", "", "video1") == "humor"
    assert tell_family("Why?", "", "video1") is None


@pytest.mark.parametrize(
    ("kind", "file_name", "image_id"),
    [
        ("video.DenseCaptions", "v_x/12.jpg", "DC_IMG_v_x_0012"),
        ("video.DenseCaptions", "frames/v_x/frame_00012.png", "DC_IMG_v_x_0012"),
        ("video.DenseCaptions", "v_x_0012.jpg", "DC_IMG_v_x_0012"),
        ("video.DenseCaptions", "DC_IMG_v_x_0012.png", "DC_IMG_v_x_0012"),
        ("video.TVCaptions", "s02e14_seg02_clip_02/00003.jpg", "TVC_IMG_bbt_s02e14_seg02_clip_02_0003"),
        ("video.TVCaptions", "castle_s01e01_seg02_clip_00/00003.jpg", "TVC_IMG_castle_s01e01_seg02_clip_00_0003"),
        ("egocentric.Ego4D", "0a1b-uid/3.jpg", "E4D_IMG_0a1b-uid_00000003"),
        ("egocentric.Ego4D", "0a1b-uid_00000003.jpg", "E4D_IMG_0a1b-uid_00000003"),
        ("funqa.HumorQA", "H_A_1_0001_0100/0003.jpg", "FUNQA_IMG_H_A_1_0001_0100_0003"),
        ("funqa.FunQA", "cover.jpg", "FUNQA_IMG_cover"),
        ("video.VisualStoryTelling", "44277/1741642.jpg", "VST_IMG_1741642"),
        ("video.VisualStoryTelling", "1741642_3fab_o.jpg", "VST_IMG_1741642"),
        ("video.VisualStoryTelling", "VST_IMG_1741642.png", "VST_IMG_1741642"),
    ],
)
def test_an_uploaded_file_gets_the_published_id(kind: str, file_name: str, image_id: str) -> None:
    assert find_kind(kind).cls.image_id_of(file_name) == image_id


def test_a_frame_of_a_cut_video_gets_the_id_that_its_item_lists() -> None:
    cut = {kind: find_kind(kind).cls.frame_id_of("s02e14_x", 7) for kind in ("video.TVCaptions", "video.DenseCaptions")}
    assert cut == {"video.TVCaptions": "TVC_IMG_bbt_s02e14_x_0007", "video.DenseCaptions": "DC_IMG_s02e14_x_0007"}
    assert Ego4D.frame_id_of("u", 7) == "E4D_IMG_u_00000007"
    assert FunQA.frame_id_of("H_1", 7) == f"{FunQA.image_prefix('H_1')}0007"
    assert find_kind("video.DenseCaptions").cls.image_prefix("v_x") is None


def test_pairs_of_videos_clips_and_albums_relate_by_their_source() -> None:
    kinds = ("video.DenseCaptions", "video.TVCaptions", "video.VisualStoryTelling", "egocentric.Ego4D", "funqa.MagicQA")
    assert {(find_kind(kind).relation_rule, find_kind(kind).train_rule) for kind in kinds} == {
        ("same_source", "related")
    }
    assert [find_kind(kind).fewest_pairs for kind in ("egocentric.Ego4D", "funqa.FunQA")] == [6, 1]
