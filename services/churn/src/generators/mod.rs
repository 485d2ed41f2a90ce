//! Generators as the program keeps them: measured, shown, and recorded in the registry.

pub(crate) mod measure;
pub(crate) mod page;
mod picture;
pub(crate) mod record;
