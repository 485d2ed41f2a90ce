-- The log-in of Grafana's data source, with the password of the environment's GRAFANA_POSTGRES_PASSWORD: whoever may query Grafana has its
-- rights, so it reads what the dashboards show, and nothing else. The grants are those of `churn access --part grafana`. Safe to repeat.
\getenv password GRAFANA_POSTGRES_PASSWORD
select 'create role churn_grafana login' where not exists (select from pg_roles where rolname = 'churn_grafana') \gexec
alter role churn_grafana password :'password';
alter role churn_grafana set default_transaction_read_only = on;
alter role churn_grafana set statement_timeout = '60s';
select format('grant connect on database %I to "churn_grafana";', current_database()) \gexec
grant usage on schema churn to "churn_grafana";
grant select on churn.model_metric to "churn_grafana";
grant select on churn.outcome to "churn_grafana";
grant select on churn.retrain_audit to "churn_grafana";
grant select on churn.scored_event to "churn_grafana";
