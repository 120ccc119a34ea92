"""Numbers in words: tables of eight languages, and how words stand together for one number."""

import re
from collections.abc import Callable, Iterator
from functools import partial

_UNITS = {
    "en": "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen",
    "es": "un/uno/una/unos/unas dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince "
    "dieciséis diecisiete dieciocho diecinueve",
    "de": "ein/eins/eine/einen/einem/einer/eines zwei/zweien/beide/beiden/beides drei/dreien vier/vieren fünf sechs "
    "sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn",
    "fr": "un/une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept "
    "dix-huit dix-neuf",
    "ar": "واحد/واحدة/واحدا/واحدًا اثنان/اثنين/اثنتان/اثنتين/اثنا/اثنتا/اثني/اثنتي/كلا/كلتا/كلاهما ثلاث/ثلاثة "
    "أربع/أربعة خمس/خمسة ست/ستة سبع/سبعة ثمان/ثماني/ثمانية تسع/تسعة عشر/عشرة",
}
_TENS = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "de": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "fr": "vingt/vingts trente quarante cinquante soixante",
    "ar": "عشرون/عشرين ثلاثون/ثلاثين أربعون/أربعين خمسون/خمسين ستون/ستين سبعون/سبعين ثمانون/ثمانين تسعون/تسعين",
}
_LARGE = {
    "en": {100: "hundred", 1000: "thousand", 10**6: "million", 10**9: "billion"},
    "es": {100: "cien/ciento/cientos", 1000: "mil/miles", 10**6: "millón/millones"},
    "de": {100: "hundert", 1000: "tausend", 10**6: "million/millionen", 10**9: "milliarde/milliarden"},
    "fr": {100: "cent/cents", 1000: "mille", 10**6: "million/millions", 10**9: "milliard/milliards"},
    "ar": {100: "مئة/مائة/مئات", 1000: "ألف/آلاف/ألفا/ألفًا", 10**6: "مليون/ملايين", 10**9: "مليار/مليارات"},
}
_ORDINALS = {
    "en": "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth",
    "es": "primero/primera/primer/primeros/primeras segundo/segunda/segundos tercero/tercera/tercer cuarto/cuarta "
    "quinto/quinta sexto/sexta séptimo/séptima octavo/octava noveno/novena décimo/décima undécimo/undécima duodécimo",
    "de": "erste/ersten/erster/erstes/erstem zweite/zweiten/zweiter/zweites/zweitem dritte/dritten/dritter/drittes "
    "vierte/vierten/vierter/viertes fünfte/fünften/fünfter sechste/sechsten siebte/siebten achte/achten neunte/neunten "
    "zehnte/zehnten elfte/elften zwölfte/zwölften",
    "fr": "premier/première/premiers/premières deuxième/second/seconde troisième quatrième cinquième sixième septième "
    "huitième neuvième dixième onzième douzième",
    "ar": "أول/أولى/الأول/الأولى ثان/ثاني/ثانية/الثاني/الثانية ثالث/ثالثة/الثالث/الثالثة رابع/رابعة/الرابع/الرابعة "
    "خامس/خامسة/الخامس/الخامسة سادس/سادسة/السادس/السادسة سابع/سابعة/السابع/السابعة ثامن/ثامنة/الثامن/الثامنة "
    "تاسع/تاسعة/التاسع/التاسعة عاشر/عاشرة/العاشر/العاشرة",
}
_MONTHS = {
    "en": "january february march april may june july august september october november december",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre/setiembre octubre noviembre diciembre",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "ar": "يناير فبراير مارس أبريل/إبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
}
_SEVERAL = {
    "en": {2: "both twice double couple pair pairs", 12: "dozen dozens", 3: "triple thrice"},
    "es": {2: "ambos ambas par pareja doble", 12: "docena docenas", 3: "triple trío"},
    "de": {2: "paar zweimal doppelt doppelte beiden", 12: "dutzend", 3: "dreimal dreifach"},
    "fr": {2: "paire double", 12: "douzaine douzaines", 3: "triple"},
    "ar": {2: "زوج زوجان زوجين مرتين مرتان", 12: "دزينة"},
}
_JOINING = {"en": "and", "es": "y", "fr": "et", "de": "und"}

_LARGEST, _MOST_DIGITS = 10**18, 18  # of a number in words; more are no number
_WORD = re.compile(r"[^\W\d_]+")
_HAN_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_HAN_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "萬": 10_000, "亿": 10**8, "億": 10**8}
_HAN_RUN = re.compile(f"[{''.join(_HAN_DIGITS)}{''.join(_HAN_SCALES)}]+")
_HAN_IDIOMS = re.compile(
    "四周|四处|四處|四方|四肢|四面|四季|三明治|三脚|三腳|三角|三轮|三輪|十分|十字|百分|百货|百貨|百叶|百合|千万|万一|五颜六色|五彩|五金|"
    "七彩|七面鳥|四角|六角|六边|八角|八百屋|三日月|一生|五官|三三两两|乱七八糟|二手|万圣|万年|两侧|两旁|两边|两端"
)
_HAN_ORDINALS = re.compile(f"第{_HAN_RUN.pattern}|{_HAN_RUN.pattern}(?:[つ枚番人台回度本個]目|番目)")
_KANA_NUMBERS = {"ひとつ": 1, "ふたつ": 2, "みっつ": 3, "よっつ": 4, "いつつ": 5, "むっつ": 6, "ひとり": 1, "ふたり": 2}
_KOREAN_NATIVE = {
    "하나": 1, "한": 1, "둘": 2, "두": 2, "셋": 3, "세": 3, "넷": 4, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7,
    "여덟": 8, "아홉": 9, "열": 10, "스물": 20, "스무": 20, "서른": 30, "마흔": 40, "쉰": 50, "예순": 60, "일흔": 70,
    "여든": 80, "아흔": 90,
}  # fmt: skip
_KOREAN_TENS = ("스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔", "열")
_KOREAN_DIGITS = {character: value for value, character in enumerate("영일이삼사오육칠팔구")}
_KOREAN_SCALES = {"십": 10, "백": 100, "천": 1000, "만": 10_000}
_KOREAN_COUNTERS = (
    r"\s?(?:명|개|대|마리|권|잔|장|번|시|살|송이|그루|채|켤레|줄|쌍|칸"
    r"|사람|가지|분|병|척|곳|달|배|자루|벌|접시|조각|층|군데|손|팔|눈|바퀴|문)"
)
_KOREAN_COUNTED = re.compile(
    rf"(?<![가-힣])((?:{'|'.join(_KOREAN_TENS)})?(?:한|두|세|네|열|스무|서른|마흔|쉰|예순|일흔|여든|아흔))(?={_KOREAN_COUNTERS})"
    rf"|(?<![가-힣])((?:{'|'.join(_KOREAN_TENS)})?(?:다섯|여섯|일곱|여덟|아홉|하나|둘|셋|넷|스물))"
    rf"(?={_KOREAN_COUNTERS}|[은는이가을를도로의,. ])"
)
_KOREAN_SINO = re.compile(
    r"(?<![가-힣])([일이삼사오육칠팔구십백천만]+)\s?"
    r"(?=분|초|층|미터|센티|킬로|년|월|일|퍼센트|도(?!로)|번(?! ?째)|시간|원|호)"
)
_KOREAN_ORDINALS = re.compile(r"[가-힣]+ ?번 ?째")
_KOREAN_PAIR = re.compile("둘 다|양쪽|한 쌍")
_ARABIC_DECADES = "عشرينيات ثلاثينيات أربعينيات خمسينيات ستينيات سبعينيات ثمانينيات تسعينيات"
_ARABIC_LEAD = re.compile("^[وبلف]?(?:ال)?|^لل")
_ROMAN = re.compile(r"\b([IVXLC]{1,7})(?:e|er|ème)?\b")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def _list_forms(table: str, first: int, step: int = 1) -> dict[str, int]:
    return {
        form: first + place * step for place, forms in enumerate(table.split(" ")) for form in forms.split("/") if form
    }


def _build_table(language: str) -> dict[str, int]:
    table = _list_forms(_UNITS[language], 1) | _list_forms(_TENS[language], 20, 10)
    table |= {form: value for value, forms in _LARGE[language].items() for form in forms.split("/")}
    if language == "de":
        units = {value: forms.split("/")[0] for value, forms in enumerate(_UNITS["de"].split(" ")[:9], start=1)}
        tens = _list_forms(_TENS["de"], 20, 10)
        table |= {f"{unit}und{ten}": tens[ten] + value for value, unit in units.items() for ten in tens}
        table |= {f"{unit}{word}": value * size for value, unit in units.items() for word, size in _GERMAN_SIZES}
        table |= {f"{ten}er": value for ten, value in tens.items()}  # "die neunziger Jahre"
    if language == "ar":
        table |= _list_forms(_ARABIC_DECADES, 20, 10)
    if language == "es":
        tens = {f"veinti{unit}": 20 + value for unit, value in _list_forms(_UNITS["es"], 1).items() if value < 10}
        table |= tens | {"veintidós": 22, "veintitrés": 23, "veintiséis": 26, "doscientos": 200, "quinientos": 500}
    return table


_GERMAN_SIZES = (("hundert", 100), ("tausend", 1000))
_CARDINALS = {language: _build_table(language) for language in _UNITS}
_ORDINAL_FORMS = {language: _list_forms(_ORDINALS[language], 1) for language in _UNITS}
_SEVERAL_FORMS = {
    language: {word: value for value, words in several.items() for word in words.split(" ")}
    for language, several in _SEVERAL.items()
}
_MONTH_FORMS = {language: _list_forms(_MONTHS[language], 1) for language in _UNITS}

NUMBER_WORDS = frozenset({*_CARDINALS["en"], *_ORDINAL_FORMS["en"], *_SEVERAL_FORMS["en"], *_MONTH_FORMS["en"]})
"""Every English word that has to do with a number."""

WORD_LANGUAGES = frozenset({*_UNITS, "zh", "ja", "ko"})
"""Languages whose numbers in words are read."""


def read_cardinals(text: str, language: str) -> list[int]:
    """The numbers that count something, in words, in their order; none in a language without a table."""
    read = _READERS.get(language)
    return [] if read is None else list(read(text))


def read_several(text: str, language: str) -> set[int]:
    """Values of words like "both" and "dozen", which count without a number."""
    if language not in _SEVERAL_FORMS:
        return {2} if language == "ko" and _KOREAN_PAIR.search(text) else set()
    forms = _SEVERAL_FORMS[language]
    return {forms[word] for word in _WORD.findall(text.casefold()) if word in forms}


def read_places(text: str, language: str) -> set[int]:
    """Values of ordinals, months and Roman numerals, which name a place in a row."""
    if language not in _ORDINAL_FORMS:
        return {value for match in _HAN_ORDINALS.findall(text) for value in _compose_all(match)}
    ordinals, months = _ORDINAL_FORMS[language], _MONTH_FORMS[language]
    words = _WORD.findall(text.casefold())
    found = {ordinals[word] for word in words if word in ordinals} | {months[word] for word in words if word in months}
    if language in {"es", "fr"}:
        found |= {_read_roman(match) for match in _ROMAN.findall(text)}
    return found


def _read_words(text: str, language: str) -> Iterator[int]:
    table, joining = _CARDINALS[language], _JOINING.get(language, "")
    run: list[int] = []
    ended = -1
    for match in _WORD.finditer(text.casefold()):
        word = match[0]
        value = table.get(word)
        if value is None and language == "ar":
            value = table.get(_ARABIC_LEAD.sub("", word))
        if value is None and word == joining and run:
            continue
        close = match.start() - ended <= 1 + (len(joining) + 1 if joining else 0)
        if run and (value is None or not close):
            yield from _compose(run, language)
            run = []
        if value is not None:
            run.append(value)
            ended = match.end()
    yield from _compose(run, language)


def _compose(run: list[int], language: str) -> Iterator[int]:
    """Numbers from words that stand beside each other: `twenty five` is one number, `two three` are two."""
    total = current = last = 0
    for value in run:
        if value >= 100:
            current = min(_LARGEST, max(1, current) * value)
            if value >= 1000:
                total, current = total + current, 0
        elif not last or _may_follow(value, last, current, language):
            current = 80 if (current, value, language) == (4, 20, "fr") else current + value
        else:
            yield total + current
            total, current = 0, value
        last = value
    if run:
        yield total + current


def _may_follow(value: int, last: int, current: int, language: str) -> bool:
    if last >= 100:
        return True
    if language == "ar":
        return (last < 10 and value % 10 == 0) or (last <= 2 and value == 10)
    if language == "fr" and ((current, value) == (4, 20) or (last in {20, 60} and value < 20) or (last == 10 > value)):
        return True
    return 20 <= last < 100 and value < 10


def _read_han(text: str) -> Iterator[int]:
    text = _HAN_ORDINALS.sub(" ", _HAN_IDIOMS.sub(" ", text))
    yield from _compose_all(text)


def _compose_all(text: str) -> Iterator[int]:
    for run in _HAN_RUN.findall(text):
        value = _compose_han(run)
        if value is not None:
            yield value


def _compose_han(run: str) -> int | None:
    """The value of Chinese numerals; None where they are no number (两三 is a guess, 千 alone a word)."""
    if all(character in _HAN_DIGITS for character in run):
        if len(run) == 1:
            return _HAN_DIGITS[run]
        return int("".join(str(_HAN_DIGITS[character]) for character in run)) if 4 <= len(run) <= _MOST_DIGITS else None
    total = section = digit = 0
    for character in run:
        if character in _HAN_DIGITS:
            digit = _HAN_DIGITS[character]
        elif (scale := _HAN_SCALES[character]) >= 10_000:
            total += max(1, section + digit) * scale
            section = digit = 0
        else:
            section += max(1, digit) * scale
            digit = 0
    return total + section + digit


def _read_japanese(text: str) -> Iterator[int]:
    for word, value in _KANA_NUMBERS.items():
        if word in text:
            yield value
    yield from _read_han(text)


def _read_korean(text: str) -> Iterator[int]:
    if "번" in text:
        text = _KOREAN_ORDINALS.sub(" ", text)
    for before, alone in _KOREAN_COUNTED.findall(text):
        match = before or alone
        ten = next((word for word in _KOREAN_TENS if match.startswith(word) and match != word), "")
        yield (_KOREAN_NATIVE[ten] if ten else 0) + _KOREAN_NATIVE.get(match.removeprefix(ten), 0)
    for match in _KOREAN_SINO.findall(text):
        yield _compose_korean(match)


def _compose_korean(run: str) -> int:
    total = digit = 0
    for character in run:
        if character in _KOREAN_DIGITS:
            digit = _KOREAN_DIGITS[character]
        else:
            total += max(1, digit) * _KOREAN_SCALES[character]
            digit = 0
    return total + digit


def _read_roman(numeral: str) -> int:
    values = [_ROMAN_VALUES[letter] for letter in numeral]
    pairs = zip(values, [*values[1:], 0], strict=True)
    return sum(-value if value < following else value for value, following in pairs)


_READERS: dict[str, Callable[[str], Iterator[int]]] = {
    **{language: partial(_read_words, language=language) for language in _UNITS},
    "zh": _read_han,
    "ja": _read_japanese,
    "ko": _read_korean,
}
