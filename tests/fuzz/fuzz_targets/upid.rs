//! libFuzzer's door to [`fuzzed::upid`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::upid(bytes));
