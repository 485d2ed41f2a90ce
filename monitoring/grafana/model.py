"""Model: is the champion still as good as it was, and as good as it was in training?"""

from panels import MODEL, dashboard, gauge, lines, prom, row, sql, stat, states, steps, table

IT = '{model_version="$model"}'
# Name, metric, its name in the metrics of bands and estimates, unit, and from where on a dial changes its colour: of the shipped data
# and its models.
SIX = [
    ("Accuracy", "churn_model_accuracy_ratio", "accuracy", "percentunit", steps("red", 0.65, "orange", 0.72, "green")),
    ("Precision", "churn_model_precision_ratio", "precision", "percentunit", steps("red", 0.4, "orange", 0.5, "green")),
    ("Recall", "churn_model_recall_ratio", "recall", "percentunit", steps("red", 0.5, "orange", 0.65, "green")),
    ("F1", "churn_model_f1_ratio", "f1", "percentunit", steps("red", 0.5, "orange", 0.58, "green")),
    ("AUC", "churn_model_auc_ratio", "auc", "none", steps("red", 0.75, "orange", 0.8, "green")),
    ("Log-loss", "churn_model_log_loss", None, "none", steps("green", 0.45, "orange", 0.6, "red")),
]

NOW = [
    gauge(f"{name} now", prom(metric + IT, name), w=4, h=6, unit=unit, limits=limits, about="Of the recent labelled rows (monitor.performance_window_rows).")
    for name, metric, _, unit, limits in SIX
]


def history(name, metric, key, unit):
    """A figure over time, with its interval, what was expected of it, and the end of the band that chance explains."""
    if key:
        chosen = f'_ratio{{model_version="$model", metric="{key}"'
        worst = chosen + ', bound="lower"}'
    else:
        chosen = '_log_loss{model_version="$model"'
        worst = chosen + ', bound="upper"}'
    return lines(name, [
        prom(metric + IT, "live"),
        prom("churn_model_interval" + chosen + "}", "95 % {{bound}}"),
        prom("churn_model_estimated" + chosen + "}", "estimated"),
        prom("churn_model_band" + worst, "limit of what chance explains"),
    ], unit=unit, about="Estimated is what the probabilities alone promise (CBPE), before outcomes are known.")


HISTORY = [history(name, metric, key, unit) for name, metric, key, unit, _ in SIX]
ERRORS = [
    lines("Log-loss of the last block, and the alarm's limit", [
        prom('churn_model_block_log_loss{model_version="$model", rows="block"}', "last block"),
        prom('churn_model_block_log_loss{model_version="$model", rows="reference"}', "first rows"),
        prom('1.1 * churn_model_block_log_loss{model_version="$model", rows="reference"}', "limit (monitor.performance_min_increase)"),
    ], unit="none", about="An alarm is a block above the limit that chance does not explain."),
    lines("Calibration error", [
        prom("churn_model_calibration_error_ratio" + IT, "live"),
        prom('churn_model_interval_ratio{model_version="$model", metric="calibration_error"}', "95 % {{bound}}"),
    ], unit="percentunit", low=0, limits=steps("green", 0.05, "red"), about="How far the probabilities are from the shares that left, over ten bins."),
    lines("Brier score and average precision", [
        prom("churn_model_brier_ratio" + IT, "Brier score"),
        prom("churn_model_average_precision_ratio" + IT, "average precision"),
        prom('churn_model_interval_ratio{model_version="$model", metric=~"brier|average_precision"}', "{{metric}}, 95 % {{bound}}"),
    ], unit="none", low=0),
    lines("Labels", [
        prom("churn_model_label_coverage_ratio" + IT, "of all scores"),
        prom("churn:labels:coverage_ratio", "of the last hour"),
    ], unit="percentunit", low=0, high=1, about="Share of the scores whose outcome is known."),
    lines("Detectors on the errors", prom("sum by (detector, signal) (increase(churn_model_detections_total" + IT + "[5m]))", "{{detector}} {{signal}}"), low=0, about="Shown; alarms come from effect and significance."),
    lines("Mean probability of churn", prom("churn_scorer_mean_probability_ratio" + IT, "{{instance}}"), unit="percentunit", low=0, high=1),
]
ALARMS = [
    states("Alarms", prom("max by (model_version, kind) (churn_model_alarm)", "{{model_version}} {{kind}}"), [(0, "quiet", "green"), (1, "alarm", "red")], w=12),
    states("Models in the scorers", prom("max by (model_version, role) (churn_scorer_model_info)", "{{model_version}} {{role}}"), [(1, "loaded", "blue")], w=12),
    stat("Champions swapped in", prom("sum(churn_scorer_model_swaps_total)", "swaps"), w=6, h=4),
    stat("Champions refused", prom("sum(churn_scorer_model_refusals_total)", "refusals"), w=6, h=4, limits=steps("green", 1, "red")),
    stat("Requests for a new model", prom('sum(churn_monitor_retrain_requests_total) or vector(0)', "requests"), w=6, h=4),
    stat("Scores that wait for their outcome", prom("sum(churn_monitor_join_window_records)", "scores"), w=6, h=4),
]
BY_VERSION = """
    select model_version as version, metric,
           max(value) filter (where dataset = 'training') as training,
           max(value) filter (where dataset = 'test') as test,
           max(value) filter (where dataset = 'live') as live
    from (
        select distinct on (model_version, dataset, metric) model_version, dataset, metric, value
        from churn.model_metric order by model_version, dataset, metric, window_end desc
    ) as latest
    group by 1, 2 order by 1 desc, 2 limit 200"""
VERSIONS = [
    table("Training, test and live, by version", sql(BY_VERSION), w=24, h=10, unit="none", about="The latest of each: training are the rows it was fitted on, test those held out or out of fold, live is the last window that was stored."),
    table("Live figures by version", [
        prom(f"max by (model_version) ({metric})", instant=True) for _, metric, *_ in SIX
    ], w=24, unit="none", sort="model_version", rename={f"Value #{chr(ord('A') + at)}": name for at, (name, *_) in enumerate(SIX)}),
]

DASHBOARD = dashboard(
    "churn-model", "Model", "The model that scores: its errors now and before, against its own first rows and its training.",
    [*NOW, row("History of $model"), *HISTORY, row("Errors and labels of $model"), *ERRORS, row("By version"), *VERSIONS, row("Alarms and models"), *ALARMS],
    variables=[MODEL],
)
