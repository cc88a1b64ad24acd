"""The codes that the description names."""

import re


def codes_of(described: dict, operation: dict, status: int) -> set[str]:
    """The codes by which an operation may be refused: those of any call, and its own."""
    told = operation["responses"][str(status)]
    shared = described["components"]["responses"][told["$ref"].rpartition("/")[2]]
    sentences = shared["description"].partition("Of any call:")[2], told.get("description", "").partition("Codes:")[2]
    return {code for sentence in sentences for code in re.findall(r"`(\w+)`", sentence)}
