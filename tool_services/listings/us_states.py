"""The codes of the states of the USA."""

from __future__ import annotations

_CODES = """
AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware
DC District of Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa
KS Kansas|KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota
MS Mississippi|MO Missouri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey
NM New Mexico|NY New York|NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon
PA Pennsylvania|RI Rhode Island|SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah
VT Vermont|VA Virginia|WA Washington|WV West Virginia|WI Wisconsin|WY Wyoming
"""
_CODE_BY_NAME = {
    entry[3:].lower(): entry[:2] for entry in _CODES.strip().replace("\n", "|").split("|")
}


def state_code(text: str) -> str:
    """Return the two-letter code of a state's code or name, in any case: "oregon" is OR.

    Return any other text in upper case.
    """
    words = " ".join(text.split())
    return _CODE_BY_NAME.get(words.lower(), words.upper())
