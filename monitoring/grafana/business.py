"""Business: who is about to leave, how much they pay, and why. From Postgres, over the time chosen above."""

from panels import bars, columns, dashboard, lines, override, row, sql, stat, steps, table

# A score's id begins with the milliseconds of its event: a range of ids is a range of time, and only its partitions are read.
EDGE = "(lpad(to_hex((extract(epoch from {}::timestamptz) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid"
SCORES = f"churn.scored_event where score_id >= {EDGE.format('$__timeFrom()')} and score_id < {EDGE.format('$__timeTo()')}"
OUTCOMES = f"churn.outcome where score_id >= {EDGE.format('$__timeFrom()')} and score_id < {EDGE.format('$__timeTo()')}"
TIME = "$__timeGroup(event_time, $__interval)"
MONEY = "currencyUSD"

NOW = [
    stat("Customers scored", sql(f"select count(*) as customers from {SCORES}"), w=4, h=4),
    stat("About to leave", sql(f"select avg(label::int) as share from {SCORES}"), w=4, h=4, unit="percentunit"),
    stat("Left, as far as known", sql(f"select avg(churned::int) as share from {OUTCOMES}"), w=4, h=4, unit="percentunit"),
    stat("Monthly revenue at risk", sql(f"select sum(monthly_charges * probability) as dollars from {SCORES}"), w=4, h=4, unit=MONEY, about="What each customer pays a month, times the probability that the customer leaves."),
    stat("Of those about to leave", sql(f"select coalesce(sum(monthly_charges) filter (where label), 0) as dollars from {SCORES}"), w=4, h=4, unit=MONEY),
    stat("Share of the revenue", sql(f"select sum(monthly_charges * probability) / nullif(sum(monthly_charges), 0) as share from {SCORES}"), w=4, h=4, unit="percentunit"),
]
OVER_TIME = [
    lines("Churn: predicted and actual", [
        sql(f"select {TIME} as time, avg(probability) as predicted, avg(label::int) as \"called leavers\" from {SCORES} group by 1 order by 1", lines=True),
        sql(f"select {TIME} as time, avg(churned::int) as actual from {OUTCOMES} group by 1 order by 1", lines=True),
    ], w=12, unit="percentunit", low=0, about="Predicted is the mean probability. Outcomes come later than scores."),
    lines("Monthly revenue at risk", sql(f"select {TIME} as time, sum(monthly_charges * probability) as dollars from {SCORES} group by 1 order by 1", lines=True), w=12, unit=MONEY, low=0),
]


def by(column, title, **rest):
    """Share about to leave and revenue at risk by the words of a column."""
    query = f"""
        select coalesce({column}::text, 'not known') as "{title}", avg(probability) as predicted
        from {SCORES} group by 1 order by 2 desc limit 12"""
    return columns(title, sql(query), title, unit="percentunit", **rest)


SEGMENTS = [
    by("contract", "Contract"),
    by("internet_service", "Internet service"),
    by("payment_method", "Payment"),
    by("case when tenure < 6 then '0 to 5' when tenure < 12 then '6 to 11' when tenure < 24 then '12 to 23' when tenure < 48 then '24 to 47' else '48 and more' end", "Months with us"),
    by("senior_citizen", "Senior citizen"),
    table("Revenue at risk by contract and service", sql(f"""
        select contract, internet_service as internet, count(*) as customers, avg(probability) as predicted,
               sum(monthly_charges * probability) as at_risk
        from {SCORES} group by 1, 2 order by 5 desc limit 20"""), overrides=[override("predicted", unit="percentunit"), override("at_risk", unit=MONEY)]),
]


def why(figure):
    """A figure of the customers whose score each feature moved up."""
    return sql(f"""
        select reason ->> 'feature' as reason, {figure}
        from (select monthly_charges, probability, reasons from {SCORES}) as score, jsonb_array_elements(score.reasons) as reason
        where (reason ->> 'contribution')::float8 > 0 group by 1 order by 2 desc limit 12""")


WHY = [
    bars("Top reasons, by customers", why("count(*) as customers"), w=12, h=10, values=True, limits=steps("orange"), about="Features that moved scores towards leaving most (scorer.reasons)."),
    bars("Top reasons, by revenue at risk", why("sum(monthly_charges * probability) as at_risk"), w=12, h=10, unit=MONEY, values=True, limits=steps("orange")),
]
CUSTOMERS = [
    table("Most at risk, by what they pay", sql(f"""
        select customer_id as customer, contract, tenure as months, monthly_charges as monthly, probability,
               monthly_charges * probability as at_risk, event_time as seen
        from {SCORES} order by 6 desc nulls last limit 20"""), w=16, h=10, overrides=[override("probability", unit="percentunit"), override("monthly|at_risk", unit=MONEY)]),
    bars("Places with most at risk", sql(f"""
        select coalesce(city, 'not known') as city, sum(monthly_charges * probability) as at_risk
        from {SCORES} group by 1 order by 2 desc limit 10"""), w=8, h=10, unit=MONEY, values=True, limits=steps("orange")),
]

DASHBOARD = dashboard(
    "churn-business", "Business", "Who is about to leave, how much they pay, and why.",
    [*NOW, row("Over time"), *OVER_TIME, row("By segment"), *SEGMENTS, row("Why"), *WHY, row("Customers"), *CUSTOMERS],
    since="now-6h", refresh="1m",
)
