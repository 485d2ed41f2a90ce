//! Rows that were left out, told to the user.

use churn_domain::csv::Customers;

use crate::say;

/// Rows printed one by one; all of them are counted.
const SHOWN: usize = 10;

/// Lists what `--skip-bad-rows` left out, which columns leak the answer and which were passed over, on stderr.
pub(crate) fn report(customers: &Customers) {
    if !customers.leaking.is_empty() {
        say::note(&format!("left out columns that leak the answer: {}", customers.leaking.join(", ")));
    }
    if !customers.ignored.is_empty() {
        say::note(&format!("passed over columns that are no features: {}", customers.ignored.join(", ")));
    }
    if customers.bad_row_count > 0 {
        say::note(&format!("left out {} bad rows:", customers.bad_row_count));
        for bad in customers.bad_rows.iter().take(SHOWN) {
            say::note(&format!("  {bad}"));
        }
        let more = customers.bad_row_count.saturating_sub(SHOWN as u64);
        if more > 0 {
            say::note(&format!("  and {more} more"));
        }
    }
}
