"""The benchmarks: ``python -m bench``. What they measure, and why as shares of a floor, stands in ``docs/performance.md``."""
