//! End to end: a shell line of real tools against the simulator, on the example site.

datatest_stable::harness! {
    { test = test_support::case::run, root = "pipelines", pattern = r"/cmd$" },
}
