//! The in-process dispatcher: runs the independent tasks of a wave on plain threads.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::TaskError;

/// Runs `work` for every task on up to `threads` threads and returns the results in task order.
/// The largest tasks, by `bytes`, begin first, so that no thread is left with a large one while the
/// others have nothing to do. After the first error no new task is started; of the errors that of
/// the lowest task is returned.
pub(crate) fn run_wave<T: Sync, R: Send>(
    threads: usize,
    tasks: &[T],
    bytes: impl Fn(&T) -> u64,
    work: impl Fn(&T) -> Result<R, TaskError> + Sync,
) -> Result<Vec<R>, TaskError> {
    run(threads, tasks, bytes, work)
}

fn run<T: Sync, R: Send, E: Send>(
    threads: usize,
    tasks: &[T],
    bytes: impl Fn(&T) -> u64,
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let results: Vec<Mutex<Option<Result<R, E>>>> =
        tasks.iter().map(|_| Mutex::new(None)).collect();
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(bytes(&tasks[index])));
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let take_turns = || {
        while !failed.load(Ordering::Relaxed) {
            let Some(&index) = order.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            let result = work(&tasks[index]);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            *results[index].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(tasks.len()).max(1) {
            scope.spawn(take_turns);
        }
        take_turns();
    });
    in_order(results)
}

/// Parts per thread of many small items: few enough to cost nothing, enough that no thread waits long for the last.
const PARTS: usize = 4;

/// What `work` makes of every item, in their order, on up to `threads` threads: for items of too little work to be a task each.
pub(crate) fn each<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let parts: Vec<&[T]> =
        items.chunks(items.len().div_ceil((PARTS * threads).max(1)).max(1)).collect();
    let part = |part: &&[T]| Ok::<Vec<R>, Infallible>(part.iter().map(&work).collect());
    let Ok(done) = run(threads, &parts, |part| part.len() as u64, part);
    done.into_iter().flatten().collect()
}

/// Runs both, `other` on a thread of its own: for two steps of different kinds that are short.
pub(crate) fn both<A, B: Send>(
    one: impl FnOnce() -> A,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    std::thread::scope(|scope| {
        let other = scope.spawn(other);
        let one = one();
        (one, other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// The results of all tasks, or the first error; a task is without a result only if another failed.
fn in_order<R, E>(results: Vec<Mutex<Option<Result<R, E>>>>) -> Result<Vec<R>, E> {
    let results = results
        .into_iter()
        .filter_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    results.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn small_items_keep_their_order() {
        for threads in [0, 1, 2, 7] {
            for items in [0u32, 1, 2, 29, 1000] {
                let all: Vec<u32> = (0..items).collect();
                let doubled = each(threads, &all, |item| item * 2);
                assert_eq!(doubled, all.iter().map(|item| item * 2).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn results_keep_task_order_for_any_number_of_threads() {
        let tasks: Vec<u32> = (0..100).collect();
        for threads in [1, 2, 7] {
            let results =
                run_wave(threads, &tasks, |task| u64::from(task % 7), |task| Ok(task * 2)).unwrap();
            assert_eq!(results, tasks.iter().map(|task| task * 2).collect::<Vec<_>>());
        }
        assert!(run_wave(3, &[0u8; 0], |_| 0, |_| Ok(())).unwrap().is_empty());
    }

    #[test]
    fn the_largest_begin_first() {
        let tasks = [3u64, 9, 1, 9];
        let begun = Mutex::new(Vec::new());
        run_wave(
            1,
            &tasks,
            |task| *task,
            |task| {
                begun.lock().unwrap().push(*task);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(*begun.lock().unwrap(), [9, 9, 3, 1]);
    }

    #[test]
    fn an_error_stops_the_wave() {
        let tasks: Vec<u32> = (0..100).collect();
        let started = AtomicUsize::new(0);
        let result = run_wave(
            2,
            &tasks,
            |_| 1,
            |task| {
                started.fetch_add(1, Ordering::Relaxed);
                if *task == 3 { Err(TaskError::Parameter("three".into())) } else { Ok(()) }
            },
        );
        assert_eq!(result.unwrap_err().to_string(), "three");
        assert!(started.load(Ordering::Relaxed) < 100);
    }
}
