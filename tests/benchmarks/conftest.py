"""Makes the benchmarks' modules importable, as they are for the scripts in the same folder."""

import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))
