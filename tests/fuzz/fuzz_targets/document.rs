//! libFuzzer's door to [`fuzzed::document`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::document(bytes));
