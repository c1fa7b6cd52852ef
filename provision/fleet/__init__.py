"""From an inventory to a run on its hosts: read, keep the secrets, render, run, tell."""
