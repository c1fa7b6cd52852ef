"""What is generated against what a running Grafana has: told in words, decided, carried over."""
