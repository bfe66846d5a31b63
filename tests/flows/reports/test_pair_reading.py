"""A comparison of two runs is a reading of test, and logged as one."""

from types import SimpleNamespace

from data_registry.registry import Registry
from data_registry.runs.run_records import count_test_readings
from flows.reports.pair_reporting import _log_test_reading as log_test_reading


def test_a_comparison_is_logged_once(registry: Registry) -> None:
    run = SimpleNamespace(
        card=SimpleNamespace(run_id="0123", version="4567"), test=SimpleNamespace(image_count=40)
    )
    log_test_reading(registry, "reports/compare-a-b", run)
    assert count_test_readings(registry) == 1
    registry.files.write("reports/compare-a-b/report.html", b"page")
    log_test_reading(registry, "reports/compare-a-b", run)
    assert count_test_readings(registry) == 1
    log_test_reading(registry, "reports/compare-a-c", run)
    assert count_test_readings(registry) == 2
