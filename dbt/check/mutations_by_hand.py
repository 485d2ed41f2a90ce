"""What the mutations cannot derive from the project: rows of every table, and how to break each singular test."""

# Rows of the tables that the made-up stream does not fill.
EXAMPLES = [
    "insert into churn.model (version, manifest_hash, kind, created_at, metrics)"
    " select v, md5(v) || md5('h'), 'gradient boosting', now(), '{}' from unnest(array['1', '2']) as v",
    "insert into churn.model_metric (model_version, dataset, metric, window_start, window_end, value, recorded_at)"
    " select v, 'test', m, '2026-09-01', '2026-09-02', figure, now() from unnest(array['1', '2']) as v,"
    " unnest(array['auc', 'log_loss', 'brier'], array[0.812, 0.436, 0.143]) as known (m, figure)",
    """update churn.scored_event set reasons = jsonb_build_array(
        jsonb_build_object('feature', case when contract = 'Month-to-month' then 'contract' else 'tenure' end, 'contribution', 0.81),
        jsonb_build_object('feature', 'internet_service', 'contribution', 0.32),
        jsonb_build_object('feature', case when tenure < 12 then 'tenure' else 'monthly_charges' end, 'contribution', -0.11))""",
]

FACT = "warehouse.fct_churn"
ONE_FACT = f"score_id = (select min(score_id::text)::uuid from {FACT})"
ONE_SCORE = "score_id = (select min(score_id::text)::uuid from churn.scored_event)"
CUSTOMER = "warehouse.dim_customer"
# A customer of several versions, and the version in the middle of its life.
CHANGED_CUSTOMER = f"customer_id = (select min(customer_id) from {CUSTOMER} where version_number = 2)"

# By test: lists of statements, each of which alone must make it fail.
BY_HAND = {
    "assert_aggregates_add_up": [
        ["delete from warehouse.agg_churn_by_day_segment where ctid = (select min(ctid) from warehouse.agg_churn_by_day_segment)"],
        ["update warehouse_intermediate.int_score_histogram set churned = churned + 1"
         " where ctid = (select min(ctid) from warehouse_intermediate.int_score_histogram)"],
    ],
    "assert_fact_and_memory_agree": [
        [f"delete from {FACT} where {ONE_FACT}"],
        [f"delete from warehouse_intermediate.int_scored_event where {ONE_FACT}"],
    ],
    "assert_fact_rows_equal_scores": [[f"delete from {FACT} where {ONE_FACT}"]],
    "assert_facts_join_the_version_valid_at_their_time": [
        [f"update {FACT} set event_time = event_time - interval '100 years' where {ONE_FACT}"],
        [f"update {FACT} set event_time = event_time + interval '100 years'"
         f" where customer_key = (select min(customer_key::text)::uuid from {CUSTOMER} where not is_current)"],
        [f"update {FACT} set customer_id = 'another' where {ONE_FACT}"],
    ],
    "assert_known_outcomes_are_attached": [[
        f"update {FACT} set is_churned = not is_churned where score_id = (select min(score_id::text)::uuid from {FACT} where is_outcome_known)",
    ]],
    "assert_source_has_no_doubled_score": [[
        "alter table churn.scored_event drop constraint scored_event_pkey",
        f"insert into churn.scored_event select * from churn.scored_event where {ONE_SCORE}",
    ]],
    "assert_validity_neither_overlaps_nor_leaves_gaps": [
        [f"update {CUSTOMER} set valid_to = valid_to - interval '1 second' where {CHANGED_CUSTOMER} and not is_current"],
        [f"update {CUSTOMER} set valid_to = valid_to + interval '1 second' where {CHANGED_CUSTOMER} and not is_current"],
        [f"delete from {CUSTOMER} where {CHANGED_CUSTOMER} and version_number = 2"],
        [f"update {CUSTOMER} set is_current = true where {CHANGED_CUSTOMER} and version_number = 1"],
    ],
}
