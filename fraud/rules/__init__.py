"""One file a signal. Each is a pure function of the facts: a reason, or ``None``."""
