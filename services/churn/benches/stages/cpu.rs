//! Processor time of other processes, from Linux's /proc.

use std::collections::HashMap;
use std::fs;

/// Clock ticks a second, as Linux shows them to programs on every platform.
const TICKS: f64 = 100.0;

struct Process {
    parent: u32,
    own: f64,
    ended_children: f64,
}

/// Seconds of processor time of a process, its descendants, and those of them that have ended and were waited for.
pub(crate) fn seconds_of_tree(root: u32) -> f64 {
    let all: HashMap<u32, Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, read(pid)?)))
        .collect();
    let belongs = |mut pid: u32| loop {
        if pid == root {
            return true;
        }
        match all.get(&pid) {
            Some(process) if process.parent > 1 => pid = process.parent,
            _ => return false,
        }
    };
    all.iter().filter(|(pid, _)| belongs(**pid)).map(|(_, process)| process.own + process.ended_children).sum()
}

fn read(pid: u32) -> Option<Process> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the fields after it are numbers.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok().map(|ticks| ticks / TICKS);
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        own: ticks(11)? + ticks(12)?,
        ended_children: ticks(13)? + ticks(14)?,
    })
}
