//! libFuzzer's door to [`fuzzed::token`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::token(bytes));
