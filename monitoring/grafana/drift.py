"""Drift: have the customers changed, which features, and where?"""

from panels import MODEL, bars, columns, dashboard, heat, lines, override, prom, row, stat, states, steps, table, variable

LIVE = '{model_version="$model", reference="live"}'
LIMITS = steps("green", 0.1, "orange", 0.25, "red")

NOW = [
    stat("Drift alarm", prom('max(churn_model_alarm{model_version="$model", kind="drift"})', "alarm"), w=6, h=4, limits=steps("green", 1, "red")),
    stat("Features that have drifted", prom("churn_model_drifted_features" + LIVE, "features"), w=6, h=4, limits=steps("green", 1, "orange", 3, "red")),
    stat("Worst feature", prom("max(churn_model_feature_psi" + LIVE + ")", "PSI"), w=6, h=4, unit="none", limits=LIMITS),
    stat("Score", prom('churn_model_feature_psi{model_version="$model", reference="live", feature="probability"}', "PSI"), w=3, h=4, unit="none", limits=LIMITS),
    stat("Predicted leavers", prom('churn_model_feature_psi{model_version="$model", reference="live", feature="label"}', "PSI"), w=3, h=4, unit="none", limits=LIMITS),
]
FEATURES = [
    heat("Features over time", prom("churn_model_feature_psi" + LIVE, "{{feature}}"), w=16, h=14, unit="none", low=0, high=0.5, about="Population stability index against the version's first live rows: from 0.1 on a change that matters, from 0.25 on a large one."),
    bars("Worst features", prom("topk(10, churn_model_feature_psi" + LIVE + ")", "{{feature}}", now=True), w=8, h=14, unit="none", limits=LIMITS, high=0.5),
    lines("$feature", [
        prom('churn_model_feature_psi{model_version="$model", feature="$feature", reference="live"}', "its first live rows"),
        prom('churn_model_feature_psi{model_version="$model", feature="$feature", reference="training"}', "its training"),
    ], w=12, unit="none", low=0, limits=LIMITS, about="The training reference raises no alarm: a synthetic stream differs from its real rows for ever."),
    lines("Features that have drifted", prom('churn_model_drifted_features{model_version="$model"}', "from {{reference}}"), w=12, low=0),
]
TOGETHER = [
    lines("Numbers: Kolmogorov-Smirnov", prom('churn_model_feature_ks{model_version="$model"}', "{{feature}}"), w=12, unit="none", low=0, about="Largest difference of the distribution functions, at the edges of the bins."),
    lines("Numbers: Wasserstein", prom('churn_model_feature_wasserstein{model_version="$model"}', "{{feature}}"), w=12, unit="none", low=0, about="In standard deviations of the first live rows; Evidently calls 0.1 a drift."),
    lines("All columns together", [
        prom('churn_model_reconstruction_error{model_version="$model"}', "now"),
        prom('churn_model_reconstruction_error_bound{model_version="$model", bound="middle"}', "first live rows"),
        prom('churn_model_reconstruction_error_bound{model_version="$model", bound=~"lower|upper"}', "limit {{bound}}"),
    ], w=12, unit="none", about="How far customers lie from the main components of the first live rows: it moves when columns no longer go together, though each is as before. A twentieth of it, surely, is a drift."),
    lines("Drifts found in the score", [
        prom('churn_model_score_detections_total{model_version="$model"}', "{{detector}}"),
    ], w=12, low=0, about="By detectors on its mean; they raise no alarm."),
]


def share(reference):
    """A feature's bars, as a table."""
    return prom(f'sum by (bin) (churn_model_feature_share_ratio{{model_version="$model", feature="$feature", reference="{reference}"}})', instant=True)


FEATURES.append(columns("$feature: then and now", [share("live"), share("now")], "bin", w=24, unit="percentunit", join={"Value #A": "first live rows", "Value #B": "now"}))


def segment(metric):
    """A figure of each segment, as a table."""
    return prom(f'max by (segment, value) (churn_model_segment_{metric}{{model_version="$model"}})', instant=True)


def promised(metric):
    """What was expected of each segment before its outcomes came, as a table."""
    return prom(f'max by (segment, value) (churn_model_segment_estimated_{metric}{{model_version="$model", bound="middle"}})', instant=True)


FIGURES = ["rows_ratio", "drifted_features", "worst_psi", "probability_psi", "missing_ratio", "unseen_ratio", "accuracy_ratio", "auc_ratio", "f1_ratio", "log_loss", "brier_ratio", "churn_ratio"]
HEADS = ["share of rows", "drifted features", "worst PSI", "PSI of the score", "most missing", "most unseen", "accuracy", "AUC", "F1", "log-loss", "Brier score", "left"]
PROMISED = {"accuracy_ratio": "expected accuracy", "auc_ratio": "expected AUC", "f1_ratio": "expected F1", "log_loss": "expected log-loss"}
SEGMENTS = [
    table("Segments now", [segment(figure) for figure in FIGURES] + [promised(figure) for figure in PROMISED], w=24, h=10, unit="none",
          about="Expected is what the probabilities alone promise of the segment (CBPE), before outcomes are known.",
          rename={f"Value #{chr(ord('A') + at)}": head for at, head in enumerate([*HEADS, *PROMISED.values()])},
          overrides=[override("share of rows|most missing|most unseen|accuracy|expected accuracy|left", unit="percentunit")]),
    states("Segments: alarms", prom('max by (segment, value) (churn_model_segment_alarm{model_version="$model"})', "{{segment}} {{value}}"), [(0, "quiet", "green"), (1, "alarm", "red")], w=12),
    heat("Segments: errors of the last block", prom(
        'churn_model_segment_block_log_loss{model_version="$model", rows="block"} / on (instance, segment, value) churn_model_segment_block_log_loss{model_version="$model", rows="reference"}',
        "{{segment}} {{value}}"), w=12, unit="none", low=0.8, high=1.5, about="Mean log-loss against that of the segment's first labelled rows: from 1.1 on it matters, where chance does not explain it."),
    lines("Log-loss expected by segment", prom('churn_model_segment_estimated_log_loss{model_version="$model", bound="middle"}', "{{segment}} {{value}}"), w=24, unit="none", about="Before outcomes are known, from the probabilities alone (CBPE)."),
    lines("Log-loss by segment", prom('churn_model_segment_log_loss{model_version="$model"}', "{{segment}} {{value}}"), w=12, unit="none"),
    heat("Worst PSI by segment", prom('churn_model_segment_worst_psi{model_version="$model"}', "{{segment}} {{value}}"), w=12, unit="none", low=0, high=0.5),
]


def by_feature(title, metric, about):
    """Shares of bad values, by feature, over time."""
    return heat(title, prom(f'{metric}{{model_version="$model"}}', "{{feature}}"), h=12, unit="percentunit", low=0, high=0.3, about=about)


QUALITY = [
    by_feature("Missing", "churn_model_feature_missing_ratio", "Share of the last full window without a value."),
    by_feature("Unseen", "churn_model_feature_unseen_ratio", "Share with a word that the live reference has not."),
    by_feature("Out of range", "churn_model_feature_out_of_range_ratio", "Share with a number beyond the live reference's."),
    lines("Missing values", prom("churn:feature:missing_ratio", "{{feature}}"), w=12, unit="percentunit", low=0, limits=steps("transparent", 0.02, "red"), about="Share of the events of the last minute without a value."),
    lines("Unknown categories", prom("churn:feature:unknown_ratio", "{{feature}}"), w=12, unit="percentunit", low=0, limits=steps("transparent", 0.01, "red"), about="Share of the events of the last minute with a word that the model does not know."),
    lines("Records that came again", prom('sum by (kind) (increase(churn_monitor_repeated_total[1m])) or label_replace(vector(0), "kind", "none", "", "")', "{{kind}}"), w=12, low=0),
    lines("Share of scores that came again", prom("churn:scores:repeated_ratio", "scores"), w=12, unit="percentunit", low=0, limits=steps("transparent", 0.02, "red")),
    lines("Age of the newest event", prom("churn:model:event_age_seconds", "{{model_version}}"), w=12, unit="s", low=0, limits=steps("transparent", 900, "red"), about="By the events' own clock."),
    lines("Without a value for", prom('churn:feature:unfilled_seconds{model_version="$model"}', "{{feature}}"), w=12, unit="s", low=0, about="How long before the newest event a feature last had a value."),
    states("Training reference", prom("max by (model_version) (churn_model_training_reference_refused)", "{{model_version}}"), [(0, "compared with", "green"), (1, "of other features: refused", "red")], w=12),
    lines("Halves given up by the join", [
        prom("sum by (kind) (increase(churn_monitor_evictions_total[1m]))", "{{kind}}"),
        prom("sum(increase(churn_monitor_orphan_outcomes_total[1m]))", "outcomes without a score"),
    ], w=12, low=0),
]

DASHBOARD = dashboard(
    "churn-drift", "Drift", "The customers of now against those whom the model met first.",
    [*NOW, row("Features"), *FEATURES, *TOGETHER, row("Segments"), *SEGMENTS, row("Quality of the data"), *QUALITY],
    variables=[MODEL, variable("feature", "Feature", "label_values(churn_model_feature_psi, feature)")],
)
