"""The links of a model's text: whole addresses only, beside words that name another host the real
one, and if so wanted by way of a page of our own.

Works on HTML that is sanitised already, and on each link by itself, so that a text rendered block
by block has the same links as the whole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache, partial
from html import escape, unescape
from urllib.parse import unquote

import httpx2

LinkTarget = Callable[[str], str | None]
"""Returns where a link to a web address leads; None if it can't lead anywhere."""

_LINK = re.compile(r'<a(?: href="([^"]*)")?((?: [a-z]+="[^"]*")*)>(.*?)</a>', re.DOTALL)
_WEB = re.compile(r"https?://([^/?#\\\s]+)", re.IGNORECASE)
_MAIL = re.compile(r"mailto:([^?]*)", re.IGNORECASE)
_ASCII_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
_PORT = re.compile(r":\d*$")
_TAG = re.compile("<[^>]*>")
_NOT_IN_HOSTS = re.compile(r"[^\w.-]+")
_LIKE_A_HOST = re.compile(r"[\w.-]*\.(?:[^\W\d_]{2,}|xn--[\w-]+)|\d{1,3}(?:\.\d{1,3}){3}")
# Each stands for the dot of a host name, in writings that have another one.
_DOTS = str.maketrans("。", ".")


# Of sanitised HTML: what begins or ends text that is no link yet, or a web address in it.
_BARE = re.compile(
    r"(<(?:a\b|code>|code |pre>)|</(?:a|code|pre)>)|(?<![\w/])https?://(?:(?!&(?:[lg]t|nbsp);)[^\s<>\"'`\x01-\x05])+",
    re.IGNORECASE,
)
_BESIDE_ADDRESSES = ".,:;!?*_~"
LONGEST_ADDRESS = 2_000


def direct(url: str) -> str:
    """Lead to the address itself."""
    return url


def secure_links(html: str, target: LinkTarget) -> str:
    """Return sanitised HTML with its links as this module has them."""
    return _LINK.sub(partial(_secure, target), html) if "<a " in html else html


def with_bare_addresses(html: str) -> str:
    """Return sanitised HTML in which a bare web address is a link, unless it is code or in one."""
    if "://" not in html:
        return html
    within = 0

    def link(match: re.Match[str]) -> str:
        nonlocal within
        if match[1]:
            within += -1 if match[1][1] == "/" else 1
            return match[0]
        return match[0] if within else _linked(match[0])

    return _BARE.sub(link, html)


def _linked(found: str) -> str:
    """Return a bare address as a link, and what only stands beside it as text."""
    if len(found) > LONGEST_ADDRESS:
        return found
    text = unescape(found)
    address = text.rstrip(_BESIDE_ADDRESSES)
    unopened = address.count(")") - address.count("(")
    while unopened > 0 and address.endswith(")"):
        address, unopened = address[:-1].rstrip(_BESIDE_ADDRESSES), unopened - 1
    if not web_host(address):
        return found
    shown, rest = escape(address, quote=False), escape(text[len(address) :], quote=False)
    return f'<a href="{escape(address)}" rel="noopener noreferrer nofollow">{shown}</a>{rest}'


def web_host(url: str) -> str:
    """Return the host that an absolute http(s) address leads to, as ASCII; "" for any other."""
    match = _WEB.match(url)
    if match is None:
        return ""
    return _ascii(unquote(_PORT.sub("", match[1].rpartition("@")[2])))


def _secure(target: LinkTarget, link: re.Match[str]) -> str:
    """Return one link, or only its words if it leads nowhere."""
    address, attributes, words = link[1] or "", link[2], link[3]
    url = unescape(address)
    if host := web_host(url):
        hosts, leads_to = {host}, target(url)
    elif mail := _MAIL.match(url):
        hosts, leads_to = _mail_hosts(mail[1]), url
    else:
        return words
    shown = words
    if leads_to is not None:
        href = address if leads_to == url else escape(leads_to)
        shown = f'<a href="{href}"{attributes}>{words}</a>'
    named = _named_hosts(words)
    if hosts and named and named != {_bare(each) for each in hosts}:
        shown += f" ({escape(', '.join(sorted(hosts)))})"
    return shown


def _mail_hosts(recipients: str) -> set[str]:
    """Return the hosts of a mailto's addresses."""
    hosts = {_ascii(each.rpartition("@")[2].strip()) for each in unquote(recipients).split(",")}
    return hosts - {""}


def _named_hosts(words: str) -> set[str]:
    """Return what reads like a host in a link's words, tags and all.

    Letters that aren't ASCII stay, and so differ from any real host: some look like others.
    """
    text = unicodedata.normalize("NFKC", unescape(_TAG.sub("", words))).translate(_DOTS)
    # Characters that nobody sees, such as a space without width, would hide a host.
    text = "".join(each for each in text if unicodedata.category(each) != "Cf")
    found = (each.strip(".-") for each in _NOT_IN_HOSTS.split(text))
    return {_bare(each.lower()) for each in found if _LIKE_A_HOST.fullmatch(each)}


def _bare(host: str) -> str:
    return host.removeprefix("www.")


@lru_cache(maxsize=1024)
def _ascii(host: str) -> str:
    """Return a host as browsers ask for it, in lower case and punycode; "" if it can't be one."""
    host = host.lower()
    try:
        if not host.isascii():
            host = httpx2.URL(f"http://{host}").raw_host.decode()
    except (httpx2.InvalidURL, ValueError):
        return ""
    host = host.removesuffix(".")
    return host if _ASCII_HOST.fullmatch(host) else ""
