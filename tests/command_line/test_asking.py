"""A person at the terminal who presses Ctrl-C at the worst moment."""

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from workers.command_line.cold_start.reviewing import Answer, Person

_SHOWN = {"pairs": [{"instruction": "What is it?", "response": "A van."}], "conversations": []}


class InterruptingScreen:
    """Presses Ctrl-C as soon as something has been shown, before anybody waits for an answer."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def keyboard() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_ctrl_c_between_the_question_and_the_wait_is_quit(
    keyboard: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(sys, "stdout", InterruptingScreen())
    assert Person(keyboard[0]).ask("a candidate", _SHOWN) == (Answer.QUIT, None)
    assert signal.getsignal(signal.SIGINT) is before


def test_lines_that_came_at_once_answer_one_question_each(keyboard: tuple[int, int]) -> None:
    os.write(keyboard[1], "s\nwhat?\nr pas exact, c’est un vélo\nq\n".encode())
    person = Person(keyboard[0])
    assert person.ask("a candidate", _SHOWN) == (Answer.SKIPPED, None)
    answer, decision = person.ask("another", _SHOWN)
    assert decision is not None
    assert (answer, decision.status, decision.note) == (Answer.DECIDED, "rejected", "pas exact, c’est un vélo")
    assert person.ask("a third", _SHOWN) == (Answer.QUIT, None)


def test_ctrl_c_in_the_editor_is_the_editors(keyboard: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} -c 'import os, signal; os.kill(os.getppid(), signal.SIGINT)'")
    os.write(keyboard[1], b"e\ns\n")
    assert Person(keyboard[0]).ask("a candidate", _SHOWN) == (Answer.SKIPPED, None)


@pytest.mark.parametrize("editor", ["/nowhere/vi", "vi 'torn"])
def test_an_editor_that_cannot_be_started_is_told_and_the_question_comes_again(
    keyboard: tuple[int, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], editor: str
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    os.write(keyboard[1], b"e\ns\n")
    assert Person(keyboard[0]).ask("a candidate", _SHOWN) == (Answer.SKIPPED, None)
    assert f"The editor {editor!r} cannot be used: " in capsys.readouterr().out
