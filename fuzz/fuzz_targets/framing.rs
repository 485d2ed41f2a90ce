#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    churn_hostile::framing(bytes);
});
