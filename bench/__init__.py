"""Benchmarks: how long, compared with what, side by side in one run; never a test."""
