"""Makes the benchmarks' modules importable, as they find each other when they run as scripts."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
