//! The exit code of an error, whichever crate it comes from.

use std::error::Error;

use churn_registry::RegistryError;
use churn_runtime::exit::{Exit, Fated, exit_of_known};
use churn_serving::ServingError;
use churn_store::{StoreError, WriteError};
use churn_stream::StreamError;

/// By the first link that says one: an [`Ending`](churn_runtime::exit::Ending), or an error that knows its fate.
pub(crate) fn of(error: &anyhow::Error) -> Exit {
    exit_of_known(error.as_ref(), |link| {
        fate::<StreamError>(link)
            .or_else(|| fate::<StoreError>(link))
            .or_else(|| fate::<WriteError>(link))
            .or_else(|| fate::<RegistryError>(link))
            .or_else(|| fate::<ServingError>(link))
            .or_else(|| fate::<churn_wire::RegistryError>(link))
    })
}

fn fate<E: Fated + Error + 'static>(link: &(dyn Error + 'static)) -> Option<Exit> {
    link.downcast_ref::<E>().map(|error| error.fate().exit())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anyhow::Context;

    use super::*;

    #[test]
    fn a_server_out_of_reach_is_69_although_nobody_wrapped_it() {
        let lost = StreamError::Unreachable { brokers: "a:1".into(), reason: "refused".into(), waited: Duration::ZERO };
        let error = anyhow::Error::new(lost).context("start the scorer").context("the scorer failed");
        assert_eq!(of(&error), Exit::Unavailable);
        let stopped = Err::<(), _>(anyhow::Error::new(StoreError::Unreachable {
            server: "a:1".into(),
            reason: "refused".into(),
        }));
        let stopped = stopped.context("stopped with a batch that is not stored").unwrap_err();
        assert_eq!(of(&stopped), Exit::Unavailable);
        assert_eq!(of(&anyhow::anyhow!("a rule of ours is broken")), Exit::Failed);
    }
}
