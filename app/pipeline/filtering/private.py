"""Private data: addresses, phone numbers and payment cards, found by their shape and, for cards, their check digit."""

import re

from app.pipeline.filtering.rules import Candidate, ReplyContext, ReplyText, Rule
from app.pipeline.values import Prompt

_EMAIL = re.compile(
    r"(?<![\w.+-])[a-z0-9][\w.+-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,4}[a-z]{2,24}\b", re.IGNORECASE
)
_PHONE = re.compile(
    r"(?<![\w.,/:-])(?:"
    r"\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}"  # +49 30 1234567
    r"|\(\d{2,4}\)[ .-]?\d{3,4}[ .-]\d{3,4}"  # (212) 555-0134
    r"|\d{3}[ .-]\d{3}[ .-]\d{4}"  # 212-555-0134
    r")(?![\w/-]|[.,]\d)"
)
_CARD = re.compile(
    r"(?<![\w.,/-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{5})"
    r"(?![\w/-]|[.,]\d)"
)
_FEWEST_PHONE_DIGITS, _MOST_PHONE_DIGITS = 8, 15
_CARD_BEGINNINGS = "23456"


def _texts(candidate: Candidate) -> tuple[str, str]:
    return candidate.pair.instruction, candidate.pair.response


def _find_email(candidate: Candidate, _: ReplyContext) -> str:
    for text in _texts(candidate):
        match = _EMAIL.search(text)
        if match:
            return f"an e-mail address: {match[0][:1]}…@{match[0].rpartition('@')[2]}"
    return ""


def _find_phone(candidate: Candidate, _: ReplyContext) -> str:
    for text in _texts(candidate):
        for match in _PHONE.finditer(text):
            digits = sum(character.isdigit() for character in match[0])
            if _FEWEST_PHONE_DIGITS <= digits <= _MOST_PHONE_DIGITS:
                return f"a phone number of {digits} digits"
    return ""


def _find_card(candidate: Candidate, _: ReplyContext) -> str:
    for text in _texts(candidate):
        for match in _CARD.finditer(text):
            digits = [int(character) for character in match[0] if character.isdigit()]
            if str(digits[0]) in _CARD_BEGINNINGS and len(set(digits)) > 1 and has_check_digit(digits):
                return f"a payment card that ends in {''.join(map(str, digits[-4:]))}"
    return ""


def has_check_digit(digits: list[int]) -> bool:
    """Whether the last digit is the right one for those before it (ISO/IEC 7812, "Luhn")."""
    doubled = [(digit * 2 - 9 if digit > 4 else digit * 2) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _may_hold_phone(reply: ReplyText, _: Prompt) -> bool:
    return "+" in reply.joined or any(len(number) in {3, 4} for number in reply.numbers)


def _may_hold_card(reply: ReplyText, _: Prompt) -> bool:
    return any(len(number) == 4 or len(number) > 12 for number in reply.numbers)


PRIVATE: tuple[Rule, ...] = (
    Rule("email", "private", "An e-mail address stands in the pair.", _find_email, literals=("@",)),
    Rule(
        "phone",
        "private",
        "A phone number stands in the pair: with a country code, an area code in brackets, or as three groups.",
        _find_phone,
        gate=_may_hold_phone,
    ),
    Rule(
        "card_number",
        "private",
        "A number of 13 to 19 digits begins and ends as a payment card's (its check digit is right).",
        _find_card,
        gate=_may_hold_card,
    ),
)
