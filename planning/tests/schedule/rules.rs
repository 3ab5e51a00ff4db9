//! What happens when all goes well, and what bounds it.

use std::time::Duration;

use taster_planning::schedule::{
    Command, Ending, Event, Facts, Outcome, Plan, ScheduleSettings, Stage, StageRecord,
};

use crate::desk::{Desk, assigned, audit, bad_shard, exclusions, plan, revoked, task, worker};

fn records(commands: &[Command]) -> Vec<StageRecord> {
    let record = |command: &Command| match command {
        Command::Record { record, .. } => Some(record.clone()),
        _ => None,
    };
    commands.iter().filter_map(record).collect()
}

#[test]
fn stages_follow_each_other_and_are_as_large_as_what_came_before_says() {
    let mut desk = Desk::new();
    desk.open("a", plan(3));
    let mut commands = desk.join("w1", 2);
    commands.extend(desk.run_out(&["w1"], 5 << 20, 4));
    let mut tasks: Vec<_> = assigned(&commands).into_iter().map(|(_, task, _)| task).collect();
    tasks.dedup();
    let count = |stage: Stage| {
        let name = format!("/{}/", stage.name());
        tasks.iter().filter(|task| task.contains(&name)).count()
    };
    // 15 MiB of runs are three times 6 MiB, and the number of ranges is a power of two.
    assert_eq!(Stage::ALL.map(count), [3, 4, 3, 4, 3, 4, 3, 4, 1, 4, 1]);
    assert_eq!(records(&commands).len(), Stage::ALL.len());
    assert_eq!(records(&commands)[0].facts.bytes, 15 << 20);
    let end = Command::End { audit: audit("a"), ending: Ending::Done };
    assert_eq!(commands.last(), Some(&end));
    assert_eq!(desk.ledger.view(&audit("a")), None);
}

#[test]
fn a_stage_begins_when_the_one_before_is_complete() {
    let mut desk = Desk::new();
    desk.open("a", plan(2));
    desk.join("w1", 8);
    assert_eq!(desk.done("w1", &task(Stage::Count, 1), 1), vec![]);
    let commands = desk.done("w1", &task(Stage::Count, 0), 1);
    assert_eq!(assigned(&commands).len(), 1);
}

#[test]
fn stages_without_tasks_are_complete_at_once() {
    let mut desk = Desk::new();
    let commands = desk.open("a", plan(0));
    assert_eq!(records(&commands).len(), 1);
    let mut commands = desk.join("w1", 1);
    commands.extend(desk.run_out(&["w1"], 0, 0));
    let tasks: Vec<_> = assigned(&commands).into_iter().map(|(_, task, _)| task).collect();
    let expected = ["screen", "screen-triples", "screen-longer", "score", "choose", "report"];
    assert_eq!(tasks, expected.map(|stage| format!("a/0/{stage}/0")));
    assert_eq!(desk.ending("a"), Some(&Ending::Done));
}

#[test]
fn audits_take_turns_and_load_is_spread() {
    let mut desk = Desk::new();
    for name in ["a", "b", "c"] {
        desk.open(name, plan(9));
    }
    let commands = desk.join("w1", 6);
    let tasks: Vec<_> = assigned(&commands).into_iter().map(|(_, task, _)| task).collect();
    let expected =
        ["a/0/count/0", "b/0/count/0", "c/0/count/0", "a/0/count/1", "b/0/count/1", "c/0/count/1"];
    assert_eq!(tasks, expected);

    let mut desk = Desk::new();
    desk.join("w1", 8);
    desk.join("w2", 8);
    desk.open("a", plan(8));
    assert_eq!(desk.ledger.held(&worker("w1")).len(), 4);
    assert_eq!(desk.ledger.held(&worker("w2")).len(), 4);
}

#[test]
fn equal_events_give_equal_commands() {
    let play = || {
        let mut desk = Desk::new();
        let mut all = desk.open("a", plan(20));
        all.extend(desk.open("b", plan(20)));
        for name in ["w3", "w1", "w2"] {
            all.extend(desk.join(name, 3));
        }
        all.extend(desk.leave("w1"));
        all.extend(desk.wait(40, &["w2"]));
        all.extend(desk.run_out(&["w2"], 9 << 20, 2));
        all
    };
    assert_eq!(play(), play());
    assert!(play().len() > 100);
}

#[test]
fn a_failed_task_goes_elsewhere_and_fails_the_audit_after_the_last_allowed_failure() {
    let mut desk = Desk::new();
    desk.join("w1", 1);
    desk.open("a", plan(1));
    desk.join("w2", 1);
    let failing = task(Stage::Count, 0);
    for (attempt, name) in [(1, "w1"), (2, "w2"), (3, "w1")] {
        let commands = desk.finish(name, &failing, attempt, Outcome::Failed("broken".into()));
        assert_eq!(assigned(&commands), vec![]);
        let commands = desk.wait(4, &["w1", "w2"]);
        assert_eq!(assigned(&commands).len(), 1, "{attempt}");
    }
    let holder = desk.ledger.holders(&failing)[0].0.to_string();
    desk.finish(&holder, &failing, 4, Outcome::Failed("broken at last".into()));
    assert_eq!(desk.reason("a"), "a/0/count/0 failed 4 times, at last: broken at last");
}

#[test]
fn other_tasks_come_before_giving_one_back_to_where_it_failed() {
    let mut desk = Desk::new();
    desk.join("w1", 1);
    desk.join("w2", 1);
    desk.open("a", plan(4));
    desk.finish("w1", &task(Stage::Count, 0), 1, Outcome::Failed("full disk".into()));
    // Both are busy until the pause is over; then the first that is free is the wrong one.
    desk.wait(2, &["w1", "w2"]);
    assert_eq!(assigned(&desk.done("w1", &task(Stage::Count, 2), 1))[0].1, "a/0/count/3");
    let commands = desk.done("w2", &task(Stage::Count, 1), 1);
    assert_eq!(assigned(&commands), [("w2".into(), "a/0/count/0".into(), 2)]);
}

#[test]
fn a_bad_shard_starts_the_audit_over_and_a_second_one_is_found_again() {
    let mut desk = Desk::new();
    let complete =
        vec![StageRecord { generation: 0, stage: Stage::Count, facts: Facts::default() }];
    desk.open("a", Plan { complete, ..plan(3) });
    desk.join("w1", 3);
    desk.done("w1", &task(Stage::Screen, 0), 1);
    let commands = desk.finish("w1", &task(Stage::CountTriples, 1), 1, bad_shard("x"));
    assert_eq!(revoked(&commands).len(), 2);
    assert_eq!(exclusions(&commands).len(), 1);
    // The second one comes while the first is committed: its attempt is void by then.
    assert_eq!(desk.finish("w1", &task(Stage::CountTriples, 2), 1, bad_shard("y")), vec![]);
    let excluded = |generation| Event::Excluded { audit: audit("a"), generation, refused: None };
    // An answer to an older question does not count.
    assert_eq!(desk.tell(excluded(0)), vec![]);
    let commands = desk.tell(excluded(1));
    assert_eq!(assigned(&commands)[0].1, "a/1/count/0");
    assert_eq!(desk.tell(excluded(1)), vec![]);
    let next =
        |stage, index| taster_planning::schedule::TaskKey { generation: 1, ..task(stage, index) };
    for unit in 0..3 {
        desk.done("w1", &next(Stage::Count, unit), 1);
    }
    desk.done("w1", &next(Stage::Screen, 0), 1);
    let commands = desk.finish("w1", &next(Stage::CountTriples, 2), 1, bad_shard("y"));
    assert_eq!(exclusions(&commands)[0].0, 2);
    desk.tell(excluded(2));
    desk.run_out(&["w1"], 0, 0);
    assert_eq!(desk.ending("a"), Some(&Ending::Done));
}

#[test]
fn an_exclusion_that_is_refused_or_never_answered_fails_the_audit() {
    for answered in [true, false] {
        let mut desk = Desk::new();
        desk.join("w1", 1);
        desk.open("a", plan(1));
        desk.finish("w1", &task(Stage::Count, 0), 1, bad_shard("x"));
        if answered {
            let refused = Some("no shard is left".into());
            desk.tell(Event::Excluded { audit: audit("a"), generation: 0, refused });
            assert_eq!(desk.reason("a"), "no shard is left");
        } else {
            desk.wait(899, &["w1"]);
            assert_eq!(desk.ending("a"), None);
            desk.wait(1, &["w1"]);
            assert!(desk.reason("a").contains("within 900 s, got no answer"));
        }
    }
}

#[test]
fn a_cancelled_audit_is_revoked_ended_once_and_forgotten() {
    let mut desk = Desk::new();
    desk.join("w1", 2);
    desk.open("a", plan(5));
    desk.open("b", plan(5));
    let commands = desk.tell(Event::Cancelled { audit: audit("a") });
    assert_eq!(revoked(&commands).len(), 2);
    assert_eq!(desk.ending("a"), Some(&Ending::Cancelled));
    assert_eq!(desk.ledger.view(&audit("a")), None);
    // Its slots are given to the other audit at once.
    assert!(assigned(&commands).iter().all(|(_, task, _)| task.starts_with("b/")));
    assert_eq!(desk.ledger.held(&worker("w1")).len(), 2);
    assert_eq!(desk.tell(Event::Cancelled { audit: audit("a") }), vec![]);
}

#[test]
fn an_audit_that_is_opened_again_starts_over_with_rising_attempts() {
    let mut desk = Desk::new();
    desk.join("w1", 1);
    desk.open("a", plan(2));
    let commands = desk.open("a", plan(2));
    assert_eq!(revoked(&commands), [("w1".into(), "a/0/count/0".into(), 1)]);
    assert_eq!(assigned(&commands), [("w1".into(), "a/0/count/0".into(), 2)]);
    assert_eq!(desk.done("w1", &task(Stage::Count, 0), 1), vec![]);
}

#[test]
fn what_is_due_next_is_known() {
    let settings = ScheduleSettings::default();
    let mut desk = Desk::with(settings.clone());
    assert_eq!(desk.ledger.scheduler.next_due(), None);
    desk.join("w1", 1);
    assert_eq!(desk.ledger.scheduler.next_due(), Some(settings.lease));
    desk.open("a", plan(1));
    desk.now += Duration::from_secs(3);
    desk.finish("w1", &task(Stage::Count, 0), 1, Outcome::Trouble("503".into()));
    assert_eq!(desk.ledger.scheduler.next_due(), Some(Duration::from_secs(4)));
    desk.now += Duration::from_secs(1);
    assert_eq!(assigned(&desk.tell(Event::Tick)).len(), 1);
    assert_eq!(desk.ledger.scheduler.next_due(), Some(settings.lease));
}
