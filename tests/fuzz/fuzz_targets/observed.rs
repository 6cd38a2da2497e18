//! libFuzzer's door to [`fuzzed::observed`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::observed(bytes));
