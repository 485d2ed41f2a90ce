//! Several that set up one empty database at the same moment, as the replicas of a deployment may.

use anyhow::{Result, ensure};
use churn_domain::csv::{Customers, ReadOptions, read};
use churn_runtime::config::ConnectionUrl;
use churn_store::{DAY_MS, MigrationStatus, Partition, PostgresConfig, Store};
use churn_testkit::{Database, fresh_database};
use tokio::task::JoinSet;

use crate::batches::NOON_MS;

const AT_ONCE: usize = 4;
/// What they race for is short: each further database makes it likelier that a race is seen.
const DATABASES: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_setups_at_once_does_the_work_and_none_fails() -> Result<()> {
    let file = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/telco_customer_churn.csv"))?;
    let customers = read(file, ReadOptions::default())?;
    for _ in 0..DATABASES {
        let database = fresh_database().await?;
        let mut setups = JoinSet::new();
        for _ in 0..AT_ONCE {
            let store = connect(&database).await?;
            setups.spawn(set_up(store, customers.clone()));
        }
        let done: Vec<Done> = setups.join_all().await.into_iter().collect::<Result<_>>()?;

        let migrated = done.iter().filter(|done| !done.found.pending.is_empty()).count();
        ensure!(migrated == 1, "{migrated} applied migrations");
        let mut made: Vec<&str> = done.iter().flat_map(|done| &done.made).map(|made| made.name.as_str()).collect();
        made.sort_unstable();
        let each = ["outcome_20261123", "outcome_20261124", "scored_event_20261123", "scored_event_20261124"];
        ensure!(made == each, "{made:?}");
        let store = connect(&database).await?;
        store.check_schema().await?;
        let customers_stored: i64 =
            sqlx::query_scalar("select count(*) from churn.reference_customer").fetch_one(store.pool()).await?;
        ensure!(customers_stored == 7_043, "{customers_stored} reference customers");
    }
    Ok(())
}

struct Done {
    found: MigrationStatus,
    made: Vec<Partition>,
}

async fn set_up(store: Store, customers: Customers) -> Result<Done> {
    let found = store.migrate().await?;
    let made = store.ensure_partitions(NOON_MS..NOON_MS + DAY_MS, DAY_MS).await?;
    store.load_reference(&customers).await?;
    Ok(Done { found, made })
}

async fn connect(database: &Database) -> Result<Store> {
    Ok(Store::connect(&PostgresConfig::at(ConnectionUrl::new(&database.url))).await?)
}
