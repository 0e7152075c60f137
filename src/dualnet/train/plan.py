"""What a training run will cost, before anything starts: bytes, FLOP, seconds, and what limits it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .regime import choose_blocks

FLOAT, INDEX = 4, 4  # bytes
