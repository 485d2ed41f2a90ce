//! What a process holds, from Linux's /proc.

use std::fs;

use anyhow::{Context as _, Result};

/// Memory of a process at one moment, in MB of 1,000,000 bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    /// All pages in memory, those of the program's file among them.
    pub(crate) all: f64,
    /// Pages of its own: heap and stacks.
    pub(crate) own: f64,
}

pub(crate) fn of(process: u32) -> Result<Resident> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kib.map(|kib| kib * 1024.0 / 1e6).with_context(|| format!("/proc/{process}/status has no {name}"))
    };
    Ok(Resident { all: field("VmRSS")?, own: field("RssAnon")? })
}
