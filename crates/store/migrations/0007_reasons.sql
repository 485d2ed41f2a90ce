-- Why a score is what it is: the features that moved it most, as the scorer's explainer found them. One document a row, because it is
-- read whole, beside its score; an array keeps the order, the largest first. Null where nobody asked (scorer.reasons = 0), and in
-- rows from before this migration: adding a nullable column rewrites none of them.
alter table churn.scored_event add column reasons jsonb;

comment on column churn.scored_event.reasons is
    'Features that moved the score most, the largest first: [{"feature": name, "contribution": Shapley value in log-odds before calibration}, ..].';
