//! A moved champion, announced and heard: the topic `model-updates.v1`.
//!
//! The registry's pointer is the truth, and moves first; an announcement only says that it is time to look. So a lost one costs
//! the time until the next slow poll, and a false or old one costs a look: nobody loads what an announcement names. Guarantees:
//! [`announce`] takes a bounded time; what is announced while somebody listens is heard by every process, whatever groups there
//! are; listening outlives a Kafka that is away.
//!
//! It refuses to know what a model is: loading, verifying and swapping are `churn-serving`'s.

mod announce;
mod listen;

pub use announce::{AnnounceError, announce, moved};
pub use listen::listen;
