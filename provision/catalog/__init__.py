"""Metric catalogs: what an application documents that it emits."""
