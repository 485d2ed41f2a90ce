-- Scores :first to :first + :rows - 1 of a made-up stream, of which :a_month come in 30 days, and outcomes of nine in ten of them: enough variety to measure the
-- warehouse with, made by the server itself. Each customer has on average 1.25 events; some change contract, services or address.
with numbered as (
    select
        n,
        -- Customers of an earlier place come again now and then.
        case when n % 5 = 0 and n > 10 then n / 2 else n end as who,
        timestamptz '2026-09-01 00:00:00+00' + n * (interval '30 days' / :a_month) as at,
        hashint8(n)::bigint & 2147483647 as h1,
        hashint8(n + 7919)::bigint & 2147483647 as h2,
        hashint8(n + 1299709)::bigint & 2147483647 as h3
    from generate_series((:first)::bigint, (:first + :rows - 1)::bigint) as n
),

person as (
    select
        *,
        hashint8(who)::bigint & 2147483647 as p1,
        hashint8(who + 104729)::bigint & 2147483647 as p2,
        (h1 % 73)::integer as tenure,
        (h2 % 1000) / 1000.0 as u
    from numbered
),

described as (
    select
        *,
        (array['DSL', 'Fiber optic', 'No'])[p2 % 3 + 1] as internet_service,
        (array['Month-to-month', 'One year', 'Two year'])[(p2 / 64 + h1 / 512 % 8 / 7) % 3 + 1] as contract
    from person
),

-- Who may leave at any time, has fibre and came lately, leaves more often: segments differ, as they do in life.
weighed as (
    select
        *,
        least(0.99, greatest(0.01,
            0.6 * u * u
            + case contract when 'Month-to-month' then 0.25 when 'One year' then 0.05 else 0 end
            + case internet_service when 'Fiber optic' then 0.12 when 'DSL' then 0.04 else 0 end
            - tenure * 0.003
        ))::double precision as probability
    from described
),

scored as (
    insert into churn.scored_event (
        score_id, stream, sequence, customer_id, event_time, synthesizer_version, female, senior_citizen, partner, dependents,
        tenure, phone_service, multiple_lines, internet_service, online_security, online_backup, device_protection, tech_support,
        streaming_tv, streaming_movies, contract, paperless_billing, payment_method, monthly_charges, total_charges, zip_code, city,
        county, latitude, longitude, probability, label, threshold, model_version, model_hash, scored_at, event_schema_id,
        source_partition, source_offset
    )
    select
        (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || substr(md5('bench:' || n), 1, 20))::uuid,
        'bench', n, 'C' || who, at, '1',
        p1 % 2 = 0, p1 % 6 = 0, p1 % 7 < 3, p1 % 11 < 3,
        tenure,
        p2 % 10 > 0,
        case when p2 % 10 = 0 then 'No phone service' when p2 % 3 = 0 then 'Yes' else 'No' end,
        internet_service,
        case when p2 % 3 = 2 then 'No internet service' when p1 % 3 = 0 then 'Yes' else 'No' end,
        case when p2 % 3 = 2 then 'No internet service' when p1 % 5 < 2 then 'Yes' else 'No' end,
        case when p2 % 3 = 2 then 'No internet service' when p1 % 13 < 5 then 'Yes' else 'No' end,
        case when p2 % 3 = 2 then 'No internet service' when h1 % 17 < 5 then 'Yes' else 'No' end,
        case when p2 % 3 = 2 then 'No internet service' when p1 % 19 < 9 then 'Yes' else 'No' end,
        case when p2 % 3 = 2 then 'No internet service' when p1 % 23 < 10 then 'Yes' else 'No' end,
        contract,
        p1 % 5 < 3,
        (array['Bank transfer (automatic)', 'Credit card (automatic)', 'Electronic check', 'Mailed check'])[p1 / 32 % 4 + 1],
        (18 + h1 % 10000 / 100.0)::numeric(10, 2),
        (tenure * (18 + h1 % 10000 / 100.0))::numeric(10, 2),
        (90000 + p2 % 2655)::text, 'City ' || p2 % 2655 % 1100, 'County ' || p2 % 2655 % 58, 32 + p2 % 2655 / 300.0, -115 - p2 % 2655 / 400.0,
        probability, probability >= 0.3, 0.3, case when n % 10 < 7 then '1' else '2' end, md5(case when n % 10 < 7 then '1' else '2' end) || md5('h'),
        at + interval '20 ms', 1, (n % 4)::integer, n / 4
    from weighed
)

insert into churn.outcome (score_id, stream, sequence, customer_id, event_time, churned, observed_at)
select
    (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || substr(md5('bench:' || n), 1, 20))::uuid,
    'bench', n, 'C' || who, at, h3 % 1000 / 1000.0 < probability, at + interval '1 day'
from weighed
where n % 10 > 0;
