"""Retraining: the champion against those in its shadow on the same events, and what became of requests for a new model."""

from panels import columns, dashboard, lines, prom, row, sql, stat, steps, table

# Where nobody is in the shadow there is no figure: one line says so.
NOBODY = ' or on() label_replace(vector(0), "role", "nobody in shadow", "", "")'


def pair(series, legend="{{model_version}} {{role}}", **labels):
    """A figure of champion and shadow on the events that both have scored."""
    chosen = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    return prom(series + (f"{{{chosen}}}" if chosen else "") + NOBODY, legend)


# Name, and its name in the metric.
FIGURES = [("Accuracy", "accuracy"), ("Precision", "precision"), ("Recall", "recall"), ("F1", "f1"), ("AUC", "auc"), ("Brier score", "brier")]
SAME_EVENTS = [
    lines(
        "Log-loss on the same events", pair("churn_model_paired_log_loss"), unit="none",
        about="Of all events with a known outcome that both have scored since they met. Lower is better.",
    ),
    lines(
        "Log-loss: shadow less champion", pair("churn_model_paired_log_loss_difference", "{{model_version}} {{bound}}{{role}}"), unit="none", limits=steps("transparent", 0, "red"),
        about="With its 95 % interval. Below 0 the shadow is better; an interval that holds 0 says nothing yet.",
    ),
    lines("Events that both have scored", pair("churn_model_paired_rows", "{{model_version}}{{role}}"), low=0, about="With a known outcome."),
    *(lines(name, pair("churn_model_paired_ratio", metric=key), unit="none" if key in ("auc", "brier") else "percentunit", about="On the same events.") for name, key in FIGURES),
    lines("Scored in shadow, a second", prom("sum by (model_version) (rate(churn_scorer_shadow_scored_total[$__rate_interval]))" + NOBODY, "{{model_version}}{{role}}"), low=0),
    stat("Shadows refused", prom("sum(churn_scorer_shadow_refusals_total)", "refusals"), limits=steps("green", 1, "red"), about="Corrupt, incompatible or unreadable."),
    table("Models in the scorers", prom("max by (model_version, role) (churn_scorer_model_info)", instant=True), hide=["Value"]),
]
AUDIT = "churn.retrain_audit"
REQUESTS = [
    stat("Requests that wait", prom("max(churn_trainer_waiting_requests)", "requests"), w=6, h=4, limits=steps("green", 5, "orange")),
    stat("A trainer works", prom("max(churn_trainer_lease_held)", "holds the lease"), w=6, h=4, limits=steps("red", 1, "green"), about="1 while one trainer holds the lease; the others stand by."),
    stat("Promoted, of all that ended", sql(f"select count(*) filter (where status = 'promoted') as promoted, count(*) filter (where status in ('promoted', 'rejected', 'failed')) as ended from {AUDIT}"), w=6, h=4),
    stat("Promotions taken back", prom("sum(churn_trainer_rollbacks_total)", "rollbacks"), w=6, h=4, limits=steps("green", 1, "orange"), about="Because the predecessor turned out better on new events."),
    lines("Requests that came, an hour", prom('sum by (reason) (increase(churn_trainer_requests_total[1h])) or on() label_replace(vector(0), "reason", "none", "", "")', "{{reason}}"), low=0),
    lines("Trainings that ended, an hour", prom('sum by (outcome) (increase(churn_trainer_trainings_total[1h])) or on() label_replace(vector(0), "outcome", "none", "", "")', "{{outcome}}"), low=0, about="Promoted, rejected by the gate, or failed."),
    lines("Time of a training, p50", prom("histogram_quantile(0.5, sum by (le) (rate(churn_trainer_training_seconds_bucket[1h]))) >= 0 or on() vector(0)", "p50"), low=0, unit="s", about="0 where none ended within the hour."),
    columns("Customers of the last training", prom('churn_trainer_training_rows or on() label_replace(vector(0), "origin", "no training yet", "", "")', instant=True), "origin", about="Of the stream (recent), of the file (shipped), and held out for the gate."),
    lines("Asked by the monitor", prom('sum by (reason) (increase(churn_monitor_retrain_requests_total[1h])) or on() label_replace(vector(0), "reason", "none", "", "")', "{{reason}}"), low=0, about="An hour, by what it saw."),
    lines("After a promotion", prom('sum by (result) (increase(churn_trainer_after_promotion_total[1h])) or on() label_replace(vector(0), "result", "none", "", "")', "{{result}}"), low=0, about="Runs of trainer.after_promotion, an hour."),
]
DECISIONS = [
    table("The gate's decisions, the latest first", sql(f"""
        select coalesce(audit.requested_at::text, 'no request yet') as requested, audit.reason, audit.requested_by as by, audit.status, audit.champion_version as champion,
               audit.candidate_version as challenger, audit.decision ->> 'reason' as gate, audit.detail,
               extract(epoch from audit.finished_at - audit.requested_at) as seconds
        from (values (1)) as one left join lateral (select * from {AUDIT} order by requested_at desc limit 50) as audit on true"""), w=24, h=12,
        about="Each request is answered once: by a training, by another request's training (merged), or by why not (skipped)."),
]

DASHBOARD = dashboard(
    "churn-retraining", "Retraining", "The champion against its shadows on the same events; requests for a new model, trainings, and what the gate decided.",
    [row("Champion and shadow on the same events"), *SAME_EVENTS, row("Requests and trainings"), *REQUESTS, row("Decisions"), *DECISIONS],
)
