"""Rehearsals: the whole way from nothing to a graph, on throwaway hosts with real programs."""
