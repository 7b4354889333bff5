#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sipauth_fuzz::targets::message::run(bytes));
