"""Text fit to be kept: without secrets, e-mail addresses and telephone numbers. For the request log and the logs of the processes."""

import re

# a value is masked to its end, or to the end of the text where the text was cut
_SECRETS = re.compile(
    r'("(?:[a-z_]*(?:secret|password|token|api_?key|authorization)|phone)"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|$)'
    r"|\b(?:inc_(?:live|test|pub|sig)_|whs(?:ec|k)_)[\w+/=-]+",
    re.IGNORECASE,
)
_EMAILS = re.compile(r"[^\s\"'\\<>(),:;/?&=@]+(?:@|%40)[^\s\"'\\<>(),:;/?&=@]+", re.IGNORECASE)


def masked(text: str) -> str:
    """The text without secrets, e-mail addresses and telephone numbers."""
    text = _SECRETS.sub(lambda found: f'{found[1]}"***"' if found[1] else "***", text)
    return _EMAILS.sub("***@***", text) if "@" in text or "%40" in text else text
