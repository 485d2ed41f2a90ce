//! Registering our schemas, as `churn setup` does.

use super::{RegistryError, SchemaRegistry, subject};
use crate::Record;

/// What registering would do with one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSchema {
    /// The topic.
    pub topic: String,
    /// Its values' subject.
    pub subject: String,
    /// What its values are.
    pub record: Record,
    /// What would happen.
    pub plan: Plan,
}

/// What registering would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: the schema is there, under this id.
    Registered(i32),
    /// The schema would become the subject's latest version.
    Register,
    /// The registry would refuse, for this reason.
    Incompatible(String),
}

/// One topic after registering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The topic.
    pub topic: String,
    /// Its values' subject.
    pub subject: String,
    /// The schema's id.
    pub id: i32,
    /// Whether it was not registered before.
    pub is_new: bool,
}

/// Asks what registering would do, and changes nothing.
///
/// # Errors
/// The registry gave no answer.
pub async fn plan_all(
    registry: &SchemaRegistry,
    topics: &[(&str, Record)],
) -> Result<Vec<PlannedSchema>, RegistryError> {
    let mut planned = Vec::with_capacity(topics.len());
    for &(topic, record) in topics {
        let subject = subject(topic);
        let plan = match registry.lookup(&subject, record.avsc()).await? {
            Some(id) => Plan::Registered(id),
            None => match registry.incompatibility(&subject, record.avsc()).await? {
                Some(reason) => Plan::Incompatible(reason),
                None => Plan::Register,
            },
        };
        planned.push(PlannedSchema { topic: topic.to_owned(), subject, record, plan });
    }
    Ok(planned)
}

/// Registers the schema of each topic, and sets each subject to `FULL_TRANSITIVE`, because versions N and N-1 read each
/// other's records. Safe to repeat. Nothing is changed where one schema is known to be incompatible.
///
/// # Errors
/// [`RegistryError::Incompatible`] naming every refused subject, or the registry gave no answer, or refused.
pub async fn register_all(
    registry: &SchemaRegistry,
    topics: &[(&str, Record)],
) -> Result<Vec<Registration>, RegistryError> {
    let planned = plan_all(registry, topics).await?;
    refuse_incompatible(&planned)?;
    let mut registrations = Vec::with_capacity(planned.len());
    for PlannedSchema { topic, subject, record, plan } in planned {
        // Before the schema, so that the registry judges it by this rule.
        registry.set_full_transitive(&subject).await?;
        let id = registry.register(&subject, record.avsc()).await?;
        registrations.push(Registration { topic, subject, id, is_new: plan == Plan::Register });
    }
    Ok(registrations)
}

fn refuse_incompatible(planned: &[PlannedSchema]) -> Result<(), RegistryError> {
    let refused: Vec<(&str, &str)> = planned
        .iter()
        .filter_map(|schema| match &schema.plan {
            Plan::Incompatible(reason) => Some((schema.subject.as_str(), reason.as_str())),
            _ => None,
        })
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    let (subjects, reasons): (Vec<_>, Vec<_>) = refused.into_iter().unzip();
    Err(RegistryError::Incompatible { subject: subjects.join(", "), message: reasons.join("; ") })
}
