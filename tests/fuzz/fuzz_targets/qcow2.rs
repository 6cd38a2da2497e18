//! libFuzzer's door to [`fuzzed::qcow2`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::qcow2(bytes));
