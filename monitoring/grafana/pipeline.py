"""Pipeline: rate, errors, duration and backlog of each stage."""

from panels import bars, dashboard, heat, lines, prom, row, stat, states, steps, table


def quantiles(metric, by=""):
    """Median and 99th percentile of a histogram."""
    labels = f"{by}, le" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    return [
        prom(f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket[$__rate_interval])))", f"{legend}p{q * 100:g}")
        for q in (0.5, 0.99)
    ]


STAGE = "{{stage}}"
NOW = [
    stat("Events a second", prom('churn:stage:records_per_second{stage="scorer"}', "events"), w=4, h=4, unit="none"),
    stat("Rows stored a second", prom("sum(rate(churn_sink_rows_total[$__rate_interval]))", "rows"), w=4, h=4, unit="none"),
    stat("Backlog", prom("sum(churn_consumer_lag_records)", "records"), w=4, h=4, limits=steps("green", 10_000, "orange", 100_000, "red")),
    stat(
        "Event to row, p99",
        prom("histogram_quantile(0.99, sum by (le) (rate(churn_end_to_end_seconds_bucket[$__rate_interval])))", "p99"),
        w=4, h=4, unit="s", limits=steps("green", 2.5, "red"),
    ),
    stat("Dead letters in an hour", prom("sum(increase(churn_dead_letters_total[1h])) or vector(0)", "letters"), w=4, h=4, limits=steps("green", 1, "red")),
    stat("Components not ready", prom("sum(1 - churn_component_ready)", "components"), w=4, h=4, limits=steps("green", 1, "red")),
]
RATE = [
    lines("Records a second", prom("churn:stage:records_per_second", STAGE), low=0, about="Over the last ten seconds, as each part tells it."),
    lines("Read, and made durable", [
        prom("sum by (stage) (rate(churn_stage_read_total[$__rate_interval]))", f"{STAGE} read"),
        prom("sum by (stage) (rate(churn_stage_durable_total[$__rate_interval]))", f"{STAGE} durable"),
    ], low=0),
    lines("Seconds since the last record", prom("min by (stage) (churn_stage_idle_seconds)", STAGE), low=0, unit="s"),
]
ERRORS = [
    lines("Dead letters", prom('sum by (stage, class) (increase(churn_dead_letters_total[1m])) or label_replace(vector(0), "stage", "none", "", "")', "{{stage}} {{class}}"), low=0, about="A minute, by stage and kind of fault."),
    lines("Attempts that failed", prom('sum by (stage, target) (increase(churn_retries_total[1m])) or label_replace(vector(0), "stage", "none", "", "")', "{{stage}} {{target}}"), low=0, about="A minute, against a server that should have answered."),
    states("Components", prom("min by (component) (churn_component_ready)", "{{component}}"), [(0, "not ready", "red"), (1, "ready", "green")]),
    lines("Duplicates, conflicts, fenced commits", [
        prom("sum(increase(churn_sink_duplicates_total[1m]))", "duplicates"),
        prom("sum(increase(churn_sink_conflicts_total[1m])) or vector(0)", "conflicts"),
        prom("sum(increase(churn_sink_fenced_total[1m]))", "fenced"),
    ], low=0),
    lines("Assignments of partitions", prom('sum by (stage) (increase(churn_rebalances_total[1m])) or label_replace(vector(0), "stage", "none", "", "")', STAGE), low=0),
    table("Alerts", prom('ALERTS{alertstate="firing"} or vector(0)', instant=True), hide=["__name__", "Value", "job"], about="Those that fire now; one empty line where none does."),
]
DURATION = [
    lines("Event to row", quantiles("churn_end_to_end_seconds"), low=0, unit="s", limits=steps("transparent", 2.5, "red"), about="From the time for which an event was scheduled to its row's commit. 99 % within 2.5 s is the objective."),
    lines("Scorer: steps of a batch, p99", quantiles("churn_scorer_batch_seconds", "step")[1], low=0, unit="s"),
    lines("Sink: commit", quantiles("churn_sink_commit_seconds"), low=0, unit="s"),
    lines("Records in a batch, p50", [
        prom("histogram_quantile(0.5, sum by (le) (rate(churn_scorer_batch_records_bucket[$__rate_interval])))", "scorer"),
        prom("histogram_quantile(0.5, sum by (le) (rate(churn_sink_batch_records_bucket[$__rate_interval])))", "sink"),
    ], low=0),
    lines("HTTP: requests a second", prom("sum by (route, status) (rate(churn_http_requests_total[$__rate_interval]))", "{{route}} {{status}}"), low=0),
    lines("HTTP: time to answer, p99", quantiles("churn_http_request_seconds", "route")[1], low=0, unit="s"),
]
BACKLOG = [
    lines("Backlog by stage", prom("churn:stage:lag_records", STAGE), low=0, about="Records that the broker has and a stage has not made durable; transaction markers and revoked partitions left out."),
    heat("Backlog by partition", prom("sum by (stage, topic, partition) (churn_consumer_lag_records)", "{{stage}} {{topic}} {{partition}}"), low=0, high=10_000),
    lines("Held back", prom("rate(churn_synthesizer_throttled_seconds_total[$__rate_interval])", "synthesizer"), low=0, unit="percentunit", about="Share of the time in which the synthesizer waited for its readers."),
]
OBJECTIVES = [
    bars("Latency: share of late rows", [prom(f"clamp_min(churn:latency:bad_ratio_rate{w}, 0)", w) for w in ("5m", "1h", "6h", "1d", "3d")], unit="percentunit", w=12, limits=steps("green", 0.01, "orange", 0.06, "red"), about="1 % is the budget of 30 days; 14.4 times that over an hour pages."),
    bars("Loss: share of dead letters", [prom(f"churn:loss:bad_ratio_rate{w} or vector(0)", w) for w in ("5m", "1h", "6h", "1d", "3d")], unit="percentunit", w=12, limits=steps("green", 0.001, "orange", 0.006, "red"), about="0.1 % is the budget of 30 days."),
]
PROCESSES = [
    lines("Processor", prom("rate(churn_process_cpu_seconds_total[$__rate_interval])", "{{instance}}"), low=0, unit="none", about="Cores in use."),
    lines("Memory", prom("churn_process_resident_memory_bytes", "{{instance}}"), low=0, unit="bytes"),
    table("Builds", [
        prom("churn_build_info", instant=True),
        prom("time() - churn_process_start_time_seconds", instant=True),
    ], hide=["__name__", "job", "Value #A"], rename={"Value #B": "up"}, unit="s"),
]

DASHBOARD = dashboard(
    "churn-pipeline", "Pipeline", "Rate, errors, duration and backlog of each stage, from event to row.",
    [*NOW, row("Rate"), *RATE, row("Errors"), *ERRORS, row("Duration"), *DURATION, row("Backlog"), *BACKLOG, row("Objectives over 30 days"), *OBJECTIVES, row("Processes"), *PROCESSES],
)
