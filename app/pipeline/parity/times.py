"""Times of day and of videos: which ones a text names, however its language writes them."""

import re

from app.pipeline.parity.verdicts import Verdict

Time = tuple[int, ...]
"""(hours, minutes) or (hours, minutes, seconds), or (minutes, seconds): what stood before and behind the colons."""

_COLON = re.compile(r"(?<![\d:.])(\d{1,2})\s?[:：]\s?(\d{2})(?:\s?[:：]\s?(\d{2}))?(?![\d:])")
_HAN = re.compile(
    r"(?<![\d:.])(\d{1,2})\s?[点點时時시]\s?(?:(\d{1,2})\s?[分분]|(半|반))(?:\s?(\d{1,2})\s?[秒초])?(\s?[前전])?"
)
_LATIN = re.compile(r"(?<![\d:.])(\d{1,2})\s?(?:h|Uhr|heures?)\s?(\d{2})(?!\d)")
_DOTTED = re.compile(r"(?<![\d:.])(\d{1,2})\.(\d{2})(?=\s?(?:Uhr|h\b))")
_SIGNS = re.compile(r"\d\s?(?:[点點时時시半반]|h|Uhr|heure)|\d\.\d\d\s?[Uh]")
_AFTERNOON = re.compile(r"\b(?:p\.?m\.?|afternoon|evening|tonight|night)\b", re.IGNORECASE)
_MINUTES = {"half": 30, "quarter": 15, "five": 5, "ten": 10, "twenty": 20, "twenty-five": 25}
_HOUR_LIST = "one two three four five six seven eight nine ten eleven twelve"
_HOURS = {word: hour for hour, word in enumerate(_HOUR_LIST.split(), start=1)}
_SPOKEN = re.compile(rf"\b({'|'.join(_MINUTES)}) (past|to) ({'|'.join(_HOURS)})\b", re.IGNORECASE)


def find_times(text: str) -> list[Time]:
    """Times with a colon, as English writes them."""
    return [_to_time(groups) for groups in _COLON.findall(text)] if ":" in text or "：" in text else []


def find_spoken_times(text: str) -> set[Time]:
    """Times in words: `half past nine` is (9, 30), `five to nine` (8, 55)."""
    found: set[Time] = set()
    for minutes, way, hour in _SPOKEN.findall(text):
        past = _MINUTES[minutes.lower()]
        at = _HOURS[hour.lower()]
        found.add((at, past) if way.lower() == "past" else ((at - 2) % 12 + 1, 60 - past))
    return found


def is_afternoon(text: str) -> bool:
    """Whether hours of an English text may be written from 12 to 23 elsewhere."""
    return _AFTERNOON.search(text) is not None


def blank_times(text: str) -> str:
    """The text without its times, so that their parts count as no numbers."""
    text = _COLON.sub(" ", text)
    if _SIGNS.search(text):
        for pattern in (_HAN, _LATIN, _DOTTED):
            text = pattern.sub(" ", text)
    return text


def compare_times(
    english: tuple[Time, ...], spoken: frozenset[Time], text: str, *, has_afternoon: bool
) -> Verdict | None:
    """Whether a text, its digits plain, names just the times of the English one."""
    found = _read_times(text, {*english, *spoken})
    if not english and not found:
        return None
    hours_alone = set(re.findall(r"\d+", text))
    for time in english:
        ways = {time, _later(time)} if has_afternoon else {time}
        on_the_hour = len(time) == 2 and time[1] == 0 and hours_alone & {str(way[0]) for way in ways}
        if not ways & found and not on_the_hour:
            return "time", f"lacks the time {_show(time)}, which must stay as it is"
    known = {*english, *spoken}
    known |= {_later(time) for time in known} | {time for time in found if len(time) == 2 and time[1] == 0}
    for time in sorted(found - known):
        return "time", f"names the time {_show(time)}, which the English has not"
    return None


def _read_times(text: str, known: set[Time]) -> set[Time]:
    found = {_to_time(groups) for groups in _COLON.findall(text)} if ":" in text or "：" in text else set()
    if _SIGNS.search(text):
        for hours, minutes, half, seconds, before in _HAN.findall(text):
            time = _to_time((hours, "30" if half else minutes, seconds))
            to_hour = (time[0] - 2) % 12 + 1, 60 - time[1]  # "3時15分前" is a quarter to three, or before 3:15
            found.add(to_hour if before and to_hour in known else time)
        found |= {_to_time(groups) for pattern in (_LATIN, _DOTTED) for groups in pattern.findall(text)}
    return found


def _to_time(groups: tuple[str, ...]) -> Time:
    return tuple(int(group) for group in groups if group)


def _later(time: Time) -> Time:
    return (time[0] + 12, *time[1:]) if time[0] < 12 else (time[0] - 12, *time[1:])


def _show(time: Time) -> str:
    return ":".join([str(time[0]), *(f"{part:02d}" for part in time[1:])])
