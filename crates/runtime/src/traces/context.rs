//! Where in which trace something happened, and how records carry it (w3.org/TR/trace-context-2).

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::num::{NonZeroU64, NonZeroU128};

/// The record header that carries a context.
pub const TRACEPARENT: &str = "traceparent";

/// Length of `00-{32 digits}-{16 digits}-{2 digits}`.
const LENGTH: usize = 55;
/// Of the flags: the trace is sampled.
const SAMPLED: u8 = 1;
/// The bits of a trace's id that chance decides, and that sampling goes by (the last seven bytes).
const RANDOM_BITS: u32 = 56;

/// The id of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(NonZeroU128);

impl TraceId {
    /// From 16 bytes as one number; none for zero, which is no id.
    pub fn new(bits: u128) -> Option<Self> {
        NonZeroU128::new(bits).map(Self)
    }

    /// A new one.
    pub fn random() -> Self {
        let bits = (u128::from(random().get()) << 64) | u128::from(random().get());
        Self(NonZeroU128::new(bits).unwrap_or(NonZeroU128::MIN))
    }

    /// Whether it belongs to this share of all traces: the same one for every process, and a larger share holds a smaller one
    /// (opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling).
    pub(super) fn is_within(self, ratio: f64) -> bool {
        let all = 1_u64 << RANDOM_BITS;
        let random = self.0.get() as u64 & (all - 1);
        random >= all - (ratio.clamp(0.0, 1.0) * all as f64) as u64
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The id of a span within its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A span of a trace that is sampled: what a later span is the child of, or links to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanContext {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub span: SpanId,
}

/// The header's value, written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traceparent([u8; LENGTH]);

impl SpanContext {
    /// The first span of a new trace.
    pub fn root() -> Self {
        Self::in_trace(TraceId::random())
    }

    /// A new span of that trace.
    pub fn in_trace(trace: TraceId) -> Self {
        Self { trace, span: SpanId(random()) }
    }

    /// A new span of the same trace.
    pub fn child(self) -> Self {
        Self::in_trace(self.trace)
    }

    /// What a header says. None where its trace is not sampled, and where it is no context: such a header is to be ignored.
    pub fn read(header: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(header).ok().filter(|text| text.len() >= LENGTH)?;
        let (known, more) = text.split_at_checked(LENGTH)?;
        let mut fields = known.split('-');
        let mut field = |digits| fields.next().filter(|field| field.len() == digits && field.bytes().all(is_digit));
        let (version, trace, span, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        // A later version may have more to say, behind another dash.
        let fits = match version {
            "ff" => false,
            "00" => more.is_empty(),
            _ => more.is_empty() || more.starts_with('-'),
        };
        let sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & SAMPLED != 0);
        let trace = TraceId::new(u128::from_str_radix(trace, 16).ok()?)?;
        let span = SpanId(NonZeroU64::new(u64::from_str_radix(span, 16).ok()?)?);
        (fits && sampled).then_some(Self { trace, span })
    }

    /// The header's value.
    pub fn traceparent(self) -> Traceparent {
        let mut value = [b'-'; LENGTH];
        value[..2].copy_from_slice(b"00");
        write_hex(self.trace.0.get(), &mut value[3..35]);
        write_hex(u128::from(self.span.0.get()), &mut value[36..52]);
        write_hex(u128::from(SAMPLED), &mut value[53..]);
        Traceparent(value)
    }
}

impl AsRef<[u8]> for Traceparent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Upper-case digits are none here, by the letter of the standard.
fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn write_hex(number: u128, into: &mut [u8]) {
    for (place, digit) in into.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * place)) as usize & 15];
    }
}

/// A RandomState differs in every process and every call: all that an id needs.
fn random() -> NonZeroU64 {
    NonZeroU64::new(RandomState::new().hash_one(0_u64)).unwrap_or(NonZeroU64::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_context_is_read_as_it_is_written() {
        let context = SpanContext::read(KNOWN.as_bytes()).unwrap();
        assert_eq!(context.traceparent().as_ref(), KNOWN.as_bytes());
        assert_eq!(context.trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span.to_string(), "00f067aa0ba902b7");
        let child = context.child();
        assert!(child.trace == context.trace && child.span != context.span);
        assert_eq!(SpanContext::read(child.traceparent().as_ref()), Some(child));
    }

    #[test]
    fn what_is_no_context_or_not_sampled_is_ignored() {
        let changed = |from: &str, to: &str| KNOWN.replacen(from, to, 1);
        for bad in [
            String::new(),
            changed("-01", "-00"),
            changed("00-4", "ff-4"),
            changed("4bf9", "4BF9"),
            changed("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            changed("00f067aa0ba902b7", &"0".repeat(16)),
            changed("4736-", "47360"),
            format!("{KNOWN}-more"),
            format!("{}é", &KNOWN[..54]),
        ] {
            assert_eq!(SpanContext::read(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(SpanContext::read(&[0xff; 55]), None);
        let later = changed("00-4", "01-4") + "-more";
        assert!(SpanContext::read(later.as_bytes()).is_some(), "a later version's further fields are ignored");
    }

    #[test]
    fn a_share_of_the_traces_is_the_same_for_everybody_and_within_a_larger_one() {
        let ids: Vec<TraceId> = (0..20_000).map(|_| TraceId::random()).collect();
        let within = |ratio: f64| ids.iter().map(|id| id.is_within(ratio)).collect::<Vec<_>>();
        let count = |ratio| within(ratio).iter().filter(|is| **is).count();
        assert_eq!((count(0.0), count(1.0)), (0, 20_000));
        // Five standard deviations of a binomial share: sqrt(20,000 * 0.25 * 0.75) = 61.
        assert!(count(0.25).abs_diff(5_000) <= 306, "{}", count(0.25));
        assert!(within(0.25).iter().zip(within(0.5)).all(|(few, many)| many || !few));
    }
}
