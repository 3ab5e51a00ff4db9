//! What happens when things go wrong. The number in a name is that of the fault in the list of
//! faults that must be survived.

use std::time::Duration;

use taster_planning::schedule::{
    Command, Ending, Event, Exclusion, Facts, Outcome, ScheduleSettings, Stage, StageRecord,
};

use crate::desk::{Desk, assigned, audit, bad_shard, exclusions, plan, revoked, task, worker};

fn one(worker: &str, task: &str, attempt: u32) -> Vec<(String, String, u32)> {
    vec![(worker.into(), task.into(), attempt)]
}

#[test]
fn row_01_a_killed_workers_task_goes_to_another_with_a_new_attempt() {
    let mut desk = Desk::new();
    desk.join("w1", 1);
    assert_eq!(assigned(&desk.open("a", plan(1))), one("w1", "a/0/count/0", 1));
    desk.join("w2", 1);
    assert_eq!(assigned(&desk.leave("w1")), one("w2", "a/0/count/0", 2));
    desk.run_out(&["w2"], 0, 0);
    assert_eq!(desk.ending("a"), Some(&Ending::Done));
}

#[test]
fn row_01_a_killed_worker_whose_connection_stays_open_loses_its_lease() {
    let mut desk = Desk::new();
    desk.join("w1", 1);
    desk.open("a", plan(1));
    desk.join("w2", 1);
    assert_eq!(assigned(&desk.wait(29, &["w2"])), vec![]);
    let commands = desk.wait(1, &["w2"]);
    let lapsed = Command::LeaseLapsed { worker: worker("w1"), task: task(Stage::Count, 0) };
    assert!(commands.contains(&lapsed));
    assert_eq!(revoked(&commands), one("w1", "a/0/count/0", 1));
    assert_eq!(assigned(&commands), one("w2", "a/0/count/0", 2));
}

#[test]
fn row_02_a_frozen_workers_late_completion_is_refused() {
    let mut desk = Desk::new();
    desk.join("w1", 1);
    desk.open("a", plan(1));
    desk.join("w2", 1);
    desk.wait(30, &["w2"]);
    assert_eq!(desk.done("w1", &task(Stage::Count, 0), 1), vec![]);
    assert_eq!(desk.ledger.view(&audit("a")).unwrap().stages[0].done, 0);
    // It is back, and gets what is new, but its old attempt stays void.
    desk.beat("w1");
    assert_eq!(desk.done("w1", &task(Stage::Count, 0), 1), vec![]);
    let next = desk.done("w2", &task(Stage::Count, 0), 2);
    assert_eq!(assigned(&next).len(), 1);
    assert_eq!(desk.ledger.view(&audit("a")).unwrap().stages[0].done, 1);
}

#[test]
fn row_02_a_late_completion_is_refused_even_before_the_next_tick() {
    let mut desk = Desk::new();
    desk.join("w1", 1);
    desk.open("a", plan(1));
    desk.now = Duration::from_secs(31);
    // Told straight to the scheduler, which has not been ticked since.
    let scheduler = &mut desk.ledger.scheduler;
    let (worker, task) = (worker("w1"), task(Stage::Count, 0));
    let outcome = Outcome::Done(Facts::default());
    let event = Event::Finished { worker, task, attempt: 1, outcome };
    let commands = scheduler.handle(event, desk.now);
    assert!(matches!(commands[0], Command::LeaseLapsed { .. }), "{commands:?}");
    assert_eq!(scheduler.view(&audit("a")).unwrap().stages[0].done, 0);
}

#[test]
fn row_02_a_lease_that_lapsed_while_the_coordinator_slept_is_not_held_against_tasks() {
    let mut desk = Desk::with(ScheduleSettings { max_losses: 1, ..ScheduleSettings::default() });
    desk.join("w1", 1);
    desk.open("a", plan(1));
    desk.now = Duration::from_secs(100);
    let commands = desk.tell(Event::Tick);
    assert_eq!(revoked(&commands).len(), 1);
    assert_eq!(exclusions(&commands), vec![]);
    assert_eq!(assigned(&desk.beat("w1")), one("w1", "a/0/count/0", 2));
}

/// Four units, of which three took 10 s each and the last runs on `w1` since the start.
fn with_straggler() -> Desk {
    let mut desk = Desk::new();
    desk.join("w1", 1);
    desk.open("a", plan(4));
    desk.join("w2", 1);
    for unit in 1..4 {
        assert_eq!(assigned(&desk.wait(10, &["w1", "w2"])), vec![]);
        desk.done("w2", &task(Stage::Count, unit), 1);
    }
    desk
}

#[test]
fn row_03_a_straggler_gets_a_backup_and_the_loser_is_revoked() {
    let mut desk = with_straggler();
    // It began at 0; three times the median is 30 s.
    assert_eq!(assigned(&desk.tell(Event::Tick)), one("w2", "a/0/count/0", 2));
    let commands = desk.done("w2", &task(Stage::Count, 0), 2);
    assert_eq!(revoked(&commands), one("w1", "a/0/count/0", 1));
    // The loser's completion comes too late and changes nothing.
    let before = desk.ledger.view(&audit("a"));
    assert_eq!(desk.done("w1", &task(Stage::Count, 0), 1), vec![]);
    assert_eq!(desk.ledger.view(&audit("a")), before);
}

#[test]
fn row_03_the_first_attempt_may_win_as_well() {
    let mut desk = with_straggler();
    desk.tell(Event::Tick);
    let commands = desk.done("w1", &task(Stage::Count, 0), 1);
    assert_eq!(revoked(&commands), one("w2", "a/0/count/0", 2));
    assert_eq!(desk.ledger.backups, 1);
}

#[test]
fn row_03_a_task_that_hangs_before_anything_of_its_stage_is_done_gets_a_backup() {
    let mut desk = Desk::new();
    desk.join("w1", 1);
    desk.open("a", plan(1));
    desk.join("w2", 1);
    for _ in 0..599 {
        assert_eq!(assigned(&desk.wait(1, &["w1", "w2"])), vec![]);
    }
    assert_eq!(assigned(&desk.wait(1, &["w1", "w2"])), one("w2", "a/0/count/0", 2));
    let commands = desk.done("w2", &task(Stage::Count, 0), 2);
    assert_eq!(revoked(&commands), one("w1", "a/0/count/0", 1));
    assert_eq!(desk.ledger.backups, 1);
}

#[test]
fn row_03_no_backup_while_tasks_wait_nor_for_short_tasks_nor_beside_itself() {
    let mut desk = Desk::new();
    desk.join("w1", 2);
    desk.open("a", plan(2));
    desk.wait(1, &["w1"]);
    desk.done("w1", &task(Stage::Count, 1), 1);
    // Three times the median is 3 s, but the least is 10 s, and then there is no other worker.
    desk.join("w2", 1);
    assert_eq!(assigned(&desk.wait(8, &["w1", "w2"])), vec![]);
    desk.leave("w2");
    assert_eq!(assigned(&desk.wait(20, &["w1"])), vec![]);
    // Another audit's tasks come first.
    desk.open("b", plan(9));
    desk.join("w2", 1);
    assert_eq!(assigned(&desk.wait(20, &["w1", "w2"])), vec![]);
    assert_eq!(desk.ledger.backups, 0);
}

#[test]
fn row_04_a_partitioned_worker_is_told_to_drop_its_work_and_may_come_back() {
    let mut desk = Desk::new();
    desk.join("w1", 2);
    desk.open("a", plan(2));
    let commands = desk.wait(30, &[]);
    assert_eq!(revoked(&commands).len(), 2);
    assert_eq!(assigned(&commands), vec![]);
    // The same conversation goes on: a beat is enough.
    assert_eq!(assigned(&desk.beat("w1")).len(), 2);
    desk.run_out(&["w1"], 0, 0);
    assert_eq!(desk.ending("a"), Some(&Ending::Done));
}

#[test]
fn row_05_trouble_is_tried_again_after_growing_pauses_elsewhere_and_not_counted() {
    let mut desk = Desk::new();
    desk.join("w1", 1);
    desk.open("a", plan(1));
    desk.join("w2", 1);
    let (count, mut by, mut waits) = (task(Stage::Count, 0), "w1", vec![]);
    for attempt in 1..=8 {
        let trouble = Outcome::Trouble("503".into());
        assert_eq!(assigned(&desk.finish(by, &count, attempt, trouble)), vec![]);
        let before = desk.now;
        while desk.ledger.holders(&count).is_empty() {
            desk.wait(1, &["w1", "w2"]);
        }
        waits.push((desk.now - before).as_secs());
        by = if desk.ledger.held(&worker("w1")).is_empty() { "w2" } else { "w1" };
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 32, 32]);
    assert_eq!(desk.ending("a"), None);
    desk.run_out(&["w1", "w2"], 0, 0);
    assert_eq!(desk.ending("a"), Some(&Ending::Done));
}

#[test]
fn row_05_trouble_without_end_fails_the_audit_with_the_last_reason() {
    let mut desk = Desk::new();
    desk.join("w1", 1);
    desk.open("a", plan(1));
    for attempt in 1..100 {
        desk.finish("w1", &task(Stage::Count, 0), attempt, Outcome::Trouble("503".into()));
        if desk.ending("a").is_some() {
            break;
        }
        desk.wait(40, &["w1"]);
    }
    assert!(desk.reason("a").starts_with("a/0/count/0 has been in trouble for 9"));
    assert!(desk.reason("a").ends_with("503"));
    assert!(desk.now < Duration::from_secs(960));
}

#[test]
fn row_05_a_worker_with_nothing_but_trouble_rests() {
    let mut desk = Desk::new();
    desk.join("w1", 1);
    desk.open("a", plan(100));
    for unit in 0..3 {
        desk.finish("w1", &task(Stage::Count, unit), 1, Outcome::Trouble("dns".into()));
    }
    // Tasks wait and it has a free slot, but it gets none for a second.
    assert_eq!(desk.ledger.held(&worker("w1")), vec![]);
    assert_eq!(assigned(&desk.join("w2", 1)), one("w2", "a/0/count/3", 1));
    assert_eq!(assigned(&desk.wait(1, &["w1", "w2"])).len(), 1);
}

#[test]
fn row_07_and_13_a_unit_that_kills_several_workers_is_excluded() {
    for stage in [Stage::Count, Stage::CountTriples, Stage::Context] {
        let mut desk = Desk::new();
        let facts = Facts::default();
        let record = |stage| StageRecord { generation: 0, stage, facts };
        let stages = Stage::ALL.into_iter().take_while(|before| *before != stage);
        let complete = stages.map(record).collect();
        desk.open("a", taster_planning::schedule::Plan { complete, ..plan(2) });
        for victim in ["w1", "w2"] {
            desk.join(victim, 1);
            assert_eq!(exclusions(&desk.leave(victim)), vec![]);
        }
        desk.join("w3", 1);
        let cause = Exclusion::Poison { unit: 0, workers: 3 };
        assert_eq!(exclusions(&desk.leave("w3")), [(1, cause)]);
        // Nothing is assigned until it is committed; then all begins again.
        assert_eq!(desk.join("w4", 1), vec![]);
        let excluded = Event::Excluded { audit: audit("a"), generation: 1, refused: None };
        assert_eq!(assigned(&desk.tell(excluded)), one("w4", "a/1/count/0", 1));
        desk.run_out(&["w4"], 0, 0);
        assert_eq!(desk.ending("a"), Some(&Ending::Done));
    }
}

#[test]
fn row_13_units_beside_the_poison_are_not_taken_for_it() {
    let mut desk = Desk::new();
    desk.open("a", plan(64));
    for round in 0..3 {
        let name = format!("w{round}");
        let commands = desk.join(&name, 8);
        assert_eq!(assigned(&commands).len(), 8);
        // The poison is among them again, and at most one other that was there before.
        let again = assigned(&commands).iter().filter(|(_, _, attempt)| *attempt > 1).count();
        assert_eq!(again, usize::from(round > 0));
        let commands = desk.leave(&name);
        let poison = Exclusion::Poison { unit: 0, workers: 3 };
        let expected = if round == 2 { vec![(1, poison)] } else { vec![] };
        assert_eq!(exclusions(&commands), expected);
    }
}

#[test]
fn row_13_a_task_that_is_no_unit_and_kills_several_workers_fails_the_audit() {
    let mut desk = Desk::new();
    let record = StageRecord { generation: 0, stage: Stage::Count, facts: Facts::default() };
    desk.open("a", taster_planning::schedule::Plan { complete: vec![record], ..plan(1) });
    // Nothing of a merge can be left out, so it takes more of them than a unit does.
    for victim in 1..=9 {
        assert_eq!(desk.ending("a"), None);
        let victim = format!("w{victim}");
        desk.join(&victim, 1);
        desk.leave(&victim);
    }
    assert_eq!(desk.reason("a"), "a/0/screen/0 was lost 9 times, with 9 workers that ended");
}

#[test]
fn row_07_a_worker_that_is_lost_and_comes_back_counts_once_but_not_for_ever() {
    let mut desk = Desk::new();
    desk.open("a", plan(1));
    desk.join("w1", 1);
    for _ in 0..23 {
        assert_eq!(exclusions(&desk.wait(30, &[])), vec![]);
        desk.beat("w1");
        assert_eq!(desk.ending("a"), None);
    }
    desk.wait(30, &[]);
    assert_eq!(desk.reason("a"), "a/0/count/0 was lost 24 times, with 1 workers that ended");
}

#[test]
fn row_08_a_restarted_coordinator_goes_on_at_the_first_stage_that_is_not_complete() {
    let mut desk = Desk::new();
    desk.join("w1", 4);
    let facts = |bytes| Facts { bytes, tasks: 0, reused: 1 };
    let record = |generation, stage| StageRecord { generation, stage, facts: facts(13 << 20) };
    let complete = vec![
        record(0, Stage::Count),
        record(1, Stage::Count),
        record(1, Stage::Screen),
        // What lies beyond a gap does not count.
        record(1, Stage::Score),
    ];
    let plan = taster_planning::schedule::Plan { units: 2, generation: 1, complete };
    let commands = desk.open("a", plan);
    let names: Vec<_> = assigned(&commands).into_iter().map(|(_, task, _)| task).collect();
    assert_eq!(names, ["a/1/count-triples/0", "a/1/count-triples/1"]);
    let stages = desk.ledger.view(&audit("a")).unwrap().stages;
    let shown: Vec<_> = stages.iter().map(|s| (s.stage, s.tasks, s.done, s.running)).collect();
    let expected =
        [(Stage::Count, 2, 2, 0), (Stage::Screen, 4, 4, 0), (Stage::CountTriples, 2, 0, 2)];
    assert_eq!(shown, expected);
}

#[test]
fn row_08_an_audit_of_which_all_was_complete_ends_at_once() {
    let mut desk = Desk::new();
    let record = |stage| StageRecord { generation: 0, stage, facts: Facts::default() };
    let complete = Stage::ALL.into_iter().map(record).collect();
    let commands = desk.open("a", taster_planning::schedule::Plan { complete, ..plan(3) });
    assert_eq!(commands, [Command::End { audit: audit("a"), ending: Ending::Done }]);
}

#[test]
fn row_10_without_a_worker_audits_fail_after_the_grace_and_say_so() {
    let mut desk = Desk::new();
    desk.wait(100, &[]);
    desk.open("a", plan(1));
    desk.wait(599, &[]);
    assert_eq!(desk.ending("a"), None);
    desk.wait(1, &[]);
    assert!(desk.reason("a").contains("expected a worker, got none for 600 s"));
}

#[test]
fn row_10_the_grace_begins_when_the_last_worker_goes_and_ends_when_one_comes() {
    let mut desk = Desk::new();
    desk.open("a", plan(1));
    desk.join("w1", 1);
    desk.wait(1000, &["w1"]);
    desk.leave("w1");
    desk.wait(599, &[]);
    desk.join("w2", 1);
    desk.wait(599, &["w2"]);
    assert_eq!(desk.ending("a"), None);
    // Silence lapses after 30 s, and a worker that drains and has nothing is none.
    desk.tell(Event::Draining { worker: worker("w2") });
    desk.wait(630, &[]);
    assert!(desk.ending("a").is_some());
    // Late ticks find the same.
    desk.open("b", plan(1));
    desk.now += Duration::from_secs(5000);
    desk.tell(Event::Tick);
    assert!(desk.reason("b").contains("expected a worker"));
}

#[test]
fn row_11_every_message_twice_changes_nothing() {
    let mut desk = Desk::new();
    desk.join("w1", 1);
    desk.open("a", plan(2));
    let first = task(Stage::Count, 0);
    let facts = Facts { bytes: 7, tasks: 0, reused: 1 };
    assert_eq!(desk.finish("w1", &first, 1, Outcome::Done(facts)).len(), 1);
    assert_eq!(desk.finish("w1", &first, 1, Outcome::Done(facts)), vec![]);
    assert_eq!(desk.finish("w1", &first, 1, Outcome::Failed("no".into())), vec![]);
    let commands = desk.done("w1", &task(Stage::Count, 1), 1);
    let sum = StageRecord { generation: 0, stage: Stage::Count, facts };
    assert!(commands.contains(&Command::Record { audit: audit("a"), record: sum }));
    assert_eq!(desk.done("w1", &task(Stage::Count, 1), 1), vec![]);
    for _ in 0..2 {
        desk.leave("w1");
        desk.tell(Event::Cancelled { audit: audit("a") });
        desk.tell(Event::Draining { worker: worker("w1") });
    }
    assert_eq!(desk.ending("a"), Some(&Ending::Cancelled));
}

#[test]
fn row_12_a_zombie_of_an_older_generation_is_refused() {
    let mut desk = Desk::new();
    desk.join("w1", 2);
    desk.open("a", plan(2));
    let commands = desk.finish("w1", &task(Stage::Count, 0), 1, bad_shard("x"));
    assert_eq!(revoked(&commands), one("w1", "a/0/count/1", 1));
    assert_eq!(desk.done("w1", &task(Stage::Count, 1), 1), vec![]);
    desk.tell(Event::Excluded { audit: audit("a"), generation: 1, refused: None });
    assert_eq!(desk.done("w1", &task(Stage::Count, 1), 1), vec![]);
    assert_eq!(desk.ledger.view(&audit("a")).unwrap().stages[0].done, 0);
    // Nor does it spoil what the new generation does.
    assert_eq!(desk.ledger.held(&worker("w1")).len(), 2);
}

#[test]
fn row_16_a_draining_worker_gets_nothing_new_and_its_releases_are_reassigned_at_once() {
    let mut desk = Desk::new();
    desk.join("w1", 3);
    desk.open("a", plan(2));
    desk.tell(Event::Draining { worker: worker("w1") });
    desk.open("b", plan(1));
    assert_eq!(desk.ledger.held(&worker("w1")).len(), 2);
    desk.join("w2", 3);
    let commands = desk.finish("w1", &task(Stage::Count, 0), 1, Outcome::Released);
    assert_eq!(assigned(&commands), one("w2", "a/0/count/0", 2));
    desk.done("w1", &task(Stage::Count, 1), 1);
    assert_eq!(desk.leave("w1"), vec![]);
    desk.run_out(&["w2"], 0, 0);
    assert_eq!(desk.ending("a"), Some(&Ending::Done));
    assert_eq!(desk.ending("b"), Some(&Ending::Done));
}

#[test]
fn row_16_releases_count_neither_as_failure_nor_as_loss() {
    let mut desk = Desk::new();
    desk.open("a", plan(1));
    for round in 1..20 {
        let name = format!("w{round}");
        desk.join(&name, 1);
        desk.tell(Event::Draining { worker: worker(&name) });
        desk.finish(&name, &task(Stage::Count, 0), round, Outcome::Released);
        assert_eq!(exclusions(&desk.leave(&name)), vec![]);
    }
    assert_eq!(desk.ending("a"), None);
}

#[test]
fn row_17_a_second_scheduler_finishes_what_the_first_recorded() {
    let mut first = Desk::new();
    first.join("w1", 2);
    first.open("a", plan(3));
    for unit in 0..3 {
        first.done("w1", &task(Stage::Count, unit), 1);
    }
    let complete = first.ledger.records.clone();
    assert_eq!(complete.len(), 1);
    let mut second = Desk::new();
    second.join("w1", 2);
    let commands = second.open("a", taster_planning::schedule::Plan { complete, ..plan(3) });
    assert_eq!(assigned(&commands), one("w1", "a/0/screen/0", 1));
    second.run_out(&["w1"], 0, 0);
    assert_eq!(second.ending("a"), Some(&Ending::Done));
}

#[test]
fn row_18_workers_are_told_apart_by_identity_and_a_new_conversation_voids_the_old() {
    let mut desk = Desk::new();
    desk.join("pod-0/first", 1);
    desk.open("a", plan(2));
    assert_eq!(assigned(&desk.join("pod-0/second", 1)), one("pod-0/second", "a/0/count/1", 1));
    let commands = desk.join("pod-0/first", 1);
    assert_eq!(revoked(&commands), one("pod-0/first", "a/0/count/0", 1));
    assert_eq!(assigned(&commands), one("pod-0/first", "a/0/count/0", 2));
    assert_eq!(desk.done("pod-0/first", &task(Stage::Count, 0), 1), vec![]);
    assert_eq!(desk.ledger.view(&audit("a")).unwrap().stages[0].done, 0);
}

#[test]
fn row_44_claims_that_nobody_was_asked_for_are_refused() {
    let mut desk = Desk::new();
    desk.join("w1", 1);
    desk.open("a", plan(2));
    desk.join("w2", 1);
    let mine = task(Stage::Count, 0);
    let before = desk.ledger.view(&audit("a"));
    for attempt in [0, 2, u32::MAX] {
        assert_eq!(desk.done("w1", &mine, attempt), vec![]);
    }
    let mut others = vec![task(Stage::Count, 1), task(Stage::Count, 99), task(Stage::Report, 0)];
    others.push(taster_planning::schedule::TaskKey { generation: 1, ..mine.clone() });
    others.push(taster_planning::schedule::TaskKey { audit: audit("b"), ..mine.clone() });
    for other in others {
        assert_eq!(desk.done("w1", &other, 1), vec![]);
        assert_eq!(desk.finish("w1", &other, 1, bad_shard("x")), vec![]);
    }
    for event in [
        Event::Beat { worker: worker("nobody") },
        Event::Left { worker: worker("nobody") },
        Event::Draining { worker: worker("nobody") },
        Event::Cancelled { audit: audit("nothing") },
        Event::Excluded { audit: audit("a"), generation: 7, refused: None },
        Event::Excluded { audit: audit("a"), generation: 7, refused: Some("no".into()) },
    ] {
        assert_eq!(desk.tell(event), vec![]);
    }
    assert_eq!(desk.done("nobody", &mine, 1), vec![]);
    assert_eq!(desk.ledger.view(&audit("a")), before);
}

#[test]
fn row_44_absurd_claims_cost_neither_memory_nor_a_panic() {
    let mut desk = Desk::new();
    desk.join("w1", 2);
    desk.open("a", plan(2));
    let facts = Facts { bytes: u64::MAX, tasks: u32::MAX, reused: u32::MAX };
    let claim = |desk: &mut Desk, stage, index| {
        desk.finish("w1", &task(stage, index), 1, Outcome::Done(facts))
    };
    claim(&mut desk, Stage::Count, 0);
    claim(&mut desk, Stage::Count, 1);
    let stages = desk.ledger.view(&audit("a")).unwrap().stages;
    assert_eq!((stages[0].reused, stages[1].tasks), (2, 256));
    for index in 0..256 {
        claim(&mut desk, Stage::Screen, index);
    }
    for stage in Stage::ALL.into_iter().skip(2).take_while(|stage| *stage < Stage::Choose) {
        let tasks = if stage.is_by_unit() { 2 } else { 1 };
        for index in 0..tasks {
            desk.done("w1", &task(stage, index), 1);
        }
    }
    claim(&mut desk, Stage::Choose, 0);
    let stages = desk.ledger.view(&audit("a")).unwrap().stages;
    let evidence = stages.iter().find(|stage| stage.stage == Stage::Evidence).unwrap();
    assert_eq!(evidence.tasks, u32::MAX);
    desk.tell(Event::Cancelled { audit: audit("a") });
    assert_eq!(desk.ending("a"), Some(&Ending::Cancelled));
}
