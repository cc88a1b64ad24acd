"""Text fit to be kept: without secrets, e-mail addresses and telephone numbers. For the request log and the logs of the processes.

Whoever calls chooses the text, and the process waits while it is looked through: each pattern here is done in one pass.
"""

import re

# a value is masked to its end, or to the end of the text where the text was cut
_SECRETS = re.compile(
    r'("(?:[a-z_]*(?:secret|password|token|api_?key|authorization)|phone)"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
    r"|\b(?:inc_(?:live|test|pub|sig)_|whs(?:ec|k)_)[\w+/=-]+",
    re.IGNORECASE | re.DOTALL,
)
# whole words: a pattern that begins with the address itself would begin anew at each letter of a long one
_WORDS = re.compile(r"[^\s\"'\\<>(),:;/?&=]+")
_EMAIL = re.compile(r"[^@](?:@|%40)[^@]")


def masked(text: str) -> str:
    """The text without secrets, e-mail addresses and telephone numbers."""
    text = _SECRETS.sub(lambda found: f'{found[1]}"***"' if found[1] else "***", text)
    return _WORDS.sub(_word, text) if "@" in text or "%40" in text else text


def _word(found: re.Match) -> str:
    return "***@***" if _EMAIL.search(found[0]) else found[0]
