"""What the dashboards are made of: queries, panels, and their places on the page.

A dashboard says what it shows; everything that all of them have in common is here, once.
"""

PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}
POSTGRES = {"type": "grafana-postgresql-datasource", "uid": "postgres"}
# The model of Grafana 11.3 and later; older ones read it as well.
SCHEMA_VERSION = 40
WIDTH = 24


def prom(expr, legend="__auto", *, instant=False, now=False):
    """A query of Prometheus: a line for each series, with `now` their present values, with `instant` those as a table."""
    query = {"datasource": PROMETHEUS, "expr": expr, "legendFormat": legend, "editorMode": "code"}
    return {**query, "instant": instant or now, "range": not (instant or now), "format": "table" if instant else "time_series"}


def sql(text, *, lines=False):
    """A query of Postgres: a table, or with `lines` a column `time` and one column a line."""
    text = " ".join(text.split())
    return {"datasource": POSTGRES, "rawSql": text, "rawQuery": True, "editorMode": "code", "format": "time_series" if lines else "table"}


def steps(*pairs):
    """Colours from a value up: steps("green", 0.1, "red") is green, and red from 0.1 on."""
    colours, values = pairs[::2], [None, *pairs[1::2]]
    return {"mode": "absolute", "steps": [{"color": c, "value": v} for c, v in zip(colours, values, strict=True)]}


def panel(kind, title, targets, *, w=8, h=8, unit="short", about="", defaults=None, options=None, overrides=(), transformations=()):
    """A panel of any kind; what it needs beyond that is in `defaults` (of its fields) and `options`."""
    targets = targets if isinstance(targets, list) else [targets]
    named = [{"refId": chr(ord("A") + at), **target} for at, target in enumerate(targets)]
    sources = {target["datasource"]["uid"] for target in targets}
    return {
        "type": kind,
        "title": title,
        "description": about,
        "datasource": targets[0]["datasource"] if len(sources) == 1 else {"type": "datasource", "uid": "-- Mixed --"},
        "targets": named,
        "fieldConfig": {"defaults": {"unit": unit, **(defaults or {})}, "overrides": list(overrides)},
        "options": options or {},
        "transformations": list(transformations),
        "gridPos": {"w": w, "h": h},
    }


def override(pattern, **properties):
    """Properties of the fields whose name matches."""
    named = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byRegexp", "options": pattern}, "properties": named}


# A line that is a limit and no measurement.
LIMIT = {"custom__lineStyle": {"fill": "dash", "dash": [8, 8]}, "color": {"mode": "fixed", "fixedColor": "red"}, "custom__fillOpacity": 0}


def lines(title, targets, *, stack=False, fill=8, low=None, high=None, limits=None, **rest):
    """Lines over time; fields called `limit ...` are dashed and red."""
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 40 if stack else fill,
        "showPoints": "never",
        "spanNulls": 60_000,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
    }
    defaults = {"custom": custom, "color": {"mode": "palette-classic"}}
    if low is not None:
        defaults["min"] = low
    if high is not None:
        defaults["max"] = high
    if limits:
        defaults["thresholds"] = limits
        custom["thresholdsStyle"] = {"mode": "dashed"}
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, targets, defaults=defaults, options=options, overrides=[override("^limit .*", **LIMIT)], **rest)


def reduced(values=False):
    """The last value of each field, or each row as it is."""
    return {"calcs": ["lastNotNull"], "fields": "", "values": values}


def gauge(title, target, *, low=0, high=1, limits, **rest):
    """A dial."""
    defaults = {"min": low, "max": high, "thresholds": limits, "color": {"mode": "thresholds"}}
    options = {"reduceOptions": reduced(), "showThresholdMarkers": True, "showThresholdLabels": False}
    return panel("gauge", title, target, defaults=defaults, options=options, **rest)


def stat(title, targets, *, limits=None, **rest):
    """A large number with its past behind it."""
    defaults = {"thresholds": limits or steps("text"), "color": {"mode": "thresholds"}}
    options = {"reduceOptions": reduced(), "graphMode": "area", "colorMode": "value", "textMode": "auto"}
    return panel("stat", title, targets, defaults=defaults, options=options, **rest)


def bars(title, target, *, limits=None, high=None, values=False, **rest):
    """A bar for each field, longest first where the query sorts."""
    defaults = {"thresholds": limits or steps("blue"), "color": {"mode": "thresholds"}, "min": 0}
    if high is not None:
        defaults["max"] = high
    options = {"reduceOptions": reduced(values), "orientation": "horizontal", "displayMode": "gradient", "showUnfilled": True}
    return panel("bargauge", title, target, defaults=defaults, options=options, **rest)


def columns(title, target, x, *, stack=False, join=None, **rest):
    """Columns over the words of the field `x`; with `join` several tables side by side, their values renamed."""
    options = {
        "xField": x,
        "orientation": "auto",
        "showValue": "never",
        "stacking": "normal" if stack else "none",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    joined = [{"id": "merge", "options": {}}, {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": join}}] if join else []
    return panel("barchart", title, target, defaults={"color": {"mode": "palette-classic"}}, options=options, transformations=joined, **rest)


def heat(title, target, *, low, high, **rest):
    """A row for each series, coloured by its value over time."""
    defaults = {"min": low, "max": high, "color": {"mode": "continuous-GrYlRd"}, "custom": {"fillOpacity": 90, "lineWidth": 0}}
    options = {"showValue": "never", "rowHeight": 0.9, "legend": {"showLegend": False}, "tooltip": {"mode": "single"}}
    return panel("status-history", title, {**target, "interval": "30s"}, defaults=defaults, options=options, **rest)


def states(title, target, mappings, **rest):
    """A band for each series, in the colours of its states."""
    values = {str(value): {"text": text, "color": colour, "index": at} for at, (value, text, colour) in enumerate(mappings)}
    defaults = {"mappings": [{"type": "value", "options": values}], "custom": {"fillOpacity": 80, "lineWidth": 0}}
    options = {"showValue": "auto", "mergeValues": True, "legend": {"showLegend": False}}
    return panel("state-timeline", title, target, defaults=defaults, options=options, **rest)


def table(title, targets, *, hide=(), rename=None, overrides=(), sort=None, **rest):
    """Rows and columns; several queries are joined into one row where their labels are the same."""
    organize = {"id": "organize", "options": {"excludeByName": {name: True for name in ("Time", *hide)}, "renameByName": rename or {}}}
    options = {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": sort, "desc": True}] if sort else []}
    return panel("table", title, targets, options=options, overrides=overrides, transformations=[{"id": "merge", "options": {}}, organize], **rest)


def row(title):
    """A heading."""
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": WIDTH, "h": 1}}


def variable(name, label, query, *, sort=1, every=None):
    """A choice, from the values of a label in Prometheus; `every` adds the choice of all of them."""
    chosen = {"name": name, "label": label, "type": "query", "datasource": PROMETHEUS, "definition": query, "sort": sort, "refresh": 2}
    chosen |= {"query": {"query": query, "refId": "variable"}, "multi": False, "includeAll": bool(every)}
    return {**chosen, "allValue": ".*", "current": {"text": "All", "value": "$__all"}} if every else chosen


MODEL = variable("model", "Model", "label_values(churn_model_scored_rows_total, model_version)", sort=4)


def placed(panels):
    """Gives each panel its id and place: left to right, on the next line where it no longer fits."""
    x = y = height = 0
    for number, one in enumerate(panels, 1):
        w, h = one["gridPos"]["w"], one["gridPos"]["h"]
        if x + w > WIDTH:
            x, y, height = 0, y + height, 0
        one["id"], one["gridPos"] = number, {"x": x, "y": y, "w": w, "h": h}
        x, height = x + w, max(height, h)
    return panels


def dashboard(uid, title, about, panels, *, variables=(), since="now-1h", refresh="10s"):
    """A whole dashboard, with links to the others and a mark where an alert fired."""
    alerts = {
        "name": "Alerts",
        "datasource": PROMETHEUS,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertstate="firing", alertname=~"Churn.*"}',
        "titleFormat": "{{alertname}}",
        "tagKeys": "severity,model_version,stage,feature",
        "step": "15s",
    }
    return {
        "uid": uid,
        "title": title,
        "description": about,
        "tags": ["churnstream"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": since, "to": "now"},
        "refresh": refresh,
        "annotations": {"list": [alerts]},
        "links": [{"title": "Churnstream", "type": "dashboards", "tags": ["churnstream"], "asDropdown": False, "keepTime": True, "includeVars": True}],
        "templating": {"list": list(variables)},
        "panels": placed(list(panels)),
    }
