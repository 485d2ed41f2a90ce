//! What the operating system says about this process. Linux only; elsewhere there is nothing, never a made-up zero.

/// The kernel's USER_HZ, in which /proc/self/stat counts. It is 100 on every architecture that Rust's standard library supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// Resident memory of this process in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Now.
    pub resident: u64,
    /// At its peak.
    pub peak: u64,
}

/// Resident memory now and at its peak; none where /proc is missing.
pub fn memory() -> Option<Memory> {
    parse_status(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// Processor seconds of all threads so far, user and system; none where /proc is missing.
pub fn cpu_seconds() -> Option<f64> {
    parse_stat(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

fn parse_status(status: &str) -> Option<Memory> {
    let kib = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim_start_matches(':').trim().strip_suffix("kB")?.trim().parse().ok()
    };
    let resident = kib("VmRSS")? * 1024;
    // Some sandboxes leave the peak out: then it is at least what is resident now.
    Some(Memory { resident, peak: kib("VmHWM").map_or(resident, |peak| peak * 1024) })
}

fn parse_stat(stat: &str) -> Option<f64> {
    // The second field is the program's name in parentheses and may hold spaces and parentheses itself.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "Name:\tchurn\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n";
        assert_eq!(parse_status(status), Some(Memory { resident: 1 << 20, peak: 2 << 20 }));
        assert_eq!(parse_status("VmRSS:\t1 kB\n"), Some(Memory { resident: 1024, peak: 1024 }));
        assert_eq!(parse_status("Name: x\nVmRSS: much\n"), None);
    }

    #[test]
    fn processor_time_survives_a_strange_program_name() {
        let stat = "42 (a) b) R 1 42 42 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 8 0 12345";
        assert_eq!(parse_stat(stat), Some(2.0));
        assert_eq!(parse_stat("nonsense"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory() {
        let memory = memory().expect("/proc is there on Linux");
        assert!(memory.resident > 0 && memory.peak >= memory.resident / 2);
        assert!(cpu_seconds().expect("/proc is there on Linux") >= 0.0);
    }
}
