//! libFuzzer's door to [`fuzzed::site`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::site(bytes));
