//! libFuzzer's door to [`fuzzed::answer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::answer(bytes));
