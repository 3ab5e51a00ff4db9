//! The nightly audits.

use croner::Cron;
use serde_json::Value;

use super::documents::{number, text};
use super::overlay::overlay;
use super::pods::{Pod, pods_of};

const NIGHTLY: [&str; 2] = ["nightly", "nightly-standing"];

fn cron_job(name: &str) -> Value {
    overlay(name)["CronJob/taster-nightly"].clone()
}

fn pod(name: &str) -> Pod {
    pods_of(name).into_iter().find(|pod| pod.owner["kind"] == "CronJob").unwrap()
}

#[test]
fn the_schedule_is_one() {
    for name in NIGHTLY {
        let job = cron_job(name);
        let schedule = text(&job, "/spec/schedule");
        assert!(schedule.parse::<Cron>().is_ok(), "{name}: {schedule}");
        assert_eq!(schedule.split(' ').count(), 5, "seconds are not for Kubernetes");
        assert_eq!(text(&job, "/spec/timeZone"), "Etc/UTC");
    }
    assert!("61 1 * * *".parse::<Cron>().is_err());
}

#[test]
fn nights_do_not_overlap() {
    const DAY: i64 = 86_400;
    for name in NIGHTLY {
        let job = cron_job(name);
        assert_eq!(text(&job, "/spec/concurrencyPolicy"), "Forbid");
        let deadline = number(&job, "/spec/startingDeadlineSeconds").unwrap();
        // Less than ten seconds and the controller may never see it.
        assert!((10..DAY).contains(&deadline), "{deadline}");
        let active = number(&job, "/spec/jobTemplate/spec/activeDeadlineSeconds").unwrap();
        assert!(active < DAY, "{active}");
    }
}

/// The script takes the day from the job's name, so that a try after midnight means the same day.
#[test]
fn a_night_audits_the_day_before() {
    let call = pod("nightly").call();
    assert_eq!(call[..3], ["taster", "audit", "s3://example-bucket/crawl/2026-11-23/"]);
    let pod = pod("nightly-standing");
    let call = pod.call();
    assert_eq!(call[..3], ["taster", "submit", "s3://example-bucket/crawl/2026-11-23/"]);
    assert!(call.contains(&"--wait".to_owned()), "{call:?}");
    assert_eq!(pod.option("id").unwrap(), pod.environment["JOB"]);
    assert_eq!(pod.option("out").unwrap(), "s3://example-bucket/audits/2026-11-23/");
}

#[test]
fn a_submission_may_name_what_it_names() {
    let pod = pod("nightly-standing");
    let allowed = &pod.environment["ALLOW"];
    for url in [&pod.call()[2], &pod.option("out").unwrap()] {
        assert!(url.starts_with(allowed), "{url} is not below {allowed}");
    }
}
