//! libFuzzer's door to [`fuzzed::vmdk`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::vmdk(bytes));
