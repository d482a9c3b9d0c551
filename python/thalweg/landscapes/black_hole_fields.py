"""The fields of the (1, 1, 1, N) brane system: where each variable lies, and W in terms of them."""

from __future__ import annotations

import numpy as np

__all__ = ["Fields"]

BRANES = (1, 2, 3)


class Fields:
    """Indices of the variables for one N, and the tables made from them.

    The flat directions removed by shift symmetries are gone: what is left of the neutral fields
    are f12, f13, f23 and the matrices X_k = Phi_k^(4).
    """

    def __init__(self, size: int) -> None:
        n = self.size = size
        self.x = {k: np.arange(n * n).reshape(n, n) + (k - 1) * n * n for k in BRANES}
        start = 3 * n * n
        self.v = {k: np.arange(n) + start + (k - 1) * n for k in BRANES}  # Z^(4k)
        self.u = {k: np.arange(n) + start + (k + 2) * n for k in BRANES}  # Z^(k4)
        start += 6 * n
        pairs = ((1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2))
        self.z = {pair: start + i for i, pair in enumerate(pairs)}
        self.f = {pair: start + 6 + i for i, pair in enumerate(((1, 2), (1, 3), (2, 3)))}
        self.count = start + 9

    def _dot(self, factors: tuple[int, ...], k: int, l_brane: int, coefficient: float) -> list:
        """Coefficient times the factors times u_k . v_l."""
        rows = zip(self.u[k], self.v[l_brane], strict=True)
        return [((*factors, int(a), int(b)), coefficient) for a, b in rows]

    def _trace(self, matrices: tuple[int, ...], coefficient: float) -> list:
        """Coefficient times Tr X_k X_l ... ."""
        n, terms = self.size, []
        for corner in np.ndindex(*(n,) * len(matrices)):
            path = zip(matrices, corner, (*corner[1:], corner[0]), strict=True)
            terms.append((tuple(int(self.x[k][a, b]) for k, a, b in path), coefficient))
        return terms

    def cubic_terms(self) -> list:
        """W without its linear terms; the single minus sign of z13 u3 v1 matters."""
        z, f, n = self.z, self.f, self.size
        terms = [
            ((f[1, 2], z[1, 2], z[2, 1]), 1.0),
            ((f[1, 3], z[1, 3], z[3, 1]), -1.0),
            ((f[2, 3], z[2, 3], z[3, 2]), 1.0),
            ((z[1, 2], z[2, 3], z[3, 1]), 1.0),
            ((z[1, 3], z[3, 2], z[2, 1]), 1.0),
        ]
        for k in BRANES:
            for a, b in np.ndindex(n, n):
                key = (int(self.u[k][a]), int(self.x[k][a, b]), int(self.v[k][b]))
                terms.append((key, -1.0))
        for k, m in z:  # z_km u_m v_k
            terms += self._dot((z[k, m],), m, k, -1.0 if (k, m) == (1, 3) else 1.0)
        return terms + self._trace((1, 2, 3), -1.0) + self._trace((1, 3, 2), 1.0)

    def sources(self) -> np.ndarray:
        """How c12, c13, c23, c14, c24, c34 enter the linear terms: [6, n]."""
        rows = np.zeros((6, self.count))
        for row, (pair, sign) in enumerate((((1, 2), 1), ((1, 3), -1), ((2, 3), 1))):
            rows[row, self.f[pair]] = sign
        for k in BRANES:
            rows[2 + k, np.diag(self.x[k])] = -1
        return rows

    def generators(self) -> list:
        """GL(N) x GL(1)^2: X -> g X / g, v_k -> g v_k / t_k, u_k -> t_k u_k / g, z -> t_k/t_l z."""
        n, made = self.size, []
        for p, q in np.ndindex(n, n):  # the elementary matrix with a one at p, q
            maps: list = []
            for k in BRANES:
                maps += [(self.x[k][p, b], self.x[k][q, b], 1.0) for b in range(n)]
                maps += [(self.x[k][a, q], self.x[k][a, p], -1.0) for a in range(n)]
                maps += [(self.v[k][p], self.v[k][q], 1.0), (self.u[k][q], self.u[k][p], -1.0)]
            made.append(maps)
        for k in (1, 2):  # t_3 = 1: a common factor does nothing
            maps = [(i, i, -1.0) for i in self.v[k]] + [(i, i, 1.0) for i in self.u[k]]
            for (first, second), i in self.z.items():
                if k in (first, second):
                    maps.append((i, i, 1.0 if first == k else -1.0))
            made.append(maps)
        return [[(int(r), int(c), value) for r, c, value in maps] for maps in made]

    def invariants(self) -> list:
        """Gauge-invariant polynomials which, with W, told all minima apart in every case tested."""
        z, made = self.z, [[((self.f[pair],), 1.0)] for pair in self.f]
        made.append([((z[1, 2], z[2, 3], z[3, 1]), 1.0)])
        made += [self._trace((k,), 1.0) for k in BRANES]
        made += [self._trace((k, m), 1.0) for k in BRANES for m in BRANES if k <= m]
        made.append(self._dot((z[1, 2],), 2, 1, 1.0))
        made.append(self._dot((z[2, 3],), 3, 2, 1.0))
        return made
