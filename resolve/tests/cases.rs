//! One test for each folder under `tests/cases`.

datatest_stable::harness! {
    { test = run, root = "tests/cases", pattern = r"/cmd$" },
}

fn run(cmd: &std::path::Path) -> datatest_stable::Result<()> {
    test_support::case::run(cmd)
}
