"""Which minima flow together at which level: minimax barriers, merge tree, its drawing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MergeTree:
    """Nodes 0 .. K - 1 are minima, node K + n is what merge n made.

    ``merges`` [n, 2] are the nodes joined, ``levels`` [n] the rising energies at which they join,
    ``edges`` [n] the passes used (rows of the pairs given), ``heights`` [K, K] the minimax energies
    between minima (inf where nothing joins them, on the diagonal their own energies), and
    ``passes`` [K, K] the pass (row of the pairs given, or -1) that decides each of them.
    """

    energies: np.ndarray
    merges: np.ndarray
    levels: np.ndarray
    edges: np.ndarray
    heights: np.ndarray
    passes: np.ndarray

    def parents(self) -> np.ndarray:
        """Parent of every node, -1 for a root."""
        count = len(self.energies)
        parents = np.full(count + len(self.merges), -1)
        for n, nodes in enumerate(self.merges):
            parents[nodes] = count + n
        return parents

    def node_levels(self) -> np.ndarray:
        """Energy of every node: of the minimum, or of the merge."""
        return np.r_[self.energies, self.levels]

    def order(self) -> list[int]:
        """Minima from left to right, so that branches do not cross; trees follow each other."""
        leaves = {i: [i] for i in range(len(self.energies))}
        for n, (left, right) in enumerate(self.merges):
            leaves[len(self.energies) + n] = leaves.pop(int(left)) + leaves.pop(int(right))
        return [leaf for tree in leaves.values() for leaf in tree]

    def newick(self) -> str:
        """The tree as text that programs for trees read; branch lengths are energy differences.

        Leaves are the numbers of the minima. One line per tree, if not everything is connected.
        """
        levels, parents = self.node_levels(), self.parents()
        texts = {i: str(i) for i in range(len(self.energies))}
        for n, pair in enumerate(self.merges):
            inside = (f"{texts.pop(int(i))}:{levels[parents[i]] - levels[i]:.10g}" for i in pair)
            texts[len(self.energies) + n] = f"({','.join(inside)})"
        return "\n".join(f"{text};" for text in texts.values())

    def draw(self, ax) -> None:
        """Draw the disconnectivity graph: a branch from each minimum up to where it merges."""
        levels, parents, order = self.node_levels(), self.parents(), self.order()
        place = np.zeros(len(levels))
        place[order] = np.arange(len(order))
        for n, pair in enumerate(self.merges):
            place[len(self.energies) + n] = place[pair].mean()
            ax.plot(place[pair], [self.levels[n]] * 2, color="C0", linewidth=1.2)
        span = np.ptp(levels[np.isfinite(levels)]) or 1.0
        for node, parent in enumerate(parents):
            top = levels[parent] if parent >= 0 else levels[np.isfinite(levels)].max() + 0.05 * span
            ax.plot([place[node]] * 2, [levels[node], top], color="C0", linewidth=1.2)
        ax.plot(place[order], self.energies[order], "o", color="C0", markersize=4)
        ax.set_xticks(range(len(order)), [str(i) for i in order])


def merge_tree(
    energies: np.ndarray, pairs: np.ndarray, tops: np.ndarray, lengths: np.ndarray | None = None
) -> MergeTree:
    """Join minima in the order of rising passes (Kruskal's minimum spanning tree).

    The highest pass on the way through the tree between two minima is the lowest possible over all
    ways through the graph, so the tree holds all minimax barriers.

    Parameters
    ----------
    energies : [K] energies of the minima.
    pairs : int [Q, 2] minima that a path joins.
    tops : [Q] highest energy on each path; those not finite are no connection.
    lengths : [Q] lengths of the paths: of two over the same saddle (tops equal to 1e-8 of their
        span) the shorter is taken, so that a path on to a further minimum does not hide the way.

    References
    ----------
    O. M. Becker, M. Karplus, J. Chem. Phys. 106, 1495 (1997), doi:10.1063/1.473299.
    J. B. Kruskal, Proc. Amer. Math. Soc. 7, 48 (1956), doi:10.2307/2033241.

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.protocols.merge_tree import merge_tree
    >>> pairs, tops = np.array([[0, 1], [0, 2], [1, 2]]), np.array([9.0, 2.0, 5.0])
    >>> tree = merge_tree(np.zeros(3), pairs, tops)
    >>> float(tree.heights[0, 1])   # by way of minimum 2
    5.0
    >>> tree.newick()
    '(1:5,(0:2,2:2):3);'
    """
    count = len(energies)
    heights = np.full((count, count), np.inf)
    heights[np.diag_indices(count)] = energies
    passes = np.full((count, count), -1)
    members = {i: [i] for i in range(count)}
    node_of = np.arange(count)
    merges: list[list[int]] = []
    edges: list[int] = []
    levels: list[float] = []
    level = -np.inf
    for edge in _rising(energies, tops, lengths):
        left, right = (int(node_of[i]) for i in pairs[edge])
        if left == right:
            continue
        ours, theirs = members.pop(left), members.pop(right)
        level = max(level, float(tops[edge]))  # ties may be out of order by their tolerance
        heights[np.ix_(ours, theirs)] = heights[np.ix_(theirs, ours)] = level
        passes[np.ix_(ours, theirs)] = passes[np.ix_(theirs, ours)] = edge
        levels.append(level)
        node = count + len(merges)
        members[node] = ours + theirs
        node_of[members[node]] = node
        merges.append([left, right])
        edges.append(int(edge))
    joined = np.array(merges, dtype=np.int64).reshape(-1, 2)
    used = np.array(edges, dtype=np.int64)
    return MergeTree(np.asarray(energies), joined, np.array(levels), used, heights, passes)


def _rising(energies: np.ndarray, tops: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Return the finite passes in rising order, equal ones in the order of their lengths."""
    finite = np.flatnonzero(np.isfinite(tops))
    if not finite.size:
        return finite
    span = tops[finite].max() - energies.min()
    rounded = np.round((tops[finite] - energies.min()) / (1e-8 * span or 1))
    second = tops if lengths is None else lengths
    return finite[np.lexsort((second[finite], rounded))]


def route(tree: MergeTree, pairs: np.ndarray, first: int, last: int) -> list[int]:
    """Return the minima on the minimax way from `first` to `last`, both included; [] if none."""
    neighbours: dict[int, list[int]] = {}
    for a, b in pairs[tree.edges]:
        neighbours.setdefault(int(a), []).append(int(b))
        neighbours.setdefault(int(b), []).append(int(a))
    came_from, front = {first: first}, [first]
    while front and last not in came_from:
        nodes, front = front, []
        for node in nodes:
            for other in neighbours.get(node, []):
                if other not in came_from:
                    came_from[other] = node
                    front.append(other)
    if last not in came_from:
        return []
    way = [last]
    while way[-1] != first:
        way.append(came_from[way[-1]])
    return way[::-1]
