"""TLS between workers, InfluxDB, Grafana and browsers: certificates, and where they are kept."""
