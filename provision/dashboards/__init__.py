"""Grafana dashboards from a catalog: what is shown, how it is asked, how it is laid out."""
