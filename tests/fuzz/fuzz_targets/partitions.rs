//! libFuzzer's door to [`fuzzed::partitions`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::partitions(bytes));
