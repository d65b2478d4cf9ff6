"""The regular expression that finds figures, and the words in it."""

from __future__ import annotations

import re

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            *("jan january januar", "feb february februar", "mar march märz mär", "apr april"),
            *("may mai", "jun june juni", "jul july juli", "aug august", "sep sept september"),
            *("oct october okt oktober", "nov november", "dec december dez dezember"),
        ),
        1,
    )
    for name in names.split()
}
_MONTH = "(?:" + "|".join(sorted(map(re.escape, MONTHS), key=len, reverse=True)) + r")\b\.?"
NUMBER_WORDS = {
    word: number
    for number, words in {
        **{1: "one ein eine einen", 2: "two zwei", 3: "three drei", 4: "four vier"},
        **{5: "five fünf", 6: "six sechs", 7: "seven sieben", 8: "eight acht"},
        **{9: "nine neun", 10: "ten zehn", 11: "eleven elf", 12: "twelve zwölf"},
        **{13: "thirteen", 14: "fourteen", 15: "fifteen", 16: "sixteen", 17: "seventeen"},
        **{18: "eighteen", 19: "nineteen", 20: "twenty", 30: "thirty", 40: "forty", 50: "fifty"},
    }.items()
    for word in words.split()
}
_STREETS = (
    "street|st|avenue|ave|drive|dr|lane|ln|road|rd|court|ct|boulevard|blvd|way|place|pl|terrace|"
    "ter|circle|cir|parkway|pkwy|square|sq|highway|hwy|trail|trl"
)
_GERMAN_STREETS = "straße|strasse|str\\.|weg|platz|allee|gasse|ufer|damm|ring"
_CAPITAL = "[A-ZÄÖÜ]"
_CURRENCY = r"(?:US|CA|A)?\$|[€£¥]|(?:USD|EUR|GBP|CHF)\b"
_SIZE = (
    r"(?:thousand|millions?|billions?|millionen|milliarden|tausend|tsd|mio|mrd|mn|bn|k|m|b)\b\.?"
)
_UNIT = (
    r"(?:US)?\$|[€£¥%]|(?:USD|EUR|GBP|CHF|dollars?|euros?|pounds|percent|per\scent|pct|prozent"
    r"|percentage)\b"
)
_DIGITS = r"(?:\d{1,3}(?:[,.'\u2019\u00a0\u2009\u202f]\d{3})++(?:[.,]\d{1,6}+)?|\d++(?:[.,]\d++)?)"

FIGURE = re.compile(
    rf"""
    (?P<iso>\b\d{{4}}-\d{{2}}-\d{{2}}(?:[T\ ](?P<isotime>\d{{2}}:\d{{2}})[\d:.]*+Z?)?\b)
  | (?P<dayfirst>\b(?P<d1>\d{{1,2}})(?:st|nd|rd|th|\.)?\ (?:of\ )?(?P<m1>{_MONTH})
        (?:,?\ (?P<y1>\d{{4}})\b)?)
  | (?P<monthfirst>\b(?P<m2>{_MONTH})\ (?P<d2>\d{{1,2}})(?:st|nd|rd|th)?(?!\d|[.,]\d)
        (?:,?\ (?P<y2>\d{{4}})\b)?)
  | (?P<monthyear>\b(?P<m3>{_MONTH})\ (?P<y3>\d{{4}})\b)
  | (?P<numeric>(?<![\w./-])(?P<n1>\d{{1,2}})(?P<sep>[./-])(?P<n2>\d{{1,2}})(?P=sep)
        (?P<n3>\d{{4}})(?![\w/-]))
  | (?P<time>\b(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}})(?::\d{{2}})?(?:\s?(?P<half>[ap]\.?m)\b)?)
  | (?P<address>(?-i:\b\d{{1,6}}[A-Za-z]?\ (?:[NSEW]{{1,2}}\.?\ )?
        (?:(?:{_CAPITAL}[\w'\u2019.-]{{0,30}}|\d{{1,3}}(?:st|nd|rd|th))\ ){{1,4}}?)
        (?:{_STREETS})\b
      | (?-i:\b{_CAPITAL}[\w'\u2019-]{{0,40}}?)(?:{_GERMAN_STREETS})\ \d{{1,5}}[a-z]?\b)
  | (?P<id>(?<![\w.-])(?:\#[\w-]{{1,60}}
      | (?=[a-z\d_/-]{{0,40}}\d)(?=[\d_/-]{{0,40}}[a-z])[a-z\d]{{1,40}}
        (?:[_/-][a-z\d]{{1,40}}){{0,8}})(?![\w]))
  | (?P<number>(?<![\w.])(?P<sign>[+\u2212-](?=[\d$€£¥]))?(?:(?P<before>{_CURRENCY})\ ?)?
        (?P<digits>{_DIGITS})(?![\d])
        (?:(?:[\ -]|(?=\D))(?P<size>{_SIZE})(?!\w))?
        (?(before)|(?:[\ \u00a0\u202f-]?(?P<after>{_UNIT}))?))
  | (?P<word>\b(?:a(?=\ (?:million|billion|thousand))|{"|".join(NUMBER_WORDS)})\b
        (?:[\ -](?P<wordsize>million|billion|thousand)\b)?)
    """,
    re.VERBOSE | re.IGNORECASE,
)
