"""Expected against seen: what the catalogs document, and what InfluxDB and Grafana answer."""
