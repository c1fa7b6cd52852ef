"""A process that has dataClay's metrics, as its src/dataclay/utils/metrics.py makes them.

Arguments: the exporter (http or pushgateway), its host and port. Each line of standard input is a
mapping of what is added to each metric; the exporter starts after the first, and each is answered.
"""

from __future__ import annotations

import json
import sys
import threading
import time

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    push_to_gateway,
    start_http_server,
)

exporter, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
registry = CollectorRegistry() if exporter == "pushgateway" else REGISTRY

inmemory_objects = Gauge(
    "dataclay_inmemory_objects", "Number of objects in memory", registry=registry
)
loaded_objects = Gauge(
    "dataclay_loaded_objects", "Number of loaded objects in memory", registry=registry
)
stored_objects = Gauge("dataclay_stored_objects", "Number of stored objects", registry=registry)
inmemory_misses = Counter(
    "dataclay_inmemory_misses_total", "Number of inmemory misses", registry=registry
)
inmemory_hits = Counter(
    "dataclay_inmemory_hits_total", "Number of inmemory hits", registry=registry
)
inmemory: list[None] = []
loaded: list[None] = []
inmemory_objects.set_function(lambda: len(inmemory))
loaded_objects.set_function(lambda: len(loaded))


def push() -> None:
    """What dataClay does every ten seconds, more often."""
    while True:
        push_to_gateway(f"{host}:{port}", job="dataclay", registry=registry)
        time.sleep(0.2)


started = False
for line in sys.stdin:
    numbers = json.loads(line)
    inmemory += [None] * numbers["objects"]
    loaded += [None] * numbers["loaded"]
    stored_objects.inc(numbers["stored"])
    inmemory_misses.inc(numbers["misses"])
    inmemory_hits.inc(numbers["hits"])
    if not started and exporter == "http":
        start_http_server(port)
    elif not started:
        threading.Thread(target=push, daemon=True).start()
    started = True
    sys.stdout.write("done\n")
    sys.stdout.flush()
