//! What the monitor watches with where nobody says otherwise. Here and not there, because `examples/` simulate what chance alone
//! makes of these very figures.

/// First live rows of a model version, which are its reference; of the labelled ones as well.
pub const REFERENCE_ROWS: usize = 20_000;
/// Rows of a window that is compared with them.
pub const WINDOW_ROWS: usize = 10_000;
/// Windows in a row with a drift, or with worse quality, that are an alarm.
pub const ALARM_WINDOWS: usize = 2;
/// One row in so many is held against the components of all columns together.
pub const SAMPLED: u64 = 5;
/// Bins of the probability in the live reference, each as wide as the others.
pub const PROBABILITY_BINS: usize = 20;

/// Labelled rows that are held against the first ones at a time.
pub const BLOCK_ROWS: usize = 5_000;
/// Smallest growth of the mean log-loss that matters, as a share of the reference's.
pub const MIN_INCREASE: f64 = 0.1;
/// Largest p-value of such a growth. A day of blocks a second holds 86,400 tests: at this level, together with the effect, chance
/// raises less than one alarm in twenty such days.
pub const MAX_P_VALUE: f64 = 5e-7;

/// A segment's blocks and its reference have a fifth of the whole's rows: as many as a segment of a fifth of the customers has in
/// the same time.
pub const SEGMENT_SHARE: usize = 5;
/// Smallest growth of a segment's mean log-loss that matters, in nats.
pub const SEGMENT_MIN_GROWTH: f64 = 0.02;
/// Bad blocks of a segment in a row that are an alarm.
pub const SEGMENT_ALARM_BLOCKS: u32 = 2;

/// Scores of one mean that detectors are shown.
pub const MEAN_ROWS: usize = 100;
/// Means of one mean for KSWIN.
pub const MEANS: usize = 10;
/// KSWIN's largest p-value. River's default, 0.005, would speak up by chance every few hundred means.
pub const KSWIN_ALPHA: f64 = 1e-9;
/// What KSWIN draws with.
pub const KSWIN_SEED: u32 = 42;
