//! The champion in memory: loaded, verified and swapped while others score with it.
//!
//! Guarantees: a model is used only after every hash of its artifact matched and it reproduced its golden rows; a swap happens
//! between two calls of [`ModelSlot::current`] and delays nobody; a model that is refused leaves the one before in place and is
//! reported. The scorer and the api share this crate, and so the very same model object and encoder.

mod score;
mod served;
mod shadow;
mod slot;
mod watch;

pub use churn_learn::EncodeStats;
pub use score::{Scored, Stretch};
pub use served::{Served, ServingError};
pub use shadow::Shadowing;
pub use slot::ModelSlot;
pub use watch::ChampionWatch;
