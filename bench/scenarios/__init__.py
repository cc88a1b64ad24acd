"""A world of honest people and cheats, played against the product to see whom it holds.

``world.generate(config)`` answers the public API's calls in the order of time, and apart from them the truth. It is decided by the
seed alone. Whoever judges sees the calls only: nothing in ``fraud`` imports from here, and ``tests/scenarios`` tries to tell the
cheats by their ids, their order and their rounding, and must fail.
"""
