//! libFuzzer's door to [`fuzzed::checksum_list`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::checksum_list(bytes));
