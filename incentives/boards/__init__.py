"""Boards: who leads, and who stands where, live and exact, in every window.

A score is what is folded plus what is pending. Ranks come from a histogram (blocks of sixty-four buckets, buckets of one score
each up to 4,096 and of a four-thousandth of an octave above), corrected by the few scores of the same bucket and by what is
pending: the same answer as counting everybody, without counting anybody.

Ties share a rank (1, 2, 2, 4). Among equals the earliest to reach the score is named first: the moment of a score is the latest
moment at which something happened that changed it, whatever the order in which it was told.
"""

from .folding import FOLDED_AT_ONCE, fold, keep_folds_out, left, show
from .reading import place, top
from .recount import refresh
from .windows import BEGINNING, Window

__all__ = ["BEGINNING", "FOLDED_AT_ONCE", "Window", "fold", "keep_folds_out", "left", "place", "refresh", "show", "top"]
