"""The words that announce a question or an answer, in eight languages, and the line patterns built from them.

A family is a set of labels used together in one reply: a reply that opens with "Question:" may hold a line
"User: …" or "A: …" inside an answer, and there it is text.
"""

import re

from app.pipeline.formats.reading import Role

_FAMILIES: tuple[tuple[str, str, str], ...] = (
    (
        "question",
        "question|pregunta|frage|问题|提问|问|問題|問|質問|問い|질문|문제|سؤال|السؤال",
        "answer|respuesta|réponse|reponse|antwort|答案|回答|答复|答|答え|답변|대답|답|جواب|الجواب|إجابة|الإجابة|اجابة",
    ),
    (
        "instruction",
        "instruction|instrucción|instruccion|anweisung|anleitung|指令|指示|지시|지시사항|명령|تعليمات|التعليمات|تعليمة|التعليمة",
        "response|output|respuesta|réponse|reponse|antwort|回应|回复|响应|輸出|输出|応答|返答|回答|응답|답변|رد|الرد|استجابة|الاستجابة",
    ),
    (
        "user",
        "user|human|usuario|nutzer|benutzer|utilisateur|用户|ユーザー|사용자|المستخدم|مستخدم",
        "assistant|ai|ai assistant|gpt|asistente|assistent|助手|助理|アシスタント|어시스턴트|도우미|المساعد|مساعد",
    ),
    ("q-a", "q", "a"),
    ("q-r", "q", "r"),
    ("p-r", "p", "r"),
    ("f-a", "f", "a"),
)

_MARGIN = r"[ \t\u3000\u00a0]*+"
_COLON = r"[:：﹕︰]"
_BOLD = r"(?:\*\*|__|\*)"


def _collect_words(column: int) -> dict[str, frozenset[str]]:
    families: dict[str, set[str]] = {}
    for family in _FAMILIES:
        for word in family[column].split("|"):
            families.setdefault(word, set()).add(family[0])
    return {word: frozenset(names) for word, names in families.items()}


FAMILIES_OF = {Role.QUESTION: _collect_words(1), Role.ANSWER: _collect_words(2)}


def role_of_word(word: str) -> Role | None:
    """Which half a label's word announces, or None for any other word."""
    word = word.casefold()
    return next((role for role, words in FAMILIES_OF.items() if word in words), None)


def _alternation(role: Role) -> str:
    return "|".join(sorted(map(re.escape, FAMILIES_OF[role]), key=len, reverse=True))


# A label, from the margin of its line to the text it announces. Quotes, list marks, heading marks and a number
# may stand before it; a number, bold marks and a colon after it. Without a colon it needs a number or marks.
_LABEL_BODY = rf"""
(?:>[ \t]?)?
(?:(?:[-•+]|\*(?!\*)|\d{{1,4}}[.)、．]|\(\d{{1,4}}\))[ \t]*+)?
(?P<heading>\#{{1,6}}[ \t]*+)?
(?P<bold>{_BOLD})?[ \t]?
(?:\d{{1,4}}[.)][ \t]*+)?
(?:(?P<question>{_alternation(Role.QUESTION)})|(?P<answer>{_alternation(Role.ANSWER)}))
(?P<number>[ \t_]?[\#(№]?\d{{1,4}}\)?)?
(?:
    (?(bold)(?P<closed>[ \t]?{_BOLD}[ \t]?{_COLON}|[ \t]?{_COLON}[ \t]?{_BOLD})|(?!))
  | [ \t\u00a0]?{_COLON}(?!//)
  | (?(number)(?:[.)、．](?!\d)|[ \t][-–—][ \t])|(?!))(?(bold){_BOLD}?)
  | (?(bold){_BOLD}|(?!))[ \t]*+$
  | (?(heading)[ \t]*+|(?!))$
  | (?(number)[ \t]*+|(?!))$
)
"""
# Lines that stand between pairs and belong to none: rules, "Pair 2", "### Conversation 3", a bare number.
_DIVIDER_BODY = rf"""
(?:
    (?:-[ \t]?){{3,80}} | (?:\*[ \t]?){{3,80}} | (?:_[ \t]?){{3,80}} | ={{3,80}}
  | (?:\#{{1,6}}[ \t]*+)? {_BOLD}? (?:(?:question[- ]answer[ \t])?pair|q\ ?&\ ?a|qa|example|conversation|round|set)
    (?:[ \t]?(?:pair)?[ \t]?\#?\d{{1,4}}) {_COLON}? {_BOLD}? {_COLON}?
  | (?:\#{{1,6}}[ \t]*+)? {_BOLD}? \d{{1,4}}[.)] {_BOLD}?
  | \#{{1,6}}
)[ \t]*+$
"""
_FENCE_BODY = r"(?:```+|~~~+)[ \t]*+[\w+-]{0,32}[ \t]*+$"
# Words to the reader after the last pair. Only what says nothing about the picture stands here; any line of a text
# that begins like this is escaped.
_CLOSING_BODY = r"""
[*_]{0,3}
(?:
    (?:i[ ](?:really[ ])?)?hope[ ](?:that[ ])?(?:this|these|it|they)(?:[ ][\w-]+){0,4}?[ ]
    (?:helps?|helpful|useful|what[ ]you[ ](?:need|wanted|were[ ]looking[ ]for|had[ ]in[ ]mind))
  | (?:please[ ])?let[ ]me[ ]know[ ]if[ ](?:you|there|any|this|these)
  | (?:please[ ])?feel[ ]free[ ]to[ ](?:ask|reach[ ]out|let[ ]me[ ]know|request|contact)
  | (?:please[ ])?(?:don['’]t|do[ ]not)[ ]hesitate[ ]to[ ](?:ask|reach[ ]out|let[ ]me[ ]know|contact)
  | (?:if|should)[ ]you(?:[ ]would|['’]d)?[ ](?:need|have|want|like|require)[ ]
    (?:(?:any|some)[ ])?(?:more|further|other|additional|anything[ ]else|changes|adjustments)
  | is[ ]there[ ]anything[ ]else
  | would[ ]you[ ]like[ ]me[ ]to[ ](?:generate|create|write|produce|add|continue|adjust)
  | these[ ](?:question[ -](?:and[ -])?answer|q&a|instruction[ -](?:and[ -])?response)[ ]pairs
)\b
"""
_FLAGS = re.IGNORECASE | re.MULTILINE | re.VERBOSE
LABEL = re.compile(rf"^{_MARGIN}(?=\S){_LABEL_BODY}", _FLAGS)  # most lines of a hostile text are empty
DIVIDER = re.compile(rf"^{_MARGIN}{_DIVIDER_BODY}", _FLAGS)
FENCE = re.compile(rf"^[ \t]*+{_FENCE_BODY}", re.MULTILINE)
NUMBERED = re.compile(r"^[ \t]*+(?:\*\*)?\d{1,4}[.)、．][ \t]*+(?=\S)", re.MULTILINE)
_SPELLED_OUT = "|".join(sorted((re.escape(w) for w in FAMILIES_OF[Role.ANSWER] if len(w) > 2), key=len, reverse=True))
INLINE_ANSWER = re.compile(rf"(?<=\s)(?:\*\*)?(?:{_SPELLED_OUT}){_COLON}(?:\*\*)?", re.IGNORECASE)

# The closing paragraph or two of a reply, each of at most three lines, after an empty line, a fence or a divider.
_CLOSING_PARAGRAPH = rf"{_MARGIN}{_CLOSING_BODY}[^\n]*+(?:\n[ \t]*+[^\s][^\n]*+){{0,2}}+"
CLOSING = re.compile(
    rf"""
    ^(?:[ \t]*+$ | [ \t]*+{_FENCE_BODY} | {_MARGIN}{_DIVIDER_BODY})\n
    (?P<closing>{_CLOSING_PARAGRAPH}(?:\n(?:[ \t]*+\n)++{_CLOSING_PARAGRAPH})?+)\Z
    """,
    _FLAGS,
)
LONGEST_CLOSING = 600  # characters

_STRUCTURE = rf"(?:{_LABEL_BODY}|{_DIVIDER_BODY}|{_CLOSING_BODY})"
_MARKS = re.compile(rf"^({_MARGIN})(?=\\*+{_STRUCTURE})", _FLAGS)
_ESCAPED = re.compile(rf"^({_MARGIN})\\(?=\\*+{_STRUCTURE})", _FLAGS)


def escape_lines(text: str) -> str:
    r"""Put a backslash before every line that would be read as structure, escaped ones included."""
    return _MARKS.sub(r"\1\\", text)


def unescape_lines(text: str) -> str:
    r"""Undo `escape_lines`; a line such as `\frac{1}{2}`, which is no structure, stays as it is."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
