"""Closed forms: what simple models predict for what the protocols measure."""

from . import tempering, walls

__all__ = ["tempering", "walls"]
