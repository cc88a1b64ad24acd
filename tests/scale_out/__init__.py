"""Incenta on several nodes, proven small: ``python -m tests.scale_out``. See docs/scale-out.md."""
