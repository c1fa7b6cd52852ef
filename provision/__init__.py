"""From an application's documented metrics to a monitored fleet."""

__version__ = "0.1.0"
