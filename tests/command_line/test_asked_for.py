"""Numbers of pairs and the choice of examples, from the command line."""

from tests.command_line.conftest import CommandLine


async def test_exactly_as_many_pairs_as_were_asked_for(command_line: CommandLine) -> None:
    path = command_line.write_items(6)
    ended = await command_line.run(
        *("--query_inputs_path", path, "--pairs_per_item", "1", "--target_pairs", "4", "--output_folder", "out"),
        *("--examples", "coverage", "--examples_k", "1", "--examples_max_tokens", "900"),
    )
    assert ended.status == 0, ended.err
    assert [len(entry["pairs"]) for entry in command_line.read("valid_output.json", "out")] == [1, 1, 1, 1]
    counts = command_line.read("meta.json", "out")["counts"]
    assert (counts["pairs"], counts["items"]["skipped"], counts["missing_pairs"]) == (4, 2, 0)


async def test_a_number_that_the_items_do_not_give_is_told_with_status_1(command_line: CommandLine) -> None:
    path = command_line.write_items(2)
    ended = await command_line.run("--query_inputs_path", path, "--target_pairs", "9", "--output_folder", "out")
    assert ended.status == 1
    assert "4 of 9 pairs, every item was asked" in ended.err


async def test_other_numbers_are_another_run(command_line: CommandLine) -> None:
    path = command_line.write_items(1)
    arguments = ("--query_inputs_path", path)
    plain = await command_line.place(*arguments)
    counted = await command_line.place(*arguments, "--pairs_per_item", "3")
    assert counted.is_new
    assert not (await command_line.place(*arguments, "--pairs_per_item", "3")).is_new
    assert (await command_line.place(*arguments)).job_id == plain.job_id


async def test_a_choice_of_examples_that_is_none_is_refused(command_line: CommandLine) -> None:
    ended = await command_line.run("--query_inputs_path", command_line.write_items(1), "--examples", "best")
    assert ended.status == 2
    assert "invalid choice: 'best'" in ended.err
