"""The bad inputs as data: 64 that every table, model and server meets, and 20 of somebody who means harm."""

from __future__ import annotations

from . import content, files, hostile, questions, tables
from .case import Case

ALL: list[Case] = sorted(
    [*tables.CASES, *content.CASES, *questions.CASES, *files.CASES, *hostile.CASES], key=lambda case: case.row
)
