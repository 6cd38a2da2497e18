//! libFuzzer's door to [`fuzzed::property_string`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::property_string(bytes));
