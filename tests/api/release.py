"""``python -m tests.api.release``: keeps the description of the version that is released now, for the next ones to be held against."""

import json
import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from incenta.api.schema import description
    from tests.api.compatibility import essence

    described = json.loads(description())
    kept = essence(described)
    file = ROOT / "docs" / "openapi" / f"{described['info']['version']}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(kept, separators=(",", ":"), ensure_ascii=False).replace('"/v1/', '\n"/v1/') + "\n")
    print(f"{file.relative_to(ROOT)}: {len(described['paths'])} addresses")


if __name__ == "__main__":
    main()
