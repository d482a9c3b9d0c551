"""The engine against JAX, NumPy and PyTorch on the same work; README.md says how to compare."""
