"""The languages that a pair can be translated into: ISO 639 codes with English names and their usual scripts."""

_NAME_LIST = (
    "aa Afar|ab Abkhazian|af Afrikaans|ak Akan|am Amharic|an Aragonese|ar Arabic|as Assamese|av Avaric|ay Aymara|"
    "az Azerbaijani|ba Bashkir|be Belarusian|bg Bulgarian|bi Bislama|bm Bambara|bn Bengali|bo Tibetan|br Breton|"
    "bs Bosnian|ca Catalan|ce Chechen|co Corsican|cs Czech|cv Chuvash|cy Welsh|da Danish|de German|dv Divehi|"
    "dz Dzongkha|ee Ewe|el Greek|en English|eo Esperanto|es Spanish|et Estonian|eu Basque|fa Persian|ff Fulah|"
    "fi Finnish|fj Fijian|fo Faroese|fr French|fy Western Frisian|ga Irish|gd Scottish Gaelic|gl Galician|gn Guarani|"
    "gu Gujarati|gv Manx|ha Hausa|he Hebrew|hi Hindi|hr Croatian|ht Haitian Creole|hu Hungarian|hy Armenian|"
    "ia Interlingua|id Indonesian|ig Igbo|is Icelandic|it Italian|iu Inuktitut|ja Japanese|jv Javanese|ka Georgian|"
    "ki Kikuyu|kk Kazakh|kl Kalaallisut|km Khmer|kn Kannada|ko Korean|ks Kashmiri|ku Kurdish|kv Komi|kw Cornish|"
    "ky Kyrgyz|la Latin|lb Luxembourgish|lg Ganda|li Limburgish|ln Lingala|lo Lao|lt Lithuanian|lu Luba-Katanga|"
    "lv Latvian|mg Malagasy|mh Marshallese|mi Maori|mk Macedonian|ml Malayalam|mn Mongolian|mr Marathi|ms Malay|"
    "mt Maltese|my Burmese|nb Norwegian Bokmål|nd North Ndebele|ne Nepali|nl Dutch|nn Norwegian Nynorsk|no Norwegian|"
    "nr South Ndebele|nv Navajo|ny Chichewa|oc Occitan|om Oromo|or Odia|os Ossetian|pa Punjabi|pl Polish|ps Pashto|"
    "pt Portuguese|qu Quechua|rm Romansh|rn Rundi|ro Romanian|ru Russian|rw Kinyarwanda|sa Sanskrit|sc Sardinian|"
    "sd Sindhi|se Northern Sami|sg Sango|si Sinhala|sk Slovak|sl Slovenian|sm Samoan|sn Shona|so Somali|sq Albanian|"
    "sr Serbian|ss Swati|st Southern Sotho|su Sundanese|sv Swedish|sw Swahili|ta Tamil|te Telugu|tg Tajik|th Thai|"
    "ti Tigrinya|tk Turkmen|tl Tagalog|tn Tswana|to Tongan|tr Turkish|ts Tsonga|tt Tatar|tw Twi|ty Tahitian|ug Uyghur|"
    "uk Ukrainian|ur Urdu|uz Uzbek|ve Venda|vi Vietnamese|wa Walloon|wo Wolof|xh Xhosa|yi Yiddish|yo Yoruba|zh Chinese|"
    "zu Zulu|ast Asturian|awa Awadhi|bho Bhojpuri|ceb Cebuano|chr Cherokee|ckb Central Kurdish|csb Kashubian|"
    "doi Dogri|dsb Lower Sorbian|fil Filipino|fur Friulian|gsw Swiss German|haw Hawaiian|hmn Hmong|hsb Upper Sorbian|"
    "ilo Iloko|kab Kabyle|kok Konkani|lmo Lombard|mai Maithili|mni Manipuri|nds Low German|pap Papiamento|sat Santali|"
    "scn Sicilian|szl Silesian|tet Tetum|tpi Tok Pisin|vec Venetian|war Waray|yue Cantonese"
)
_SCRIPT_LIST = {
    "Hans": "zh",
    "Hant": "yue",
    "Jpan": "ja",
    "Kore": "ko",
    "Arab": "ar fa ur ps sd ug ks ckb",
    "Hebr": "he yi",
    "Cyrl": "ru uk be bg sr mk kk ky mn tg tt ba cv ce os ab av kv",
    "Grek": "el",
    "Armn": "hy",
    "Geor": "ka",
    "Deva": "hi mr ne sa bho mai awa doi kok",
    "Beng": "bn as mni",
    "Guru": "pa",
    "Gujr": "gu",
    "Orya": "or",
    "Taml": "ta",
    "Telu": "te",
    "Knda": "kn",
    "Mlym": "ml",
    "Sinh": "si",
    "Thai": "th",
    "Laoo": "lo",
    "Mymr": "my",
    "Khmr": "km",
    "Tibt": "bo dz",
    "Ethi": "am ti",
    "Thaa": "dv",
    "Cher": "chr",
    "Cans": "iu",
    "Olck": "sat",
}

NAMES = {entry.split(" ", 1)[0]: entry.split(" ", 1)[1] for entry in _NAME_LIST.split("|")}
"""Language code -> English name."""

SCRIPTS = {code: script for script, codes in _SCRIPT_LIST.items() for code in codes.split(" ")}
"""Language code -> its usual script (ISO 15924), for languages that are not written in Latin letters."""

SCRIPT_NAMES = {
    "Latn": "Latin script",
    "Hans": "Simplified",
    "Hant": "Traditional",
    "Jpan": "Japanese script",
    "Kore": "Korean script",
    "Arab": "Arabic script",
    "Hebr": "Hebrew script",
    "Cyrl": "Cyrillic script",
    "Grek": "Greek script",
    "Armn": "Armenian script",
    "Geor": "Georgian script",
    "Deva": "Devanagari",
    "Beng": "Bengali script",
    "Guru": "Gurmukhi",
    "Gujr": "Gujarati script",
    "Orya": "Odia script",
    "Taml": "Tamil script",
    "Telu": "Telugu script",
    "Knda": "Kannada script",
    "Mlym": "Malayalam script",
    "Sinh": "Sinhala script",
    "Thai": "Thai script",
    "Laoo": "Lao script",
    "Mymr": "Burmese script",
    "Khmr": "Khmer script",
    "Tibt": "Tibetan script",
    "Ethi": "Ethiopic script",
    "Thaa": "Thaana",
    "Cher": "Cherokee script",
    "Cans": "Canadian syllabics",
    "Olck": "Ol Chiki",
    "Mong": "Mongolian script",
    "Tfng": "Tifinagh",
    "Nkoo": "N'Ko",
    "Adlm": "Adlam",
    "Mtei": "Meitei Mayek",
    "Syrc": "Syriac script",
}

LETTER_NAMES = {
    "Latn": ("LATIN",),
    "Hans": ("CJK",),
    "Hant": ("CJK",),
    "Jpan": ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH"),
    "Kore": ("HANGUL", "CJK", "HALFWIDTH"),
    "Cyrl": ("CYRILLIC",),
    "Grek": ("GREEK",),
    "Armn": ("ARMENIAN",),
    "Geor": ("GEORGIAN",),
    "Deva": ("DEVANAGARI",),
    "Beng": ("BENGALI",),
    "Guru": ("GURMUKHI",),
    "Gujr": ("GUJARATI",),
    "Orya": ("ORIYA",),
    "Taml": ("TAMIL",),
    "Telu": ("TELUGU",),
    "Knda": ("KANNADA",),
    "Mlym": ("MALAYALAM",),
    "Sinh": ("SINHALA",),
    "Thai": ("THAI",),
    "Laoo": ("LAO",),
    "Mymr": ("MYANMAR",),
    "Khmr": ("KHMER",),
    "Tibt": ("TIBETAN",),
    "Ethi": ("ETHIOPIC",),
    "Thaa": ("THAANA",),
    "Cher": ("CHEROKEE",),
    "Cans": ("CANADIAN",),
    "Olck": ("OL",),
    "Mong": ("MONGOLIAN",),
    "Tfng": ("TIFINAGH",),
    "Nkoo": ("NKO",),
    "Adlm": ("ADLAM",),
    "Mtei": ("MEETEI",),
    "Syrc": ("SYRIAC",),
    "Arab": ("ARABIC",),
    "Hebr": ("HEBREW",),
}
"""Script -> the first words of its letters' names in Unicode."""

REGIONS = {
    "AR": "Argentina",
    "AT": "Austria",
    "AU": "Australia",
    "BE": "Belgium",
    "BR": "Brazil",
    "CA": "Canada",
    "CH": "Switzerland",
    "CL": "Chile",
    "CN": "China",
    "CO": "Colombia",
    "DE": "Germany",
    "DZ": "Algeria",
    "EG": "Egypt",
    "ES": "Spain",
    "FR": "France",
    "GB": "United Kingdom",
    "HK": "Hong Kong",
    "IN": "India",
    "IQ": "Iraq",
    "IR": "Iran",
    "IT": "Italy",
    "JP": "Japan",
    "KR": "South Korea",
    "MA": "Morocco",
    "MO": "Macao",
    "MX": "Mexico",
    "NL": "Netherlands",
    "PE": "Peru",
    "PK": "Pakistan",
    "PT": "Portugal",
    "SA": "Saudi Arabia",
    "SG": "Singapore",
    "TW": "Taiwan",
    "UA": "Ukraine",
    "US": "United States",
    "VE": "Venezuela",
    "419": "Latin America",
}
"""Names of regions that are often asked for; any other stands as its code."""
