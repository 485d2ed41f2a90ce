-- The real customers that generator and first model are fitted on, for dashboards and comparisons. Loaded whole by `churn setup`,
-- which replaces what is there; some thousands of rows, so no index but the key. The key is the row's place in the file: the shipped
-- file has no customer ids.
create table churn.reference_customer (
    row_number integer primary key,
    customer_id text,
    female boolean,
    senior_citizen boolean,
    partner boolean,
    dependents boolean,
    tenure integer,
    phone_service boolean,
    multiple_lines text,
    internet_service text,
    online_security text,
    online_backup text,
    device_protection text,
    tech_support text,
    streaming_tv text,
    streaming_movies text,
    contract text,
    paperless_billing boolean,
    payment_method text,
    monthly_charges numeric(10, 2),
    total_charges numeric(10, 2),
    zip_code text,
    city text,
    county text,
    latitude double precision,
    longitude double precision,
    churned boolean
);

comment on table churn.reference_customer is 'The real customers. One row per customer of the file.';
comment on column churn.reference_customer.row_number is 'Place in the file, from 1, the header not counted.';
comment on column churn.reference_customer.churned is 'Whether the customer left; null where the file does not say.';
