use std::collections::BTreeSet;

use super::*;

#[test]
fn every_name_follows_the_rules_of_prometheus() {
    let allowed = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    for spec in catalogue() {
        let name = spec.name;
        assert!(name.starts_with("churn_") && allowed(name) && !name.contains("__"), "{name}");
        assert_eq!(name.ends_with("_total"), spec.kind == Kind::Counter, "{name}: _total marks counters");
        assert_eq!(name.contains("_seconds"), spec.unit == Unit::Seconds, "{name}: _seconds marks the unit");
        assert_eq!(name.ends_with("_bytes"), spec.unit == Unit::Bytes, "{name}: _bytes marks the unit");
        assert_eq!(name.ends_with("_info"), spec.unit == Unit::Info, "{name}: _info marks constants");
        assert_eq!(name.ends_with("_ratio"), spec.unit == Unit::Ratio, "{name}: _ratio marks shares");
        assert_eq!(spec.buckets.is_empty(), spec.kind != Kind::Histogram, "{name}: buckets belong to histograms");
        assert!(spec.buckets.windows(2).all(|pair| pair[0] < pair[1]), "{name}: buckets ascend");
        assert!(spec.help.ends_with('.') && spec.help.len() > 15, "{name}: help is a sentence");
        assert!(spec.labels.iter().all(|label| allowed(label) && *label != "le"), "{name}: labels");
    }
}

#[test]
fn every_name_is_declared_once() {
    let names: BTreeSet<_> = catalogue().iter().map(|spec| spec.name).collect();
    assert_eq!(names.len(), catalogue().len());
}

/// One Prometheus holds some hundred thousand series at ease; parts are many, and each of them may give so many.
#[test]
fn every_label_is_bounded_and_no_metric_floods_the_monitoring() {
    for spec in catalogue() {
        for name in spec.labels {
            assert!(
                LABELS.iter().any(|label| label.name == *name),
                "{}: label {name} has no bound in LABELS",
                spec.name
            );
        }
        assert!(spec.most_series() <= 5_000, "{}: {} series", spec.name, spec.most_series());
    }
    for label in LABELS {
        assert!(
            catalogue().iter().any(|spec| spec.labels.contains(&label.name)),
            "no metric has the label {}",
            label.name
        );
    }
    assert!(LABELS.is_sorted_by_key(|label| label.name), "by name, so that each is there once");
}

#[test]
fn the_whole_catalogue_registers_twice_without_a_clash() {
    let metrics = Metrics { registry: Registry::new(), collectors: Arc::default() };
    catalogue::register_all(&metrics);
    catalogue::register_all(&metrics);
}

#[test]
fn two_parts_of_one_process_share_a_collector() {
    let metrics = Metrics::new();
    let other = metrics.clone();
    metrics.counter(&catalogue::SYNTH_EVENTS).inc_by(2);
    other.counter(&catalogue::SYNTH_EVENTS).inc_by(3);
    assert!(metrics.render().contains("churn_synthesizer_events_total 5\n"));
}

#[test]
fn progress_and_health_are_shown_as_they_are_when_asked() {
    let (metrics, progress, health) = (Metrics::new(), Progress::new(), Health::new());
    metrics.export_progress(&progress);
    metrics.export_progress(&progress);
    metrics.export_health(&health);
    let stage = progress.stage("scorer");
    stage.read(7);
    stage.consumes("events", [1]);
    progress.observe_end("events", 1, 12);
    health.component("kafka").up();
    let text = metrics.render();
    assert!(text.contains("churn_stage_read_total{stage=\"scorer\"} 7\n"), "{text}");
    assert!(
        text.contains("churn_consumer_lag_records{partition=\"1\",stage=\"scorer\",topic=\"events\"} 12\n"),
        "{text}"
    );
    assert!(text.contains("churn_component_ready{component=\"kafka\"} 1\n"), "{text}");
    assert!(text.contains("churn_stage_idle_seconds{stage=\"scorer\"} "), "{text}");
    stage.revoked("events", 1, &stage.partition("events", 1));
    assert!(!metrics.render().contains("churn_consumer_lag_records{"), "a revoked partition has no lag");
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_is_measured() {
    let text = Metrics::new().render();
    for name in ["resident_memory_bytes", "peak_resident_memory_bytes", "cpu_seconds_total", "start_time_seconds"] {
        assert!(text.contains(&format!("\nchurn_process_{name} ")), "{name} in {text}");
    }
}

#[test]
fn histograms_use_the_declared_buckets() {
    let metrics = Metrics::new();
    metrics.histogram(&catalogue::END_TO_END_SECONDS).observe(0.3);
    let text = metrics.render();
    assert!(text.contains("churn_end_to_end_seconds_bucket{le=\"0.25\"} 0\n"), "{text}");
    assert!(text.contains("churn_end_to_end_seconds_bucket{le=\"0.5\"} 1\n"), "{text}");
}
