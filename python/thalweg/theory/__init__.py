"""Closed forms: what simple models predict for what the protocols measure."""

from . import walls

__all__ = ["walls"]
