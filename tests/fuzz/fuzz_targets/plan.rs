//! libFuzzer's door to [`fuzzed::plan`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::plan(bytes));
