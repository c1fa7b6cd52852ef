"""Metrics of catalogs, as tests of panels want them."""

from __future__ import annotations

from provision.catalog.model import Catalog, Condition, Metric


def metric_of(catalog: Catalog, title: str) -> Metric:
    return next(metric for metric in catalog.metrics if metric.title == title)


def with_condition(metric: Metric, **condition: object) -> Metric:
    made = {"severity": "warning", "advice": "Look."} | condition
    return metric.model_copy(update={"condition": Condition.model_validate(made)})
