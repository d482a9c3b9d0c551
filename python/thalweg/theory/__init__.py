"""Closed forms to hold measurements against: pure functions, no landscapes, no randomness."""

from __future__ import annotations

from . import tempering

__all__ = ["tempering"]
