"""How long one search for cycles stops a loaded API, before and after infra/garbage.py.

.venv/bin/python benchmarks/garbage.py
"""

import gc
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from api import sections
from api.app import create_app
from infra import garbage


def search_ms() -> float:
    """Median of nine full searches, of which none finds anything."""
    gc.collect()
    found = []
    for _ in range(9):
        began = time.perf_counter()
        gc.collect()
        found.append(time.perf_counter() - began)
    return statistics.median(found) * 1e3


def main() -> None:
    sections.load(create_app())
    before, objects = search_ms(), len(gc.get_objects())
    garbage.settle()
    print(
        f"one search: {before:.1f} ms through {objects} objects; then {search_ms():.2f} ms through those that are new"
    )


if __name__ == "__main__":
    main()
