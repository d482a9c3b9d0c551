"""The merge tree against a plain minimax over all ways, and its drawing and text forms."""

import itertools

import numpy as np
import pytest

from thalweg.protocols.merge_tree import merge_tree, route


def graph(count, edges, seed):
    rng = np.random.default_rng(seed)
    energies = rng.normal(size=count)
    every = np.stack(np.triu_indices(count, 1), axis=1)
    pairs = every[rng.permutation(len(every))[:edges]]
    return energies, pairs, energies[pairs].max(axis=1) + rng.exponential(size=edges)


@pytest.mark.parametrize(("count", "edges"), [(2, 1), (6, 15), (12, 20), (12, 8), (40, 100)])
def test_heights_are_the_minimax_over_all_ways(count, edges):
    energies, pairs, tops = graph(count, edges, seed=count)
    exact = np.full((count, count), np.inf)
    exact[pairs[:, 0], pairs[:, 1]] = exact[pairs[:, 1], pairs[:, 0]] = tops
    for c in range(count):  # Floyd and Warshall
        exact = np.minimum(exact, np.maximum(exact[:, c, None], exact[None, c]))
    np.fill_diagonal(exact, energies)
    tree = merge_tree(energies, pairs, tops)
    np.testing.assert_array_equal(tree.heights, exact)
    assert (np.diff(tree.levels) >= 0).all()
    off = ~np.eye(count, dtype=bool) & np.isfinite(exact)
    np.testing.assert_array_equal(tops[tree.passes[off]], exact[off])
    assert (tree.passes[np.isinf(exact)] == -1).all()
    for i, j in np.argwhere(off):
        way = route(tree, pairs, i, j)
        passed = [exact[a, b] for a, b in itertools.pairwise(way)]
        assert (way[0], way[-1], max(passed)) == (i, j, exact[i, j])
    assert sorted(tree.order()) == list(range(count))


def test_text_form():
    energies = np.array([0.0, 1.0, 0.5])
    tree = merge_tree(energies, np.array([[0, 1], [1, 2]]), np.array([3.0, 2.0]))
    assert tree.newick() == "(0:3,(1:1,2:1.5):1);"
    np.testing.assert_array_equal(tree.parents(), [4, 3, 3, 4, -1])
    np.testing.assert_array_equal(tree.merges, [[1, 2], [0, 3]])


def test_what_is_not_connected_stays_apart():
    tree = merge_tree(np.zeros(4), np.array([[0, 1], [2, 3]]), np.array([1.0, np.inf]))
    assert tree.newick() == "2;\n3;\n(0:1,1:1);"
    assert np.isinf(tree.heights[0, 2])
    assert route(tree, np.array([[0, 1], [2, 3]]), 2, 3) == []
    nothing = merge_tree(np.zeros(2), np.array([[0, 1]]), np.array([np.nan]))
    assert len(nothing.merges) == 0


def test_of_two_paths_over_one_saddle_the_shorter_is_taken():
    pairs, tops = np.array([[0, 1], [0, 2], [1, 2]]), np.array([5.0, 5.0 + 1e-12, 2.0])
    long = merge_tree(np.zeros(3), pairs, tops)
    short = merge_tree(np.zeros(3), pairs, tops, lengths=np.array([2.0, 1.0, 1.0]))
    assert route(long, pairs, 0, 1) == [0, 2, 1] or route(long, pairs, 0, 1) == [0, 1]
    assert route(short, pairs, 0, 1) == [0, 2, 1]
    assert (np.diff(short.levels) >= 0).all()


def test_branches_do_not_cross():
    energies, pairs, tops = graph(20, 60, seed=1)
    tree = merge_tree(energies, pairs, tops)
    place = {leaf: at for at, leaf in enumerate(tree.order())}
    members = [[i] for i in range(20)]
    for left, right in tree.merges:
        members.append(members[left] + members[right])
        at = sorted(place[i] for i in members[-1])
        assert at == list(range(at[0], at[0] + len(at)))
