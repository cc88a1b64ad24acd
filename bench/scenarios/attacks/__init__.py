"""Cheats, one file an attack. Each says how many conversions it adds for each level at scale 1, and adds whole gangs."""

from . import (
    aliases,
    bot,
    brute_force,
    code_leak,
    coin_farming,
    device_farm,
    drip,
    hijack,
    mixed,
    refunding,
    ring,
)

ALL = (aliases, device_farm, ring, bot, drip, code_leak, coin_farming, brute_force, refunding, hijack, mixed)
