"""The texts of alerts, in Go's templates: what a catalog says stays text, whatever is in it.

`.Labels` and `.Values` are Grafana's; `$labels`, which it also knows, would be a variable of the
environment to some of its versions. Source: Grafana documentation, Alerting, Template annotations
and labels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from provision.catalog.model import Catalog, Condition, Input, Metric, MetricType
from provision.catalog.reference import in_words, with_unit
from provision.catalog.units import Unit

_VALUE = ".Values.B.Value"
# What a value is told as, by its unit; the functions are those of Grafana's templates.
_VALUES = {
    Unit.BYTES: f"{{{{ humanize1024 {_VALUE} }}}}B",
    Unit.BITS: f"{{{{ humanize {_VALUE} }}}}bit",
    Unit.SECONDS: f"{{{{ humanizeDuration {_VALUE} }}}}",
    Unit.PERCENT: f'{{{{ printf "%.1f" {_VALUE} }}}} percent',
    Unit.RATIO: f"{{{{ humanizePercentage {_VALUE} }}}}",
}


def plain(text: str) -> str:
    """A text that a template gives back as it is; a line ends as YAML reads it in any version."""
    text = re.sub("\r\n?|[\x85\u2028\u2029]", "\n", text)
    return re.sub(r"[{$]", lambda match: f'{{{{ "{match[0]}" }}}}', text)


def value_text(unit: Unit) -> str:
    """The template of a value in its unit."""
    if unit is Unit.COUNT:
        return f'{{{{ printf "%.6g" {_VALUE} }}}}'
    return _VALUES.get(unit) or f'{{{{ printf "%.6g" {_VALUE} }}}} {unit}'


def summary(catalog: Catalog, metric: Metric, condition: Condition) -> str:
    """One line of what is the matter, and where; without a series, that nothing is known."""
    title = plain(metric.title)
    if condition.silent is not None:
        came = "Nothing" if catalog.input is Input.TELEGRAF else f"Nothing of {title}"
        what = f"{came} came from {{{{ .Labels.host }}}} for {in_words(condition.silent)}"
        unknown = f"Nothing is known of any host: no data of {title}, or the query failed"
    else:
        where = "{{ .Labels.host }}" + _tags(catalog.tags(metric))
        what = f"{title} on {where}: {_comparison(metric, condition)}"
        unknown = f"{title}: nothing is known (no data, or the query failed)"
    return f"{{{{ if .Labels.host }}}}{what}{{{{ else }}}}{unknown}{{{{ end }}}}"


def description(metric: Metric, condition: Condition) -> str:
    """What the metric means, and what to do."""
    return f"{plain(metric.description)}\n\nWhat to do: {plain(condition.advice)}"


def _comparison(metric: Metric, condition: Condition) -> str:
    assert condition.bound is not None
    span = " in 5 minutes" if metric.type is MetricType.COUNTER else ""
    side = "above" if condition.above is not None else "below"
    return f"{value_text(metric.unit)}{span}, {side} {with_unit(condition.bound, metric.unit)}"


def _tags(tags: Sequence[str]) -> str:
    """The tags of a series by their names, those that it has."""
    return "".join(
        f"{{{{ if .Labels.{tag} }}}}, {tag} {{{{ .Labels.{tag} }}}}{{{{ end }}}}" for tag in tags
    )
