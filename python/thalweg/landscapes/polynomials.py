"""Polynomials in complex variables as tables of monomials, evaluated for many points at once."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import integer, message, show

__all__ = ["Monomials", "Polynomials", "monomials", "packed"]

Monomials = tuple[tuple[tuple[int, ...], complex], ...]
"""((variables of a product, with repetition), coefficient), ..."""

HIGHEST_DEGREE = 6  # of a monomial, as compiled (superpotential.hpp)


def monomials(argument: str, value: Any, variables: int) -> Monomials:
    """Return monomials checked, each index tuple sorted, equal ones added, zero ones left out."""
    expected = "a sequence of (indices, coefficient), such as [((0, 0, 1), 2.0), ((1,), -1j)]"
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise TypeError(message(argument, expected, show(value)))
    sums: dict[tuple[int, ...], complex] = {}
    for term in value:
        if not isinstance(term, Sequence) or len(term) != 2 or not isinstance(term[0], Sequence):
            raise TypeError(message(argument, expected, show(term)))
        if not isinstance(term[1], numbers.Number) or not np.isfinite(complex(term[1])):
            raise ValueError(message(argument, "finite complex coefficients", show(term)))
        if not 1 <= len(term[0]) <= HIGHEST_DEGREE:
            limits = f"monomials of degree 1 to {HIGHEST_DEGREE}"
            raise ValueError(message(argument, limits, show(term)))
        name = f"{argument} index"
        key = tuple(sorted(integer(name, i, least=0, most=variables - 1) for i in term[0]))
        sums[key] = sums.get(key, 0) + complex(term[1])
    return tuple((key, coefficient) for key, coefficient in sums.items() if coefficient != 0)


def packed(terms: Monomials) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return degrees [M], indices [sum of degrees] and coefficients [M], as the core takes them."""
    degrees = np.array([len(key) for key, _ in terms], dtype=np.int32)
    indices = np.array([i for key, _ in terms for i in key], dtype=np.int32)
    coefficients = np.array([c for _, c in terms], dtype=np.complex128)
    return degrees, indices, coefficients


@dataclass(frozen=True)
class Polynomials:
    """Several polynomials: their monomials padded to one degree with the constant variable 1."""

    variables: int
    factors: np.ndarray  # [M, degree] indices; `variables` stands for the constant
    coefficients: np.ndarray  # [M]
    starts: np.ndarray  # [K] first monomial of each polynomial

    @classmethod
    def of(cls, variables: int, polynomials: Sequence[Monomials]) -> Polynomials:
        """Return the table of polynomials with at least one monomial each."""
        terms = [term for polynomial in polynomials for term in polynomial]
        degree = max(len(key) for key, _ in terms)
        factors = np.full((len(terms), degree), variables)
        for row, (key, _) in zip(factors, terms, strict=True):
            row[: len(key)] = key
        starts = np.cumsum([0, *(len(p) for p in polynomials[:-1])])
        return cls(variables, factors, np.array([c for _, c in terms]), starts)

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Return values [R, K] at complex points [R, n]."""
        padded = np.concatenate([z, np.ones((len(z), 1))], axis=1)
        values = np.tile(self.coefficients, (len(z), 1))
        for factor in self.factors.T:
            values *= padded[:, factor]
        return np.add.reduceat(values, self.starts, axis=1)

    def is_odd(self) -> np.ndarray:
        """Return which polynomials [K] change sign with all variables (all degrees odd)."""
        degree = (self.factors < self.variables).sum(axis=1)
        return np.logical_and.reduceat(degree % 2 == 1, self.starts)
