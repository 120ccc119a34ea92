"""Replies as models really write them."""

from collections.abc import Callable

import pytest

from app.pipeline.formats import MAX_PAIRS, parse_reply
from app.pipeline.values import Pair

_TWO = (Pair("What?", "A dog."), Pair("Where?", "Up a hill."))

SPELLINGS = {
    "one newline between pairs": "Question: What?\nAnswer: A dog.\nQuestion: Where?\nAnswer: Up a hill.",
    "two newlines": "Question: What?\nAnswer: A dog.\n\nQuestion: Where?\nAnswer: Up a hill.",
    "short labels": "Q: What?\nA: A dog.\n\nQ: Where?\nA: Up a hill.",
    "numbered labels": "Q1. What?\nA1. A dog.\nQ2. Where?\nA2. Up a hill.",
    "numbered labels with colons": "Q1: What?\nA1: A dog.\n\nQ2: Where?\nA2: Up a hill.",
    "numbered words": "Question 1: What?\nAnswer 1: A dog.\nQuestion #2: Where?\nAnswer #2: Up a hill.",
    "lower case": "question: What?\nanswer: A dog.\n\nquestion: Where?\nanswer: Up a hill.",
    "a numbered list": "1. Question: What?\n   Answer: A dog.\n2. Question: Where?\n   Answer: Up a hill.",
    "a bulleted list": "- Question: What?\n- Answer: A dog.\n- Question: Where?\n- Answer: Up a hill.",
    "numbered questions": "1. What?\nAnswer: A dog.\n\n2. Where?\nAnswer: Up a hill.",
    "numbers alone": "1. What?\nA dog.\n\n2. Where?\nUp a hill.",
    "bold labels": "**Question:** What?\n**Answer:** A dog.\n\n**Question:** Where?\n**Answer:** Up a hill.",
    "bold without colon": "**Question**: What?\n**Answer**: A dog.\n**Question**: Where?\n**Answer**: Up a hill.",
    "bold numbers": "**Q1.** What?\n**A1.** A dog.\n**Q2.** Where?\n**A2.** Up a hill.",
    "all in bold": "**Question: What?**\nAnswer: A dog.\n\n**Question: Where?**\nAnswer: Up a hill.",
    "a bold list": "1. **Question:** What?\n   **Answer:** A dog.\n2. **Question:** Where?\n   **Answer:** Up a hill.",
    "headings": "### Question 1\nWhat?\n### Answer 1\nA dog.\n\n### Question 2\nWhere?\n### Answer 2\nUp a hill.",
    "rules between": "Question: What?\nAnswer: A dog.\n\n---\n\nQuestion: Where?\nAnswer: Up a hill.\n\n---",
    "titles between": "**Pair 1**\nQuestion: What?\nAnswer: A dog.\n\n**Pair 2**\nQuestion: Where?\nAnswer: Up a hill.",
    "no space": "Question:What?\nAnswer:A dog.\n\nQuestion:Where?\nAnswer:Up a hill.",
    "label on its own line": "Question:\nWhat?\nAnswer:\nA dog.\n\nQuestion:\nWhere?\nAnswer:\nUp a hill.",
    "on one line": "Question: What? Answer: A dog.\nQuestion: Where? Answer: Up a hill.",
    "a fence": "```\nQuestion: What?\nAnswer: A dog.\n\nQuestion: Where?\nAnswer: Up a hill.\n```",
    "fences": "```text\nQuestion: What?\nAnswer: A dog.\n```\n\n```text\nQuestion: Where?\nAnswer: Up a hill.\n```",
    "a preamble": "Sure, two pairs:\n\nQuestion: What?\nAnswer: A dog.\n\nQuestion: Where?\nAnswer: Up a hill.",
    "rounds": "User: What?\nAssistant: A dog.\nUser: Where?\nAssistant: Up a hill.",
    "human and AI": "Human: What?\nAI: A dog.\n\nHuman: Where?\nAI: Up a hill.",
    "instructions": "Instruction: What?\nResponse: A dog.\n\nInstruction: Where?\nResponse: Up a hill.",
    "instruction and output": "Instruction: What?\nOutput: A dog.\nInstruction: Where?\nOutput: Up a hill.",
    "mixed families": "Instruction: What?\nAnswer: A dog.\nInstruction: Where?\nAnswer: Up a hill.",
    "wide colons": "Question：What?\nAnswer：A dog.\n\nQuestion：Where?\nAnswer：Up a hill.",
    "Windows newlines": "Question: What?\r\nAnswer: A dog.\r\n\r\nQuestion: Where?\r\nAnswer: Up a hill.\r\n",
    "json": '{"pairs":[{"instruction":"What?","response":"A dog."},{"instruction":"Where?","response":"Up a hill."}]}',
    "a json list": '[{"Question":"What?","Answer":"A dog."},{"Question":"Where?","Answer":"Up a hill."}]',
    "lower json": '[{"question":"What?","answer":"A dog."},{"question":"Where?","answer":"Up a hill."}]',
    "output json": '[{"instruction":"What?","output":"A dog."},{"instruction":"Where?","output":"Up a hill."}]',
    "json answer first": '[{"answer":"A dog.","question":"What?"},{"answer":"Up a hill.","question":"Where?"}]',
    "json numbered": '{"Question 1":"What?","Answer 1":"A dog.","Question 2":"Where?","Answer 2":"Up a hill."}',
    "json rounds": '[{"role":"user","content":"What?"},{"role":"assistant","content":"A dog."},'
    '{"from":"human","value":"Where?"},{"from":"gpt","value":"Up a hill."}]',
    "json halves": '[{"Question":"What?"},{"Answer":"A dog."},{"Question":"Where?"},{"Answer":"Up a hill."}]',
    "json nested": '{"x":[{"id":1,"pair":{"q":"What?","a":"A dog."}},{"id":2,"pair":{"q":"Where?","a":"Up a hill."}}]}',
    "json lines": '{"question":"What?","answer":"A dog."}\n{"question":"Where?","answer":"Up a hill."}',
    "fenced json": 'Here is the JSON:\n```json\n[{"Question": "What?", "Answer": "A dog."},\n{"Question": "Where?", '
    '"Answer": "Up a hill."}]\n```\nLet me know if you need more!',
    "json on the preamble's line": 'Here you go: [{"q":"What?","a":"A dog."},{"q":"Where?","a":"Up a hill."}]',
    "trailing commas": '[{"question":"What?","answer":"A dog.",},{"question":"Where?","answer":"Up a hill.",},]',
    "single quotes": "[{'question': 'What?', 'answer': 'A dog.'}, {'question': 'Where?', 'answer': 'Up a hill.'}]",
    "bare keys": '[{question: "What?", answer: "A dog."}, {question: "Where?", answer: "Up a hill."}]',
    "a label before json": 'A:\n[{"question":"What?","answer":"A dog."},{"question":"Where?","answer":"Up a hill."}]',
    "Chinese": "问题：What?\n回答：A dog.\n\n问题：Where?\n回答：Up a hill.",
    "Chinese, short": "问：What?\n答：A dog.\n问：Where?\n答：Up a hill.",
    "Japanese": "質問：What?\n回答：A dog.\n\n質問：Where?\n回答：Up a hill.",
    "Korean": "질문: What?\n답변: A dog.\n\n질문: Where?\n답변: Up a hill.",
    "Spanish": "Pregunta: What?\nRespuesta: A dog.\n\nPregunta: Where?\nRespuesta: Up a hill.",
    "German": "Frage 1: What?\nAntwort 1: A dog.\n\nFrage 2: Where?\nAntwort 2: Up a hill.",
    "French": "Question : What?\nRéponse : A dog.\n\nQuestion : Where?\nRéponse : Up a hill.",
    "Arabic": "السؤال: What?\nالجواب: A dog.\n\nسؤال: Where?\nجواب: Up a hill.",
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_spelling_in_use_is_read(spelling: str) -> None:
    parsed = parse_reply(SPELLINGS[spelling])
    assert parsed.pairs == _TWO
    assert parsed.rejections == ()


def test_an_answer_keeps_its_paragraphs_lists_and_colons() -> None:
    answer = "Parts:\n\n1. The head: small.\n2. The tail.\n\n- one\n- two\n\nNote: `A: x` is code\nUser: hello"
    parsed = parse_reply(f"Question: What?\nAnswer: {answer}\n\nQuestion: Where?\nAnswer: Up a hill.")
    assert parsed.pairs == (Pair("What?", answer), _TWO[1])


def test_an_answer_keeps_its_code_blocks_inside_a_fenced_reply() -> None:
    parsed = parse_reply("```\nQuestion: How?\nAnswer: So:\n```py\nx = 1\n```\n```")
    assert parsed.pairs == (Pair("How?", "So:\n```py\nx = 1\n```"),)


_CLOSINGS = [
    "I hope this helps!",
    "I hope these question-answer pairs are helpful.",
    "Hope this helps! Let me know if there is anything else.",
    "Let me know if you need more pairs.",
    "Please let me know if you’d like me to go on.",
    "Feel free to ask for changes.",
    "Please don't hesitate to reach out.",
    "If you need any further pairs, just say so.",
    "If you'd like more questions, tell me.",
    "Is there anything else you want to know?",
    "Would you like me to write more of them?",
    "These question-answer pairs cover all remarks.",
    "**I hope this helps!**",
    "I hope this helps!\n\nLet me know if you need more.",
    "I hope this helps!\nFeel free to ask for more.",
]


@pytest.mark.parametrize("closing", _CLOSINGS)
@pytest.mark.parametrize("spelling", ["two newlines", "numbers alone", "a fence", "rules between"])
def test_words_to_the_reader_after_the_last_pair_are_refused_by_themselves(closing: str, spelling: str) -> None:
    parsed = parse_reply(f"{SPELLINGS[spelling]}\n\n{closing}")
    assert parsed.pairs == _TWO
    assert [(refused.reason, refused.text) for refused in parsed.rejections] == [("chatter", closing)]


@pytest.mark.parametrize("answer", [
    "A dog.\nLet me know if you need more.",
    "A dog. I hope this helps!",
    "A dog.\n\nI hope this helps!\n\nIt is brown.",
    "A dog.\n\nI hope the dog finds its way home.",
    "Let me know if you see it.",
    "Two signs:\n\nFeel free to sit down, says one.",
    "A dog.\n\nIf you like dogs, look at its ears.",
    "It asks:\n\nWould you like me to fetch it?",
])  # fmt: skip
def test_words_that_belong_to_an_answer_stay_in_it(answer: str) -> None:
    parsed = parse_reply(f"Question: What?\nAnswer: {answer}")
    assert (parsed.pairs, parsed.rejections) == ((Pair("What?", answer),), ())


def test_an_answer_that_is_nothing_but_words_to_the_reader_is_kept_for_the_rules() -> None:
    parsed = parse_reply("Question: What?\nAnswer:\n\nLet me know if you need more.")
    assert parsed.pairs == (Pair("What?", "Let me know if you need more."),)


def test_a_choice_marked_a_is_no_answer_where_answers_are_spelled_out() -> None:
    parsed = parse_reply("Question: Which?\nA: a cat\nB: a dog\nAnswer: B")
    assert parsed.pairs == (Pair("Which?\nA: a cat\nB: a dog", "B"),)


def test_the_task_and_what_it_is_about_are_one_instruction() -> None:
    parsed = parse_reply('[{"instruction": "Describe it.", "input": "the left part", "output": "A tree."}]')
    assert parsed.pairs == (Pair("Describe it.\nthe left part", "A tree."),)


@pytest.mark.parametrize(
    ("text", "reasons", "kept"),
    [
        ("", ["empty"], 0),
        ("  \n\0 ", ["empty"], 0),
        ("[]", ["empty"], 0),
        ("I will not do this.", ["unparseable"], 0),
        ("Question: What?\nAnswer:", ["empty"], 0),
        ("Question: What?", ["missing_answer"], 0),
        ("Question: What?\nQuestion: Who?\nAnswer: Me.", ["missing_answer"], 1),
        ("Question: What?\nAnswer: That.\nAnswer: This.", ["missing_question"], 1),
        ('[{"question": "What?"}]', ["missing_answer"], 0),
        ('[{"answer": "That."}]', ["missing_question"], 0),
        ('[{"question": "What?", "answer": ""}]', ["empty"], 0),
        ('[{"question": "What?", "answer": null}]', ["empty"], 0),
        ('[{"question": "What?", "answer": {"a": 1}}]', ["unparseable", "missing_answer"], 0),
        ('[{"colour": "red"}, {"question": "What?", "answer": "That."}]', ["unparseable"], 1),
        ("A dog stands on a hill. Is it alone?\nIt is.\n\nQuestion: What?\nAnswer: That.", ["unparseable"], 1),
    ],
)
def test_what_is_no_pair_is_refused_with_a_reason(text: str, reasons: list[str], kept: int) -> None:
    parsed = parse_reply(text)
    assert [rejection.reason for rejection in parsed.rejections] == reasons
    assert len(parsed.pairs) == kept


@pytest.mark.parametrize(
    "text",
    [
        "Question: What?\nAnswer: A dog.\n\nQuestion: Where?\nAnswer: On a",
        "Question: What?\nAnswer: A dog.\n\nQuestion: Where",
        "Question: What?\nAnswer: A dog.\n\nQuestion: Where?\nAnswer:",
        "1. What?\nA dog.\n2. Where?\nOn a",
        '{"pairs":[{"instruction":"What?","response":"A dog."},{"instruction":"Where?","resp',
        '{"pairs":[{"instruction":"What?","response":"A dog."},{"instruction":"Where?","response":"On',
        '{"pairs":[{"instruction":"What?","response":"A dog."},{',
        '```json\n[{"question": "What?", "answer": "A dog."}, {"question": "Where?", "answer": "Up a hill."',
    ],
)
def test_a_reply_cut_off_keeps_whole_pairs_and_refuses_the_torn_one(text: str) -> None:
    parsed = parse_reply(text, truncated=True)
    assert parsed.pairs == _TWO[:1]
    assert [rejection.reason for rejection in parsed.rejections] == ["truncated"]
    assert parsed.rejections[0].text or text.endswith("{")


def test_json_cut_off_between_pairs_loses_nothing() -> None:
    parsed = parse_reply('{"pairs":[{"instruction":"What?","response":"A dog."},', truncated=True)
    assert (parsed.pairs, parsed.rejections) == (_TWO[:1], ())


def test_json_that_closes_is_whole_even_when_the_reply_was_cut() -> None:
    assert parse_reply(SPELLINGS["json"], truncated=True).pairs == _TWO


def test_nul_and_lone_surrogates_never_reach_a_pair() -> None:
    parsed = parse_reply("Question: a\0b\ud800\nAnswer: \ud83d\ude00")
    assert parsed.pairs == (Pair("ab\ufffd", "😀"),)
    assert parse_reply('[{"q": "a\\u0000b", "a": "c\\ud800"}]').pairs == (Pair("ab", "c\ufffd"),)


_MIB = 1 << 20
_HOSTILE = {
    "closings": lambda: "Q:x\nA:y" + "\n\nI hope this helps!" * (_MIB // 20),
    "newlines": lambda: "x" + "\n" * _MIB + "x",
    "spaces": lambda: "x\n" + " " * _MIB + "x",
    "questions": lambda: "Q:\n" * (_MIB // 3),
    "answers": lambda: "A:x\n" * (_MIB // 4),
    "pairs": lambda: "Q:a\nA:b\n" * (_MIB // 8),
    "stars": lambda: "*" * _MIB,
    "brackets": lambda: "[" * _MIB,
    "empty objects": lambda: "[" + "{}," * (_MIB // 3),
    "escaped quotes": lambda: '{"' + '\\"' * (_MIB // 2),
    "quotes": lambda: '["' + '"a' * (_MIB // 2),
    "rules": lambda: "Q:x\nA:y\n" + "---\n" * (_MIB // 4),
    "entries": lambda: "1. a?\n b\n" * (_MIB // 9),
    "backslashes": lambda: "\\\n" * (_MIB // 2),
    "fences": lambda: "```\nQ:a\nA:" + "```\n" * (_MIB // 4),
    "single quotes": lambda: "[" + "{'question':'x','answer':'y'}," * (_MIB // 30),
    "open objects": lambda: '{"a":' * (_MIB // 5),
    "json lines": lambda: '{"question":"x","answer":"y"}\n' * (_MIB // 30),
}  # fmt: skip


@pytest.mark.parametrize("name", _HOSTILE)
def test_a_hostile_mebibyte_is_read_into_a_bounded_number_of_pieces(name: str) -> None:
    """A quadratic reader would need minutes for any of these: the suite itself would show it."""
    make: Callable[[], str] = _HOSTILE[name]
    parsed = parse_reply(make())
    assert len(parsed.pairs) <= MAX_PAIRS
    assert len(parsed.rejections) <= 2 * MAX_PAIRS + 2
