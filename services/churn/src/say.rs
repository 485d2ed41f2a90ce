//! What the program writes to its user, who may stop reading at any time (`churn ... | head -1`).

use std::io::{self, ErrorKind, Write};

/// Writes a line to standard output. A reader who has gone away has read enough: no error.
///
/// # Errors
/// It cannot be written for another reason, as onto a full disk.
pub(crate) fn answer(text: &str) -> io::Result<()> {
    still_read(io::stdout().lock(), text).map(|_| ())
}

/// Writes a line to standard error. Where that cannot be done there is nobody left to tell.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes a line and says whether there is still a reader.
///
/// # Errors
/// As [`answer`].
pub(crate) fn still_read(mut out: impl Write, text: &str) -> io::Result<bool> {
    reader(writeln!(out, "{text}").and_then(|()| out.flush()))
}

/// Whether a write found its reader.
///
/// # Errors
/// It failed for another reason than that the reader went away.
pub(crate) fn reader(written: io::Result<()>) -> io::Result<bool> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails as a pipe or a disk does.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_error_and_a_full_disk_is_one() {
        assert!(still_read(Vec::new(), "line").unwrap());
        assert!(!still_read(Failing(ErrorKind::BrokenPipe), "line").unwrap());
        assert_eq!(still_read(Failing(ErrorKind::StorageFull), "line").unwrap_err().kind(), ErrorKind::StorageFull);
    }
}
