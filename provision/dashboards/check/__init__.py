"""A linter of Grafana dashboards over InfluxQL: what would mislead the person who looks."""
