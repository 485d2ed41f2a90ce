-- The log-in of the dashboards, with the password of the environment's BI_PASSWORD: it reads what analysts may read, and nothing else.
-- Safe to repeat.
\getenv password BI_PASSWORD
select 'create role churn_analyst nologin' where not exists (select from pg_roles where rolname = 'churn_analyst') \gexec
select 'create role churn_bi login' where not exists (select from pg_roles where rolname = 'churn_bi') \gexec
alter role churn_bi password :'password';
grant churn_analyst to churn_bi;
