"""Development's own secret key, made once and kept, so that sessions outlive a restart and no two clones share one."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def kept_in(file: Path) -> str:
    """The key in ``file``, which is made, readable by its owner alone, where it is not there yet."""
    with suppress(FileNotFoundError):
        return file.read_text()
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(secrets.token_urlsafe(48))
    with suppress(FileExistsError):  # another process was first, and its key counts
        os.link(draft, file)
    draft.unlink()
    return file.read_text()
